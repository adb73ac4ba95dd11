"""Each start is remembered with what was promised of it; together they say how long the next will take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from hub.capacity import actions
from hub.capacity.accuracy import Told, accuracy_of
from hub.capacity.actions import KEPT, Lessons, remember
from hub.capacity.tables import MeasuredStartRow
from hub.database import Database
from hub.keys import Keys
from studiolo.wire import AccuracyOfDay, Expectations, ForecastAccuracy, StageSpread, StartForecast, StartRecord
from tests.cluster.databases import PostgresServer

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path}/services.sqlite"
    database = Database(url)
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
        "phases": {},
        "outcome": "ready",
        "started_at": NOON,
        "stages": {"scheduling": 1.0, "server": 3.0},
        "node_group": "pool",
        "forecast": StartForecast(kind="ready", seconds=5.0, stages={"scheduling": 1.0, "server": 4.0}),
    }
    return StartRecord(**{**facts, **changes})


def rows(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(MeasuredStartRow)) or 0


def usual(stages: tuple[StageSpread, ...], stage: str, **like: str) -> float | None:
    wanted = {"software": "", "hardware": "", "group": "", **like}
    return next(
        (
            one.usual
            for one in stages
            if one.stage == stage and all(getattr(one, name) == value for name, value in wanted.items())
        ),
        None,
    )


async def test_before_the_first_start_nothing_is_known(database: Database) -> None:
    learned = await Lessons(database).learned(now=NOON)
    assert (learned.stages, learned.accuracy) == ((), ForecastAccuracy())


async def test_what_a_start_took_is_expected_of_those_like_it(database: Database) -> None:
    await remember(database, a_start(), now=NOON)
    stages = (await Lessons(database).learned(now=NOON)).stages
    assert usual(stages, "server", software="d1", hardware="small", group="pool") == 3.0
    assert usual(stages, "server", software="python") == 3.0
    assert usual(stages, "scheduling", hardware="small") == 1.0
    assert usual(stages, "server", software="d2") is None


async def test_what_was_promised_is_held_against_what_came(database: Database) -> None:
    await remember(database, a_start(), now=NOON)
    accuracy = (await Lessons(database).learned(now=NOON)).accuracy
    assert (accuracy.starts, accuracy.median_error, accuracy.within_30_percent) == (1, 0.25, 1.0)


@pytest.mark.parametrize(
    "forecast", [None, StartForecast(kind="not_now")], ids=["nobody was asked", "it was said not to start"]
)
async def test_a_start_without_a_promise_is_measured_all_the_same(
    database: Database, forecast: StartForecast | None
) -> None:
    await remember(database, a_start(forecast=forecast), now=NOON)
    learned = await Lessons(database).learned(now=NOON)
    assert learned.accuracy.starts == 0
    assert usual(learned.stages, "server") == 3.0


async def test_a_failed_start_is_kept_and_says_nothing_of_how_long_a_good_one_takes(database: Database) -> None:
    await remember(database, a_start(outcome="image_not_found"), now=NOON)
    assert rows(database) == 1
    assert (await Lessons(database).learned(now=NOON)).stages == ()


def a_claim(**changes: Any) -> StartRecord:
    promised = StartForecast(kind="ready", seconds=0.5, stages={"claim": 0.375, "lab": 0.125})
    facts = {"outcome": "claimed", "stages": {"claim": 0.75, "lab": 0.25}, "forecast": promised}
    return a_start(**{**facts, **changes})


async def test_claimed_starts_are_measured_and_judged_apart_from_normal_ones(database: Database) -> None:
    await remember(database, a_start(), now=NOON)
    await remember(database, a_claim(), now=NOON)
    learned = await Lessons(database).learned(now=NOON)
    assert usual(learned.stages, "claim", software="d1", hardware="small") == 0.75
    assert usual(learned.stages, "server") == 3.0
    assert (learned.accuracy.starts, learned.accuracy.median_error) == (1, 0.25)
    assert (learned.claims.starts, learned.claims.median_error) == (1, 0.5)


async def test_a_promise_of_a_warm_pod_that_came_to_nothing_is_held_against_what_came(database: Database) -> None:
    stages = {"claim": 0.25, "scheduling": 0.75, "server": 4.0}
    await remember(database, a_claim(outcome="ready", stages=stages), now=NOON)
    learned = await Lessons(database).learned(now=NOON)
    assert (learned.claims.median_error, learned.accuracy.starts) == (0.9, 0)
    assert usual(learned.stages, "claim") is None
    assert usual(learned.stages, "server") == 4.0


async def test_a_start_of_an_older_hub_has_no_stages_and_is_not_kept(database: Database) -> None:
    await remember(database, a_start(stages={}), now=NOON)
    assert rows(database) == 0


async def test_stages_that_this_version_does_not_know_are_passed_over(database: Database) -> None:
    await remember(database, a_start(stages={"server": 3.0, "of-a-later-version": 1.0}), now=NOON)
    assert {one.stage for one in (await Lessons(database).learned(now=NOON)).stages} == {"server"}


async def test_old_starts_are_forgotten_and_so_are_the_oldest_of_too_many(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remember(database, a_start(started_at=NOON - KEPT - timedelta(days=1)), now=NOON - KEPT)
    monkeypatch.setattr(actions, "MOST_KEPT", 3)
    for minute in range(5):
        await remember(database, a_start(started_at=NOON + timedelta(minutes=minute)), now=NOON)
    with database.transaction() as session:
        kept = session.scalars(select(MeasuredStartRow.started_at).order_by(MeasuredStartRow.id)).all()
    assert [moment.minute for moment in kept] == [2, 3, 4]


async def test_what_is_known_is_worked_out_anew_only_after_a_new_start_or_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remember(database, a_start(), now=NOON)
    lessons, worked_out = Lessons(database), []
    monkeypatch.setattr(actions, "learn", lambda rows, *, now: worked_out.append((len(rows), now)))
    later = NOON + timedelta(minutes=11)
    for moment in (NOON, NOON + timedelta(minutes=1), later):
        await lessons.learned(now=moment)
    await remember(database, a_start(), now=later)
    await lessons.learned(now=later)
    assert worked_out == [(1, NOON), (1, later), (2, later)]


async def test_over_rest_a_start_is_remembered_and_what_it_teaches_is_told(
    services: httpx.AsyncClient, keys: Keys
) -> None:
    headers = {"Authorization": f"Bearer {keys.hub_token}"}
    start = a_start(started_at=datetime.now(UTC)).model_dump_json()
    assert (await services.post("api/starts", content=start, headers=headers)).status_code == 201
    answer = await services.get("api/expectations", headers=headers)
    told = Expectations.model_validate_json(answer.content)
    assert usual(told.stages, "server", software="d1") == 3.0
    assert told.accuracy.median_error == 0.25


def test_accuracy_is_told_by_day_and_all_in_all() -> None:
    starts = [
        Told(at=NOON, promised_seconds=10, seconds=10),
        Told(at=NOON, promised_seconds=10, seconds=20),
        Told(at=NOON - timedelta(days=1), promised_seconds=12, seconds=10),
    ]
    assert accuracy_of(starts) == ForecastAccuracy(
        starts=3,
        median_error=0.2,
        within_30_percent=0.6667,
        days=(
            AccuracyOfDay(day=(NOON - timedelta(days=1)).date(), starts=1, median_error=0.2, within_30_percent=1.0),
            AccuracyOfDay(day=NOON.date(), starts=2, median_error=0.25, within_30_percent=0.5),
        ),
    )


def test_half_a_second_more_than_half_a_second_is_not_twice_as_long() -> None:
    assert Told(at=NOON, promised_seconds=1.0, seconds=0.5).error == 0.5
