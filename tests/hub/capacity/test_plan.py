"""How many slots are held: what the catalog says, at these hours, what is booked, and what starts at this hour."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.capacity.plan import Because, Slots, applies, fit, plan, step, wanted
from hub.capacity.view import View
from spawner.amounts import needs_of
from studiolo.catalog import Hardware
from studiolo.catalog_model import Warm, WarmHours
from tests.hub.capacity.shapes import FOUR_GPUS, GIB, LARGE, ONE_GPU, SMALL, hardware, node, placeholder, pod

WORKING = WarmHours(days=frozenset(range(5)), begins=time(8), ends=time(18), slots=6)
NIGHT = WarmHours(days=frozenset({4}), begins=time(22), ends=time(6), slots=3)
MONDAY = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 - what a clock on the wall says
EMPTY = View()


def warm(slots: int = 1, at_most: int = 8, *schedule: WarmHours) -> Warm:
    return Warm(slots=slots, at_most=at_most, schedule=schedule)


@pytest.mark.parametrize(
    ("hours", "moment", "is_now"),
    [
        pytest.param(WORKING, MONDAY, True, id="on a Monday at nine"),
        pytest.param(WORKING, MONDAY.replace(hour=8), True, id="from the first minute"),
        pytest.param(WORKING, MONDAY.replace(hour=18), False, id="not in the last"),
        pytest.param(WORKING, MONDAY + timedelta(days=5), False, id="not on a Saturday"),
        pytest.param(NIGHT, MONDAY + timedelta(days=4, hours=14), True, id="Friday at eleven in the evening"),
        pytest.param(NIGHT, MONDAY + timedelta(days=5, hours=-6), True, id="Saturday at three in the morning"),
        pytest.param(NIGHT, MONDAY + timedelta(days=4, hours=-6), False, id="not Friday at three in the morning"),
        pytest.param(NIGHT, MONDAY + timedelta(days=4), False, id="not Friday at nine"),
    ],
)
def test_hours_apply_on_the_days_on_which_they_begin(hours: WarmHours, moment: datetime, is_now: bool) -> None:
    assert applies(hours, moment) is is_now


def test_hours_of_a_whole_day_always_apply_on_it() -> None:
    whole = WarmHours(days=frozenset({0}), begins=time(0), ends=time(0), slots=1)
    assert all(applies(whole, MONDAY.replace(hour=hour)) for hour in range(24))


@pytest.mark.parametrize(
    ("held", "rate", "booked", "slots", "because"),
    [
        pytest.param(warm(2), 0.0, 0, 2, Because.CATALOG, id="what the catalog says"),
        pytest.param(warm(2, 8, WORKING), 0.0, 0, 6, Because.SCHEDULE, id="at these hours"),
        pytest.param(warm(7, 8, WORKING), 0.0, 0, 6, Because.SCHEDULE, id="at these hours, also fewer"),
        pytest.param(warm(2), 20.0, 0, 6, Because.DEMAND, id="what starts at this hour"),
        pytest.param(warm(2), 2000.0, 0, 8, Because.DEMAND, id="no more than at most"),
        pytest.param(warm(2, 2), 2000.0, 0, 2, Because.CATALOG, id="without growth"),
        pytest.param(warm(2), 0.0, 5, 7, Because.BOOKED, id="what is booked comes on top"),
        pytest.param(warm(2), 0.0, 30, 8, Because.BOOKED, id="also then no more than at most"),
    ],
)
def test_the_reason_that_asks_for_most_decides(
    held: Warm, rate: float, booked: int, slots: int, because: Because
) -> None:
    assert wanted(held, local=MONDAY, rate_per_hour=rate, booked=booked) == (slots, because)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_steps_lead_to_the_target_and_none_is_wide(present: int, target: int) -> None:
    following = step(present, target)
    assert -1 <= following - present <= 4
    assert abs(following - target) < abs(present - target) or following == present == target


def test_slots_of_one_shape_that_fit_are_counted_once_for_all_shapes() -> None:
    four_cores = View(nodes=(node(),))
    assert fit(four_cores, [(SMALL, 4)]) == {"small": 4}
    assert fit(four_cores, [(SMALL, 4), (LARGE, 1)]) == {"small": 0, "large": 1}
    two_nodes = View(nodes=(node("a"), node("b")))
    assert fit(two_nodes, [(SMALL, 8), (LARGE, 1)]) == {"small": 4, "large": 1}


def test_what_gives_way_leaves_its_room_to_slots_and_what_does_not_keeps_it() -> None:
    assert fit(View(nodes=(node("a", placeholder(cpu=4)),)), [(SMALL, 4)]) == {"small": 4}
    assert fit(View(nodes=(node("a", pod(cpu=3)),)), [(SMALL, 4)]) == {"small": 1}


def test_a_node_out_of_use_holds_no_slots_and_gpus_are_scarce() -> None:
    view = View(nodes=(node("a", is_cordoned=True), node("b", gpus=4)))
    assert fit(view, [(ONE_GPU, 4), (FOUR_GPUS, 1)]) == {"gpu": 0, "gpus": 1}


@given(
    at_most=st.integers(0, 20),
    slots=st.integers(0, 20),
    rate=st.floats(0, 1000),
    booked=st.integers(0, 40),
    present=st.integers(0, 40),
)
def test_whoever_asks_for_slots_a_plan_settles_at_what_is_wanted_and_never_above_at_most(
    at_most: int, slots: int, rate: float, booked: int, present: int
) -> None:
    entry = hardware(warm=Warm(slots=min(slots, at_most), at_most=at_most))
    for _ in range(1 + max(40, present)):
        (planned,) = plan(
            [entry], EMPTY, local=MONDAY, rates={"small": rate}, booked={"small": booked}, present={"small": present}
        )
        assert planned.wanted <= at_most
        assert planned.target <= max(at_most, present - 1)
        present = planned.target
    assert present == planned.wanted


@given(
    counts=st.lists(st.integers(0, 6), min_size=4, max_size=4), nodes=st.integers(0, 3), order=st.permutations(range(4))
)
def test_what_is_said_to_fit_fits_at_the_same_time_and_in_whatever_order_the_catalog_is(
    counts: list[int], nodes: int, order: list[int]
) -> None:
    view = View(nodes=tuple(node(str(number), gpus=4) for number in range(nodes)))
    wants = list(zip((SMALL, LARGE, ONE_GPU, FOUR_GPUS), counts, strict=True))
    found = fit(view, wants)
    assert all(found[entry.name] <= count for entry, count in wants)
    asks = [needs_of(entry) for entry, _ in wants for _ in range(found[entry.name])]
    assert sum(ask.cpu_millis for ask in asks) <= 4000 * nodes
    assert sum(ask.memory_bytes for ask in asks) <= 16 * GIB * nodes
    assert sum(count for ask in asks for _, count in ask.devices) <= 4 * nodes
    assert fit(view, [wants[index] for index in order]) == found


def slots(
    *entries: Hardware, present: dict[str, int] | None = None, booked: dict[str, int] | None = None, view: View = EMPTY
) -> tuple[Slots, ...]:
    return plan(entries, view, local=MONDAY, rates={}, booked=booked or {}, present=present or {})


def test_hardware_that_holds_nothing_is_not_in_the_plan() -> None:
    assert slots(SMALL) == ()


def test_a_plan_goes_towards_what_is_wanted_and_says_what_it_costs_and_what_has_room() -> None:
    entry = hardware(warm=warm(6), price_per_hour=Decimal("0.10"))
    (planned,) = slots(entry, view=View(nodes=(node(),)))
    assert planned == Slots(
        hardware="small",
        wanted=6,
        because=Because.CATALOG,
        target=4,
        room=6,
        present=0,
        fitting=4,
        per_hour=Decimal("0.40"),
    )
    (later,) = slots(entry, present={"small": 4}, view=View(nodes=(node(),)))
    assert (later.target, later.fitting) == (6, 4)


def test_what_the_catalog_no_longer_holds_goes_slot_by_slot() -> None:
    (planned,) = slots(SMALL, present={"small": 3})
    assert (planned.wanted, planned.target, planned.because) == (0, 2, Because.CATALOG)


def test_for_hardware_whose_catalog_holds_nothing_nothing_is_held_however_much_was_booked() -> None:
    assert slots(SMALL, booked={"small": 2}) == ()


def test_the_same_input_gives_the_same_plan() -> None:
    entries = (hardware(warm=warm(2)), hardware("large", cpu=4, memory=16, warm=warm(1)))
    view = View(nodes=(node("a"), node("b")))
    assert slots(*entries, view=view) == slots(*entries, view=view)
    assert [entry.hardware for entry in slots(*entries, view=view)] == ["small", "large"]


def test_a_warm_pod_stands_in_the_place_of_a_slot() -> None:
    held = hardware("small", warm=warm(3))
    (planned,) = plan((held,), EMPTY, local=MONDAY, rates={}, booked={}, present={"small": 3}, parked={"small": 2})
    assert (planned.wanted, planned.target, planned.room) == (1, 2, 3)  # one step at a time
    (none,) = plan((held,), EMPTY, local=MONDAY, rates={}, booked={}, present={}, parked={"small": 9})
    assert (none.wanted, none.room) == (0, 3)
