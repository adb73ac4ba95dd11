"""Starts are remembered in our own database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.database import Database
from hub.keys import Keys
from hub.settings import Settings
from hub.starts.actions import KEPT, record_start
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


def kept(database: Database, column: str) -> list[Any]:
    """What one column says, as the database has it."""
    with database.transaction() as session:
        rows = session.connection().exec_driver_sql(f"SELECT {column} FROM start").all()
    return [value for (value,) in rows]


async def test_starts_of_more_than_a_year_ago_are_forgotten(database: Database) -> None:
    later = NOON + KEPT + timedelta(days=1)
    await record_start(database, a_start(environment_digest="old"), now=NOON)
    await record_start(database, a_start(started_at=later), now=later)
    assert kept(database, "environment_digest") == ["d1"]


async def test_times_of_other_zones_are_put_in_order(database: Database) -> None:
    in_tokyo = datetime.fromisoformat("2026-05-01T20:59:00+09:00")
    await record_start(database, a_start(started_at=in_tokyo), now=NOON)
    (stored,) = kept(database, "started_at")
    assert str(stored).startswith("2026-05-01 11:59")


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
