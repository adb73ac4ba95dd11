"""How many starts to expect at this hour, and how many slots that takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.capacity.demand import slots_for, starts_lately, starts_per_hour
from tests.hub.capacity.shapes import NOW

WEEK = timedelta(weeks=1)
TEN_MINUTES = timedelta(minutes=10)


def test_without_starts_none_are_expected() -> None:
    assert starts_per_hour([], now=NOW) == 0


def test_starts_of_today_say_nothing_of_this_hour_of_the_week() -> None:
    assert starts_per_hour([NOW - timedelta(hours=1), NOW - timedelta(days=2)], now=NOW) == 0


def test_what_started_in_the_last_two_hours_is_expected_again() -> None:
    starts = [NOW + timedelta(minutes=minutes) for minutes in (-300, -121, -119, -5, 10)]
    assert starts_lately(starts, now=NOW) == 1
    assert starts_lately([], now=NOW) == 0


def test_the_same_hour_of_the_last_week_is_all_that_a_young_installation_knows() -> None:
    starts = [NOW - WEEK + timedelta(minutes=minute) for minute in (-20, 0, 25, 40)]
    assert starts_per_hour(starts, now=NOW) == 3


def test_a_week_back_counts_half_as_much_as_the_one_after_it() -> None:
    starts = [*(NOW - WEEK for _ in range(4)), *(NOW - 2 * WEEK for _ in range(10))]
    assert starts_per_hour(starts, now=NOW) == pytest.approx((4 * 0.5 + 10 * 0.25) / 0.75)


def test_a_week_without_starts_counts_too() -> None:
    assert starts_per_hour([NOW - 3 * WEEK] * 7, now=NOW) == pytest.approx(7 * 0.125 / (0.5 + 0.25 + 0.125))


def test_what_is_older_than_six_weeks_says_nothing() -> None:
    assert starts_per_hour([NOW - 7 * WEEK] * 100, now=NOW) == 0


@pytest.mark.parametrize(
    ("rate", "slots"),
    [
        pytest.param(0, 0, id="nobody"),
        pytest.param(0.3, 0, id="somebody every few hours: nine of ten such moments pass without"),
        pytest.param(1, 1, id="one an hour"),
        pytest.param(6, 2, id="one in ten minutes"),
        pytest.param(60, 14, id="one a minute"),
    ],
)
def test_slots_serve_nine_of_ten_moments(rate: float, slots: int) -> None:
    assert slots_for(rate, refill=TEN_MINUTES) == slots


@given(st.floats(0, 2000), st.floats(0, 2000))
def test_more_starts_never_take_fewer_slots(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert slots_for(low, refill=TEN_MINUTES) <= slots_for(high, refill=TEN_MINUTES)
