"""How many slots are held for each hardware: catalog, calendar, bookings, and what starts at this hour. Pure.

A slot is a pod that does nothing but hold the room of one workspace. Slots of shapes that could go to the same
nodes are fitted onto them together, the largest first: room for one large is not counted again as room for four small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hub.capacity.demand import slots_for
from spawner.amounts import needs_of
from spawner.verdicts.node_fits import Kinds
from studiolo.catalog_model import Warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from hub.capacity.view import View
    from spawner.amounts import Amount
    from studiolo.catalog_model import Hardware, WarmHours

REFILL: Final = timedelta(minutes=10)
"""How long a slot that was taken is missing where a node has to come for the next one."""

MOST_MORE_AT_ONCE: Final = 4
MOST_LESS_AT_ONCE: Final = 1
"""Slots by which one step changes a hardware: a wrong number is seen before it has cost much."""


_NONE: Final = Warm(slots=0, at_most=0)
"""Of hardware that holds no room, or none any more."""


NOTHING_PARKED: Final[Mapping[str, int]] = MappingProxyType({})


class Because(StrEnum):
    """Which of the reasons asked for the most."""

    CATALOG = "catalog"
    SCHEDULE = "schedule"
    DEMAND = "demand"
    BOOKED = "booked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many slots one hardware should have, and why."""

    hardware: str
    wanted: int
    because: Because
    target: int
    """What this step goes to: nearer to what is wanted, by a bounded number."""
    present: int
    room: int = 0
    """What is wanted of slots and warm pods together."""
    fitting: int = 0
    """How many of the target have room on the nodes that are there; the others wait for nodes to come."""
    per_hour: Decimal | None = None
    """What the target costs, where the hardware has a price."""


def wanted(warm: Warm, *, local: datetime, rate_per_hour: float = 0.0, booked: int = 0) -> tuple[int, Because]:
    """How many slots a hardware should have now, and never more than `at_most`, whoever asks for them.

    `local`: the moment in the catalog's time zone. What a team has booked comes on top of what is held anyway.
    """
    hours = [entry.slots for entry in warm.schedule if applies(entry, local)]
    steady, because = (max(hours), Because.SCHEDULE) if hours else (warm.slots, Because.CATALOG)
    expected = min(slots_for(rate_per_hour, refill=REFILL), warm.at_most)
    if expected > steady:
        steady, because = expected, Because.DEMAND
    if booked:
        steady, because = steady + booked, Because.BOOKED
    return min(steady, warm.at_most), because


def applies(hours: WarmHours, local: datetime) -> bool:
    """Whether these hours are now. Those that end before they begin last until the next day."""
    moment, day = local.time().replace(tzinfo=None), local.weekday()
    if hours.begins < hours.ends:
        return day in hours.days and hours.begins <= moment < hours.ends
    return (day in hours.days and moment >= hours.begins) or ((day - 1) % 7 in hours.days and moment < hours.ends)


def step(present: int, target: int) -> int:
    """Towards the target, by no more than one step may change."""
    return max(present - MOST_LESS_AT_ONCE, min(present + MOST_MORE_AT_ONCE, target))


def plan(
    hardware: Sequence[Hardware],
    view: View,
    *,
    local: datetime,
    rates: Mapping[str, float],
    booked: Mapping[str, int],
    present: Mapping[str, int],
    parked: Mapping[str, int] = NOTHING_PARKED,
) -> tuple[Slots, ...]:
    """Slots of each hardware that holds any, in the catalog's order. Same input, same answer.

    By hardware, `rates`: starts to expect an hour; `booked`: slots that teams have booked; `present`: slots there;
    `parked`: warm pods there, of which each stands in the place of a slot.
    """
    steps: list[tuple[Hardware, Slots]] = []
    for entry in hardware:
        there = present.get(entry.name, 0)
        if entry.warm is None and not there:
            continue
        number, because = wanted(
            entry.warm or _NONE,
            local=local,
            rate_per_hour=rates.get(entry.name, 0.0),
            booked=booked.get(entry.name, 0),
        )
        room, number = number, max(0, number - parked.get(entry.name, 0))
        target = step(there, number)
        price = entry.price_per_hour
        slots = Slots(hardware=entry.name, wanted=number, because=because, target=target, present=there, room=room)
        steps.append((entry, replace(slots, per_hour=price * target if price is not None else None)))
    fitting = fit(view, [(entry, slots.target) for entry, slots in steps])
    return tuple(replace(slots, fitting=fitting[slots.hardware]) for _, slots in steps)


def fit(view: View, wants: Sequence[tuple[Hardware, int]]) -> dict[str, int]:
    """How many slots of each have room at the same time, beside what does not give way: the largest first."""
    left: dict[int, Amount] = {index: node.could_free for index, node in enumerate(view.nodes) if node.is_in_use}
    found = dict.fromkeys((entry.name for entry, _ in wants), 0)
    for entry, count in sorted(wants, key=lambda want: _size(needs_of(want[0])), reverse=True):
        needs, kinds, fitting = needs_of(entry), Kinds(entry), 0
        for index, room in left.items():
            if fitting == count:
                break
            if not room.holds(needs) or not kinds.has(view.nodes[index].facts):
                continue
            while fitting < count and left[index].holds(needs):
                left[index] = left[index].minus(needs)
                fitting += 1
        found[entry.name] = fitting
    return found


def _size(needs: Amount) -> tuple[int, int, int]:
    """Devices are the scarcest, then memory."""
    return (sum(count for _, count in needs.devices), needs.memory_bytes, needs.cpu_millis)
