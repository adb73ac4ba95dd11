"""Whether an order may be carried out. What it says counts only where the API server says the same of that pod."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.node_agent.numbers import FIRST_OF_PEOPLE
from hub.node_agent.pods import MARKS
from hub.node_agent.record import Step
from spawner.identity import Delivered, Refusal, Why

if TYPE_CHECKING:
    from datetime import datetime

    from hub.node_agent.pods import SeatPod
    from hub.node_agent.record import Record
    from spawner.identity import Order

OLDEST: Final = timedelta(seconds=60)
"""A claim takes a fifth of a second; whoever gave an order a minute ago has turned to another pod long since. As much
may the clocks of hub and node differ, either way."""

UNKNOWN: Final = Refusal(why=Why.UNKNOWN_POD, message="No such pod is on this node.")

MAY_COME: Final = frozenset({Why.UNKNOWN_POD, Why.NOT_CLAIMED})
"""The hub has its claim from the API server, and our own watch may show it some milliseconds later."""


def check_pod(order: Order, pod: SeatPod | None, *, now: datetime, shows_others: bool) -> Refusal | None:
    """Why this pod is not given what the order says; None: it may be.

    `shows_others`: whether this node can show a home's numbers as others (`numbers.py`).
    """
    if abs(now - order.at) > OLDEST:
        return _no(Why.TOO_OLD, "This order was given at another time, or the clocks of hub and node differ.")
    if pod is None:
        return UNKNOWN
    if (pod.namespace, pod.name, pod.uid) != (order.namespace, order.pod, order.pod_uid):
        return _no(Why.NOT_CLAIMED, "The pod of that number has another name.")
    marks = order.marks()
    if not pod.is_claimed or pod.user != order.user or pod.marks != tuple(marks[mark] for mark in MARKS):
        return _no(Why.NOT_CLAIMED, "The API server does not show this pod as claimed by this order.")
    return _check_fitness(pod) or _check_numbers(order, pod, shows_others=shows_others)


def _check_fitness(pod: SeatPod) -> Refusal | None:
    if pod.is_ending or pod.has_ended:
        return _no(Why.ENDED, "The pod ends, or has ended.")
    if not pod.has_seat_in_memory:
        return _no(Why.WRONG_POD, "The pod has no seat in memory. On a disk, the kubelet would delete a home in it.")
    if pod.starts_again:
        return _no(Why.WRONG_POD, "The pod's container would start again, with the home and without the person.")
    return None


def _check_numbers(order: Order, pod: SeatPod, *, shows_others: bool) -> Refusal | None:
    uid, gid = pod.runs_as
    if not uid or not gid:
        return _no(Why.WRONG_POD, "The pod says not as whom it runs, or runs as root.")
    home = order.home
    if (uid, gid) == (home.uid, home.gid):
        return None
    if min(home.uid, home.gid) < FIRST_OF_PEOPLE:
        return _no(Why.WRONG_POD, "The home belongs to a number of the system's own, and the pod runs as another.")
    if not shows_others:
        return _no(Why.NUMBERS, "The disk with the homes shows nobody's files under other numbers on this node.")
    return None


def answered_before(order: Order, record: Record | None) -> Delivered | Refusal | None:
    """The answer to an order that was given before, whatever has become of its pod. None: to be carried out, or begun
    again, if it fits the pod.
    """
    if record is None or record.order != order.id or record.step is Step.BEGUN:
        return None
    return Delivered(order=record.order, left_out=record.left_out) if record.step is Step.DELIVERED else may_have_it()


def check_record(order: Order, record: Record | None) -> Refusal | None:
    """Why a seat with this memory is given nothing more; None: it may be. See also `answered_before`."""
    if record is None or (record.order == order.id and record.step is Step.BEGUN):
        return None
    return _no(Why.USED, "This pod has had an order, and gets no second one.")


def may_have_it() -> Refusal:
    """Of an order whose identity was on its way: nobody knows whether it arrived."""
    return _no(Why.USED, "The server may have its identity, or not: that is not known any more.")


def _no(why: Why, message: str) -> Refusal:
    return Refusal(why=why, message=message)
