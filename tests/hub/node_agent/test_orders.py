"""An order fits the one pod that the API server shows as claimed by it, once, and soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.node_agent.orders import OLDEST, answered_before, check_pod, check_record
from hub.node_agent.pods import SeatPod, seat_pod
from hub.node_agent.record import Record, Step, record_of
from spawner.identity import Delivered, HomeFolder, Order, Refusal, TeamFolder, Why
from tests.hub.node_agent.samples import NOW, order, raw_pod

ORDER = order()
CLAIMED = seat_pod(raw_pod(ORDER))

PODS: dict[str, tuple[SeatPod | None, Why]] = {
    "none": (None, Why.UNKNOWN_POD),
    "one that nobody claimed": (seat_pod(raw_pod()), Why.NOT_CLAIMED),
    "one of another name": (replace(CLAIMED, name="warm-2"), Why.NOT_CLAIMED),
    "one of another namespace": (replace(CLAIMED, namespace="other"), Why.NOT_CLAIMED),
    "another one of that name": (replace(CLAIMED, uid="11111111-2222-3333-4444-666666666666"), Why.NOT_CLAIMED),
    "another person's": (replace(CLAIMED, user="bob"), Why.NOT_CLAIMED),
    "one claimed by another order": (seat_pod(raw_pod(order(id="b" * 32))), Why.NOT_CLAIMED),
    "one claimed for another home": (
        seat_pod(raw_pod(order(home=HomeFolder(name="bob", uid=1000, gid=1000)))),
        Why.NOT_CLAIMED,
    ),
    "one claimed with fewer teams": (seat_pod(raw_pod(order(teams=()))), Why.NOT_CLAIMED),
    "one that may only read the team's": (
        seat_pod(raw_pod(order(teams=(TeamFolder(name="vision", read_only=True),)))),
        Why.NOT_CLAIMED,
    ),
    "one that ends": (replace(CLAIMED, is_ending=True), Why.ENDED),
    "one that has ended": (replace(CLAIMED, has_ended=True), Why.ENDED),
    "one without a seat in memory": (replace(CLAIMED, has_seat_in_memory=False), Why.WRONG_POD),
    "one that starts again": (replace(CLAIMED, starts_again=True), Why.WRONG_POD),
    "one that runs as root": (replace(CLAIMED, runs_as=(0, 1000)), Why.WRONG_POD),
    "one of root's group": (replace(CLAIMED, runs_as=(1000, 0)), Why.WRONG_POD),
    "one of an unknown user": (replace(CLAIMED, runs_as=(None, None)), Why.WRONG_POD),
}


def test_an_order_is_carried_out_in_the_pod_that_its_claim_marked() -> None:
    assert check_pod(ORDER, CLAIMED, now=NOW, shows_others=True) is None


@pytest.mark.parametrize(("pod", "why"), PODS.values(), ids=PODS.keys())
def test_in_any_other_pod_it_is_not(pod: SeatPod | None, why: Why) -> None:
    refusal = check_pod(ORDER, pod, now=NOW, shows_others=True)
    assert refusal is not None
    assert refusal.why is why


@pytest.mark.parametrize("runs_as", [(1001, 1000), (1000, 100)])
def test_a_home_of_another_number_needs_a_node_that_can_show_it_as_the_pods(runs_as: tuple[int, int]) -> None:
    pod = replace(CLAIMED, runs_as=runs_as)
    assert check_pod(ORDER, pod, now=NOW, shows_others=True) is None
    refusal = check_pod(ORDER, pod, now=NOW, shows_others=False)
    assert refusal is not None
    assert refusal.why is Why.NUMBERS
    assert check_pod(ORDER, CLAIMED, now=NOW, shows_others=False) is None


@pytest.mark.parametrize("home", [(999, 1000), (1000, 999), (1, 1)])
def test_a_home_of_the_systems_own_numbers_is_shown_as_nobody_elses(home: tuple[int, int]) -> None:
    given_order = order(home=HomeFolder(name="alice", uid=home[0], gid=home[1]))
    pod = replace(seat_pod(raw_pod(given_order)), runs_as=(1000, 1000))
    refusal = check_pod(given_order, pod, now=NOW, shows_others=True)
    assert refusal is not None
    assert refusal.why is Why.WRONG_POD


@pytest.mark.parametrize("late", [OLDEST, -OLDEST])
def test_an_order_of_another_time_is_not_carried_out(late: timedelta) -> None:
    assert check_pod(ORDER, CLAIMED, now=NOW + late, shows_others=True) is None
    refusal = check_pod(ORDER, CLAIMED, now=NOW + late * 1.1, shows_others=True)
    assert refusal is not None
    assert refusal.why is Why.TOO_OLD


ANOTHER = order(id="b" * 32)
RECORDS: dict[str, tuple[Record | None, Why | None, Why | None]] = {
    # record, why nothing more is given, what is answered without a look at the pod
    "no order yet": (None, None, None),
    "this one begun": (record_of(ORDER, Step.BEGUN), None, None),
    "this one sent": (record_of(ORDER, Step.SENT), Why.USED, Why.USED),
    "another one begun": (record_of(ANOTHER, Step.BEGUN), Why.USED, None),
    "another one sent": (record_of(ANOTHER, Step.SENT), Why.USED, None),
    "another one delivered": (record_of(ANOTHER, Step.DELIVERED), Why.USED, None),
}


@pytest.mark.parametrize(("record", "why", "before"), RECORDS.values(), ids=RECORDS.keys())
def test_a_seat_takes_one_order_and_no_second(record: Record | None, why: Why | None, before: Why | None) -> None:
    refusal, answer = check_record(ORDER, record), answered_before(ORDER, record)
    assert (refusal.why if refusal else None) is why
    assert (answer.why if isinstance(answer, Refusal) else answer) is before


def test_an_order_that_was_delivered_has_the_same_answer_again() -> None:
    record = record_of(ORDER, Step.DELIVERED, left_out=("vision",))
    assert answered_before(ORDER, record) == Delivered(order=ORDER.id, left_out=("vision",))
    assert check_record(ORDER, record) is not None


NAMES = st.sampled_from(["alice", "bob"])
ORDERS = st.builds(
    lambda number, user, home, teams: order(
        id=number, user=user, home=HomeFolder(name=home, uid=1000, gid=1000), teams=teams
    ),
    st.sampled_from(["a" * 32, "b" * 32]),
    NAMES,
    NAMES,
    st.sampled_from([(), (TeamFolder(name="vision"),), (TeamFolder(name="vision", read_only=True),)]),
)


@given(asked=ORDERS, claimed=ORDERS)
def test_whatever_is_asked_a_pod_gets_only_what_its_claim_says(asked: Order, claimed: Order) -> None:
    may = check_pod(asked, seat_pod(raw_pod(claimed)), now=NOW, shows_others=True) is None
    assert may == (asked == claimed)


@given(steps=st.lists(st.tuples(ORDERS, st.sampled_from(Step)), max_size=6))
def test_whatever_comes_the_identity_is_sent_at_most_once_into_a_pod(steps: list[tuple[Order, Step]]) -> None:
    record: Record | None = None
    sent: list[Any] = []
    for asked, reached in steps:
        if check_record(asked, record) is not None:
            continue
        record = record_of(asked, reached)
        sent += [asked.id] if reached is not Step.BEGUN else []
    assert len(sent) <= 1
