"""Which bookings are possible, what is said of those that are not, and how much room they ask for at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bookings.booking import (
    Booking,
    State,
    moment_of,
    most_booked,
    possible_from,
    problems_of,
    slots_at,
    state_of,
    times_of,
)
from studiolo.catalog_model import Warm
from tests.hub.capacity.shapes import NOW, hardware

BERLIN = ZoneInfo("Europe/Berlin")
EIGHT = hardware(warm=Warm(slots=1, at_most=8))
HOUR = timedelta(hours=1)


def booking(slots: int = 4, begins: float = 24, hours: float = 2, **more: object) -> Booking:
    """`begins`: hours from now."""
    start = NOW + begins * HOUR
    facts = {"team": "vision", "hardware": "small", "slots": slots, "begins": start, "ends": start + hours * HOUR}
    return Booking(**{**facts, **more})  # type: ignore[arg-type]  # what a booking has


@pytest.mark.parametrize(
    ("new", "others", "said"),
    [
        pytest.param(booking(9), (), "At most 8 of Small are held at once, and 9 are asked for.", id="too many"),
        pytest.param(
            booking(6),
            (booking(4),),
            "booked 4 of the 8 of Small in that time. Then 4 can be booked, or 6 from 2026-11-28 15:00 UTC.",
            id="not enough left",
        ),
        pytest.param(
            booking(1),
            (booking(5), booking(3, 25, 2)),
            "booked 8 of the 8 of Small in that time. Then none can be booked, or 1 from 2026-11-28 15:00 UTC.",
            id="none left at one moment of it",
        ),
        pytest.param(booking(hours=0), (), "It would end (2026-11-28 13:00 UTC) before it begins", id="no time at all"),
        pytest.param(
            booking(begins=-5), (), "That time is over: it would have ended at 2026-11-27 10:00 UTC.", id="over"
        ),
        pytest.param(booking(hours=400), (), "longer than 14 days", id="too long"),
        pytest.param(booking(begins=24 * 400), (), "in more than 366 days", id="too far ahead"),
    ],
)
def test_what_cannot_be_booked_is_refused_with_what_would_be_possible(
    new: Booking, others: tuple[Booking, ...], said: str
) -> None:
    (problem,) = problems_of(new, EIGHT, others, now=NOW)
    assert said in problem


def test_all_that_stands_against_it_is_said_at_once() -> None:
    assert len(problems_of(booking(9, begins=-5), EIGHT, (), now=NOW)) == 2


@pytest.mark.parametrize("entry", [hardware(), hardware(warm=Warm(slots=0, at_most=0))])
def test_hardware_that_holds_no_room_says_what_an_administrator_writes(entry: object) -> None:
    (problem,) = problems_of(booking(3), entry, (), now=NOW)  # type: ignore[arg-type]  # a hardware
    assert "warm: {slots: 0, at_most: 3}" in problem


@pytest.mark.parametrize(
    ("new", "others"),
    [
        pytest.param(booking(8), (), id="all of it"),
        pytest.param(booking(8), (booking(8, 26),), id="until another begins"),
        pytest.param(booking(8), (booking(8, 22),), id="from when another ends"),
        pytest.param(booking(8), (booking(8, hardware="large"),), id="beside other hardware"),
        pytest.param(booking(4, begins=-1), (), id="from an hour ago, for what is left of it"),
    ],
)
def test_what_has_room_is_possible(new: Booking, others: tuple[Booking, ...]) -> None:
    assert problems_of(new, EIGHT, others, now=NOW) == ()


WHOLE = st.builds(booking, st.integers(1, 8), st.integers(0, 60), st.integers(1, 40))


@given(st.lists(WHOLE, max_size=12))
def test_at_no_moment_is_more_booked_than_is_held_at_most(wishes: list[Booking]) -> None:
    kept: list[Booking] = []
    for wish in wishes:
        if not problems_of(wish, EIGHT, kept, now=NOW):
            kept.append(wish)
        else:
            # What is said to be possible is.
            then = possible_from(wish, 8, kept)
            assert then is not None
            later = booking(wish.slots, (then - NOW) / HOUR, (wish.ends - wish.begins) / HOUR)
            assert problems_of(later, EIGHT, kept, now=NOW) == ()
    for hour in range(101):
        moment = NOW + hour * HOUR
        assert sum(one.slots for one in kept if one.begins <= moment < one.ends) <= 8
        assert most_booked("small", kept, moment, moment + HOUR) <= 8


def test_more_than_is_held_at_most_is_possible_never() -> None:
    assert possible_from(booking(9), 8, ()) is None


@pytest.mark.parametrize(
    ("begins", "state"),
    [(1, State.COMING), (0.1, State.PREPARING), (0, State.RUNNING), (-1, State.RUNNING), (-2, State.OVER)],
)
def test_a_booking_is_prepared_ten_minutes_before_it_begins(begins: float, state: State) -> None:
    assert state_of(booking(begins=begins), NOW) is state
    asked = slots_at((booking(begins=begins),), NOW, {})
    assert asked == ({"small": 4} if state in {State.PREPARING, State.RUNNING} else {})


def test_whoever_has_started_needs_no_room_any_more() -> None:
    starts = [NOW + minutes * HOUR / 60 for minutes in (-90, -30, -5, 20)]
    assert slots_at((booking(begins=-1),), NOW, {"small": starts}) == {"small": 2}
    assert slots_at((booking(1, begins=-1),), NOW, {"small": starts}) == {}
    assert slots_at((booking(begins=-1),), NOW, {"large": starts}) == {"small": 4}


def test_a_start_counts_for_one_booking_alone() -> None:
    both = (booking(2, begins=-1, id=1), booking(2, begins=-0.5, id=2))
    assert slots_at(both, NOW, {"small": [NOW - HOUR / 60] * 3}) == {"small": 1}
    assert slots_at(both, NOW, {"small": [NOW - 0.9 * HOUR] * 4}) == {"small": 2}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-30 09:00", datetime(2026, 11, 30, 9, tzinfo=BERLIN)),
        ("2026-11-30T09:00", datetime(2026, 11, 30, 9, tzinfo=BERLIN)),
        (" 2026-11-30 09:00Z ", datetime(2026, 11, 30, 9, tzinfo=UTC)),
        ("2026-11-30", None),
        ("tomorrow at nine", None),
        ("0001-01-01 00:00+14:00", None),
        ("0001-01-01 00:00", None),
        # The clocks leave this hour out.
        ("2027-03-28 02:30", datetime(2027, 3, 28, 3, 30, tzinfo=BERLIN)),
        ("", None),
    ],
)
def test_a_time_is_of_the_catalog_s_zone_unless_it_says_another(text: str, moment: datetime | None) -> None:
    assert moment_of(text, BERLIN) == moment


def test_an_end_that_is_a_time_of_day_is_of_the_day_of_the_beginning() -> None:
    begins, ends, problems = times_of("2026-11-30 09:00", "12:00", BERLIN)
    assert (begins, ends, problems) == (
        datetime(2026, 11, 30, 9, tzinfo=BERLIN),
        datetime(2026, 11, 30, 12, tzinfo=BERLIN),
        (),
    )


@pytest.mark.parametrize(
    ("begins", "ends", "count"),
    [("soon", "12:00", 1), ("soon", "late", 2), ("2026-11-30 09:00", "late", 1), ("2026-11-30 09:00", "12", 1)],
)
def test_both_times_are_looked_at_before_anything_is_said(begins: str, ends: str, count: int) -> None:
    assert len(times_of(begins, ends, BERLIN)[2]) == count


@pytest.mark.parametrize(
    ("begins", "ends", "hours"),
    [
        pytest.param("2026-10-24 12:00", "2026-10-25 12:00", 25, id="the clocks go back"),
        pytest.param("2027-03-27 12:00", "2027-03-28 12:00", 23, id="the clocks go on"),
        pytest.param("2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", 1, id="the hour that is there twice"),
        pytest.param("2027-03-28 02:30", "2027-03-28 03:00", -0.5, id="from an hour that is not there"),
        pytest.param("2027-03-28 01:30", "02:30", 1, id="to an hour that is not there"),
    ],
)
def test_a_booking_over_a_change_of_clocks_lasts_as_long_as_it_does(begins: str, ends: str, hours: float) -> None:
    first, last, _ = times_of(begins, ends, BERLIN)
    assert first is not None
    assert last is not None
    one = Booking(team="vision", hardware="small", slots=1, begins=first, ends=last)
    assert one.lasts == hours * HOUR
    earlier = datetime(2026, 10, 1, tzinfo=UTC)
    assert bool(problems_of(one, EIGHT, (), now=earlier)) is (hours < 0)


def test_a_time_that_is_named_says_its_zone() -> None:
    new = Booking(
        team="vision",
        hardware="small",
        slots=8,
        begins=(NOW + 24 * HOUR).astimezone(BERLIN),
        ends=(NOW + 26 * HOUR).astimezone(BERLIN),
    )
    (problem,) = problems_of(new, EIGHT, (booking(1),), now=NOW)
    assert problem.endswith("or 8 from 2026-11-28 16:00 Europe/Berlin.")


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_is_too_odd_to_be_refused(begins: str, ends: str) -> None:
    first, last, problems = times_of(begins, ends, BERLIN)
    assert (first is not None and last is not None) or problems
