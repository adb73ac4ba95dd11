"""Whose turn it is to change a repository, within one process and among several."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.builder.errors import BeingChanged
from hub.builder.turns import FileTurns, PostgresqlTurns, Turns, turns_among
from hub.database import DatabaseAway
from tests.cluster.databases import PostgresServer

IRIS, WINE = "models/alice/iris", "models/alice/wine"

Others = FileTurns | PostgresqlTurns


@pytest.fixture(params=["files", "PostgreSQL"])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Others, Others]]:
    """What two processes of one installation have."""
    url = "sqlite:///x"
    if request.param == "PostgreSQL":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    one, other = (turns_among(url, tmp_path / "turns") for _ in range(2))
    yield one, other
    one.close()
    other.close()


async def is_free(others: Others, what: str) -> bool:
    try:
        async with Turns(others, patience=0).of(what):
            return True
    except BeingChanged:
        return False


async def test_two_processes_take_turns_with_one_repository_and_do_not_wait_for_another(
    processes: tuple[Others, Others],
) -> None:
    one, other = processes
    async with Turns(one).of(IRIS):
        assert not await is_free(other, IRIS)
        assert await is_free(other, WINE)
    assert await is_free(other, IRIS)


async def test_who_waits_has_their_turn_once_the_other_is_done(processes: tuple[Others, Others]) -> None:
    done = []

    async def change(turns: Turns, name: str) -> None:
        async with turns.of(IRIS):
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(f"{name} ends")

    of_each = [Turns(others) for others in processes]
    await asyncio.gather(*(change(turns, f"{number}") for number in range(3) for turns in of_each))
    assert [line.split()[1] for line in done] == ["begins", "ends"] * 6


async def test_an_error_ends_a_turn(processes: tuple[Others, Others]) -> None:
    one, other = processes
    with pytest.raises(RuntimeError):
        async with Turns(one).of(IRIS):
            raise RuntimeError
    assert await is_free(other, IRIS)


async def test_one_process_makes_one_change_of_a_repository_at_a_time(processes: tuple[Others, Others]) -> None:
    turns, at_once = Turns(processes[0]), []

    async def change() -> None:
        async with turns.of(IRIS):
            at_once.append(1)
            assert sum(at_once) == 1
            await asyncio.sleep(0)
            at_once.append(-1)

    await asyncio.gather(*(change() for _ in range(5)))


async def test_whoever_dies_loses_their_turn(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    one, other = PostgresqlTurns(url), PostgresqlTurns(url)
    async with Turns(one).of(IRIS):
        one.close()  # as the end of a process ends its session
        assert await is_free(other, IRIS)
    other.close()


async def test_a_database_that_was_away_is_used_again_and_one_that_is_away_is_said_to_be(
    own_postgres: PostgresServer,
) -> None:
    turns = PostgresqlTurns(own_postgres.new_database())
    assert await is_free(turns, IRIS)
    own_postgres.stop()
    own_postgres.start()
    assert await is_free(turns, IRIS)
    own_postgres.stop()
    with pytest.raises(DatabaseAway):
        await is_free(turns, IRIS)
