"""Starts are remembered in our own database, and asked for over REST."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.database import Database
from hub.keys import Keys
from hub.settings import Settings
from hub.starts.actions import KEPT, expectations, record_start
from studiolo.wire import StartRecord

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    database.upgrade()
    yield database
    database.close()


def a_start(**changes: Any) -> StartRecord:
    facts: dict[str, Any] = {
        "user": "alice",
        "server": "",
        "environment": "python",
        "hardware": "small",
        "environment_digest": "d1",
        "phases": {"room": 0.1, "server": 2.0},
        "outcome": "ready",
        "started_at": NOON,
    }
    return StartRecord(**{**facts, **changes})


async def test_nothing_is_expected_before_the_first_start(database: Database) -> None:
    assert await expectations(database) == {}


async def test_the_last_twenty_starts_of_an_environment_decide(database: Database) -> None:
    for number in range(25):
        seconds = 100.0 if number < 5 else 2.0 + number % 2
        start = a_start(phases={"server": seconds}, started_at=NOON + timedelta(minutes=number))
        await record_start(database, start, now=NOON)
    assert await expectations(database) == {"d1": {"server": 2.5}}


async def test_the_last_are_those_that_began_last_in_whatever_order_they_were_sent(database: Database) -> None:
    for number in reversed(range(25)):
        seconds = 100.0 if number < 5 else 2.0
        start = a_start(phases={"server": seconds}, started_at=NOON + timedelta(minutes=number))
        await record_start(database, start, now=NOON)
    assert await expectations(database) == {"d1": {"server": 2.0}}


async def test_environments_are_told_apart_by_their_digest(database: Database) -> None:
    await record_start(database, a_start(environment_digest="d1", phases={"server": 1.0}), now=NOON)
    await record_start(database, a_start(environment_digest="d2", phases={"server": 9.0}), now=NOON)
    assert await expectations(database) == {"d1": {"server": 1.0}, "d2": {"server": 9.0}}


async def test_failed_starts_say_nothing_about_how_long_a_good_one_takes(database: Database) -> None:
    await record_start(database, a_start(outcome="server_exited", phases={"server": 0.2}), now=NOON)
    assert await expectations(database) == {}


async def test_starts_of_more_than_a_year_ago_are_forgotten(database: Database) -> None:
    await record_start(database, a_start(environment_digest="old"), now=NOON)
    await record_start(
        database, a_start(started_at=NOON + KEPT + timedelta(days=1)), now=NOON + KEPT + timedelta(days=1)
    )
    assert set(await expectations(database)) == {"d1"}


async def test_times_of_other_zones_are_put_in_order(database: Database) -> None:
    in_tokyo = datetime.fromisoformat("2026-05-01T20:59:00+09:00")
    await record_start(database, a_start(started_at=in_tokyo), now=NOON)
    with database.transaction() as session:
        (stored,) = session.connection().exec_driver_sql("SELECT started_at FROM start").one()
    assert str(stored).startswith("2026-05-01 11:59")


async def test_a_start_that_was_sent_is_expected_of_the_next(services: httpx.AsyncClient, keys: Keys) -> None:
    headers = {"Authorization": f"Bearer {keys.hub_token}"}
    sent = await services.post(
        "api/starts", content=a_start(started_at=datetime.now(UTC)).model_dump_json(), headers=headers
    )
    assert sent.status_code == 201
    answer = await services.get("api/expectations", headers=headers)
    assert answer.json()["environments"] == {"d1": {"room": 0.1, "server": 2.0}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"user": "alice"}', id="half"),
        pytest.param(b"\xff", id="not text"),
    ],
)
async def test_what_is_not_a_start_is_refused_with_what_is_wrong(
    services: httpx.AsyncClient, keys: Keys, body: bytes
) -> None:
    answer = await services.post("api/starts", content=body, headers={"Authorization": f"token {keys.hub_token}"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("This is not a start: ")


async def test_negative_or_endless_phases_are_refused(services: httpx.AsyncClient, keys: Keys) -> None:
    for seconds in ("-1", "1e999", '"NaN"', "null"):
        body = a_start().model_dump_json().replace("2.0", seconds)
        answer = await services.post("api/starts", content=body, headers={"Authorization": f"token {keys.hub_token}"})
        assert answer.status_code == 400
