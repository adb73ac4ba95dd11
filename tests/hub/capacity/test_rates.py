"""Starts to expect at this hour, from the real tables of a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.capacity.actions import remember
from hub.capacity.demand import WEEK
from hub.capacity.pool_plan import RARE_PER_HOUR
from hub.capacity.rates import AGAIN_AFTER, PoolRates, Rates
from hub.database import Database
from tests.hub.capacity.shapes import NOW
from tests.hub.capacity.test_measured_starts import a_start, database

__all__ = ["database"]


async def test_what_started_at_this_hour_of_earlier_weeks_is_expected_now(database: Database) -> None:
    for week in range(1, 7):
        await remember(database, a_start(started_at=NOW - week * WEEK), now=NOW)
        await remember(database, a_start(started_at=NOW - week * WEEK + timedelta(hours=5), hardware="large"), now=NOW)
    rates = await Rates(database).at(NOW)
    assert rates == {"small": pytest.approx(1), "large": 0}


async def test_a_start_counts_at_the_latest_a_minute_after_it(database: Database) -> None:
    rates = Rates(database)
    assert await rates.at(NOW) == {}
    await remember(database, a_start(started_at=NOW - WEEK), now=NOW)
    assert await rates.at(NOW + timedelta(seconds=30)) == {}
    assert await rates.at(NOW + AGAIN_AFTER) == {"small": 1}


async def test_each_environment_on_each_hardware_is_expected_by_itself(database: Database) -> None:
    for environment, hardware in (("python", "small"), ("python", "small"), ("torch", "small"), ("torch", "large")):
        await remember(database, a_start(started_at=NOW - WEEK, environment=environment, hardware=hardware), now=NOW)
    rates = await PoolRates(database).at(NOW)
    assert rates == {("python", "small"): 2, ("torch", "small"): 1, ("torch", "large"): 1}


async def test_what_started_lately_has_a_pool_and_holds_no_more_room(database: Database) -> None:
    await remember(database, a_start(started_at=NOW - timedelta(minutes=3)), now=NOW)
    (rate,) = (await PoolRates(database).at(NOW)).values()
    assert rate == RARE_PER_HOUR, "one start is enough for a warm pod"
    assert await Rates(database).at(NOW) == {"small": 0}
