"""How many warm pods wait, and which go: never more than a hardware's room, none for what hardly anybody starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.capacity.pool_plan import (
    LONGEST_WAIT,
    QUIET,
    RARE_PER_HOUR,
    REST,
    ParkedPod,
    Pool,
    changes,
    may_refill,
    sizes,
)

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
BASE, TORCH, RARE = ("base", "small"), ("torch", "small"), ("rare", "small")
LARGE = ("base", "large")
POOLS = (BASE, TORCH, RARE, LARGE)
TEMPLATES = dict.fromkeys(POOLS, "new")

names = st.sampled_from(POOLS)


def parked(number: int, pool: Pool = BASE, *, template: str = "new", ready: bool = True, **is_: bool) -> ParkedPod:
    return ParkedPod(
        name=f"warm-{number}",
        uid=f"uid-{number}",
        resource_version="1",
        pool=pool,
        template=template,
        is_ready=ready,
        is_ended=is_.get("ended", False),
        is_ending=is_.get("ending", False),
    )


def test_each_environment_that_is_used_often_enough_has_one_before_any_has_two() -> None:
    rates = {BASE: 900.0, TORCH: 2.0, RARE: RARE_PER_HOUR / 2}
    assert sizes(POOLS, rates, room={"small": 1}) == {BASE: 1, TORCH: 0, RARE: 0, LARGE: 0}
    assert sizes(POOLS, rates, room={"small": 2}) == {BASE: 1, TORCH: 1, RARE: 0, LARGE: 0}
    many = sizes(POOLS, rates, room={"small": 6})
    assert (many[BASE], many[TORCH], many[RARE]) == (5, 1, 0)


def test_what_the_catalog_asks_for_waits_whatever_has_started_of_what_starts_most() -> None:
    assert sizes(POOLS, {}, room={"small": 3}, least={"small": 2}) == {BASE: 2, TORCH: 0, RARE: 0, LARGE: 0}
    rates = {TORCH: 2.0, RARE: RARE_PER_HOUR / 2}
    assert sizes(POOLS, rates, room={"small": 3}, least={"small": 2})[TORCH] == 2
    assert sizes(POOLS, {}, room={"small": 1}, least={"small": 2})[BASE] == 1
    assert sizes(POOLS, {BASE: 900.0}, room={"small": 9}, least={"small": 1})[BASE] > 1


@given(
    rates=st.dictionaries(names, st.floats(min_value=0, max_value=5000)),
    room=st.dictionaries(st.sampled_from(["small", "large"]), st.integers(min_value=0, max_value=30)),
    least=st.dictionaries(st.sampled_from(["small", "large"]), st.integers(min_value=0, max_value=30)),
)
def test_a_hardware_never_has_more_warm_pods_than_room(
    rates: dict[Pool, float], room: dict[str, int], least: dict[str, int]
) -> None:
    found = sizes(POOLS, rates, room=room, least=least)
    for hardware in ("small", "large"):
        count = sum(number for pool, number in found.items() if pool[1] == hardware)
        assert min(room.get(hardware, 0), least.get(hardware, 0)) <= count <= room.get(hardware, 0)
    assert all(not number or pool[1] in least or rates[pool] >= RARE_PER_HOUR for pool, number in found.items())


@given(
    wanted=st.dictionaries(names, st.integers(min_value=0, max_value=5)),
    pods=st.lists(
        st.tuples(names, st.sampled_from(["new", "old"]), st.booleans(), st.booleans(), st.booleans()), max_size=12
    ),
)
def test_after_the_changes_the_right_pods_wait_and_a_second_look_changes_nothing(
    wanted: dict[Pool, int], pods: list[tuple[Pool, str, bool, bool, bool]]
) -> None:
    there = [
        parked(number, pool, template=template, ready=ready, ended=ended, ending=ending)
        for number, (pool, template, ready, ended, ending) in enumerate(pods)
    ]
    todo = changes(wanted, TEMPLATES, there, now=NOW)
    assert len({pod.uid for pod in todo.delete}) == len(todo.delete)
    assert not any(pod.is_ending for pod in todo.delete)
    left = [pod for pod in there if not pod.is_ending and pod not in todo.delete]
    left += [parked(100 + number, pool) for number, pool in enumerate(todo.create)]
    for pool, count in wanted.items():
        assert [pod.template for pod in left if pod.pool == pool] == ["new"] * count
    again = changes(wanted, TEMPLATES, left, now=NOW)
    assert (again.create, again.delete) == ((), ())


def test_pods_that_have_parked_stay_before_those_that_have_not() -> None:
    todo = changes({BASE: 1}, TEMPLATES, [parked(1, ready=False), parked(2)], now=NOW)
    assert [pod.name for pod in todo.delete] == ["warm-1"]


def test_while_claims_are_under_way_old_pods_go_and_none_is_made() -> None:
    todo = changes({BASE: 2}, TEMPLATES, [parked(1, template="old")], now=NOW, may_create=False)
    assert todo.create == ()
    assert [pod.name for pod in todo.delete] == ["warm-1"]


def test_what_is_given_up_goes_and_while_its_room_is_needed_none_comes_in_its_place() -> None:
    there = [parked(1), parked(2)]
    todo = changes({BASE: 2, LARGE: 1}, TEMPLATES, there, now=NOW, give_up={"uid-2"}, held_back={"small"})
    assert [pod.name for pod in todo.delete] == ["warm-2"]
    assert todo.create == (LARGE,)


@pytest.mark.parametrize(
    ("age", "is_left"),
    [
        pytest.param(REST / 2, True, id="a moment after it was made"),
        pytest.param(REST, False, id="later"),
        pytest.param(None, False, id="nobody knows when"),
    ],
)
def test_a_pod_that_ended_by_itself_a_moment_after_it_was_made_is_not_made_again_at_once(
    age: timedelta | None, is_left: bool
) -> None:
    ended = replace(parked(1, ended=True), created_at=None if age is None else NOW - age)
    todo = changes({BASE: 2, TORCH: 1}, TEMPLATES, [ended, parked(2)], now=NOW)
    assert (ended not in todo.delete) is is_left
    assert todo.create == ((TORCH,) if is_left else (BASE, TORCH))
    assert parked(2) not in todo.delete


def test_pods_are_made_a_little_after_the_last_claim_and_not_put_off_for_ever() -> None:
    assert may_refill([], short_since=None, now=NOW)
    assert may_refill([NOW - QUIET], short_since=NOW, now=NOW)
    just_now = [NOW - QUIET / 2]
    assert not may_refill(just_now, short_since=None, now=NOW)
    assert not may_refill(just_now, short_since=NOW - LONGEST_WAIT + timedelta(seconds=1), now=NOW)
    assert may_refill(just_now, short_since=NOW - LONGEST_WAIT, now=NOW)
