"""What a home holds is known at once or not at all: no page waits for a disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from hub.homes.board import ASK_EVERY_SECONDS, HomeBoard
from spawner.homes import HomesSilent, HomeUsage

SOME = HomeUsage(used_bytes=3, is_whole=True)
PATIENCE_SECONDS = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def board(ask: Callable[[str], Awaitable[HomeUsage]], clock: Clock, *, seconds: float = PATIENCE_SECONDS) -> HomeBoard:
    log = logging.getLogger(__name__)
    return HomeBoard(ask, log=log, clock=clock, limit_seconds=seconds)


async def until_asked(board: HomeBoard, home: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while board.look(home).is_asked:  # noqa: ASYNC110 - a page asks again, too
            await asyncio.sleep(0.001)


async def test_the_first_page_does_not_wait_and_the_second_knows(clock: Clock) -> None:
    async def ask(home: str) -> HomeUsage:
        return HomeUsage(used_bytes=len(home), is_whole=True)

    homes = board(ask, clock)
    first = homes.look("alice", quota_bytes=10)
    assert (first.usage, first.is_asked, first.quota_bytes) == (None, True, 10)
    await until_asked(homes, "alice")
    assert homes.look("alice").usage == HomeUsage(used_bytes=5, is_whole=True)


async def test_it_is_asked_again_when_the_answer_is_old_and_not_before(clock: Clock) -> None:
    asked: list[str] = []

    async def ask(home: str) -> HomeUsage:
        asked.append(home)
        return SOME

    homes = board(ask, clock)
    for _ in range(3):
        homes.look("alice")
        await until_asked(homes, "alice")
    assert asked == ["alice"]
    clock.now += ASK_EVERY_SECONDS
    look = homes.look("alice")
    assert (look.usage, look.is_asked) == (SOME, False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asked == ["alice", "alice"]


async def test_a_home_that_does_not_answer_is_not_known(clock: Clock) -> None:
    async def hang(_: str) -> HomeUsage:
        await asyncio.Event().wait()
        return SOME

    homes = board(hang, clock, seconds=0.01)
    await until_asked(homes, "alice")
    look = homes.look("alice")
    assert (look.usage, look.is_asked) == (None, False)


@pytest.mark.parametrize("error", [HomesSilent("silent"), OSError("broken"), RuntimeError("a bug")], ids=repr)
async def test_whatever_goes_wrong_the_page_is_shown(error: Exception, clock: Clock) -> None:
    async def fail(_: str) -> HomeUsage:
        raise error

    homes = board(fail, clock)
    await until_asked(homes, "alice")
    assert homes.look("alice").usage is None


async def test_one_home_that_hangs_says_nothing_of_another(clock: Clock) -> None:
    async def ask(home: str) -> HomeUsage:
        if home == "alice":
            await asyncio.Event().wait()
        return SOME

    homes = board(ask, clock, seconds=0.05)
    homes.look("alice")
    await until_asked(homes, "bob")
    assert homes.look("bob").usage == SOME
    await until_asked(homes, "alice")
