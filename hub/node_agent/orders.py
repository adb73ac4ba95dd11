"""Whether an order may be carried out. What it says counts only where the API server says the same of that pod."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.node_agent.pods import MARKS
from hub.node_agent.record import Step
from spawner.identity import Refusal, Why

if TYPE_CHECKING:
    from datetime import datetime

    from hub.node_agent.pods import SeatPod
    from hub.node_agent.record import Record
    from spawner.identity import Order

OLDEST: Final = timedelta(seconds=60)
"""A claim takes a fifth of a second; whoever gave an order a minute ago has turned to another pod long since. As much
may the clocks of hub and node differ, either way."""

MAY_COME: Final = frozenset({Why.UNKNOWN_POD, Why.NOT_CLAIMED})
"""The hub has its claim from the API server, and our own watch may show it some milliseconds later."""


def check_pod(order: Order, pod: SeatPod | None, *, now: datetime) -> Refusal | None:
    """Why this pod is not given what the order says; None: it may be."""
    if abs(now - order.at) > OLDEST:
        return _no(Why.TOO_OLD, "This order was given at another time, or the clocks of hub and node differ.")
    if pod is None:
        return _no(Why.UNKNOWN_POD, "No such pod is on this node.")
    if (pod.namespace, pod.name, pod.uid) != (order.namespace, order.pod, order.pod_uid):
        return _no(Why.NOT_CLAIMED, "The pod of that number has another name.")
    marks = order.marks()
    if not pod.is_claimed or pod.user != order.user or pod.marks != tuple(marks[mark] for mark in MARKS):
        return _no(Why.NOT_CLAIMED, "The API server does not show this pod as claimed by this order.")
    return _check_fitness(order, pod)


def _check_fitness(order: Order, pod: SeatPod) -> Refusal | None:
    if pod.is_ending or pod.has_ended:
        return _no(Why.ENDED, "The pod ends, or has ended.")
    if not pod.has_seat_in_memory:
        return _no(Why.WRONG_POD, "The pod has no seat in memory. On a disk, the kubelet would delete a home in it.")
    if pod.starts_again:
        return _no(Why.WRONG_POD, "The pod's container would start again, with the home and without the person.")
    if pod.runs_as != (order.home.uid, order.home.gid):
        return _no(Why.WRONG_POD, "The pod runs as another user than the one whose home this is.")
    return None


def check_record(order: Order, record: Record | None) -> Refusal | None:
    """Why a seat with this memory is given nothing more; None: it may be. See also `is_done`."""
    if record is None or (record.order == order.id and record.step is Step.BEGUN):
        return None
    return _no(Why.USED, "This pod has had an order, and gets no second one.")


def is_done(order: Order, record: Record | None) -> bool:
    """Whether this very order has been carried out, and only its answer was lost."""
    return record is not None and record.order == order.id and record.step is Step.DELIVERED


def _no(why: Why, message: str) -> Refusal:
    return Refusal(why=why, message=message)
