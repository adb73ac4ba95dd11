"""What nodes have and what is placed on them: one frozen picture for every decision.

Forecasts read it, and so can whoever plans placeholders or fetches images ahead. `standing_of` is the scheduler's rule
for one node, as far as it can be known from outside; `tally.py` answers with it where a hardware could go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from spawner.amounts import Amount, amount_of_node
from spawner.image_names import without_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from spawner.pod_facts import NodeFacts

GIVES_WAY_BELOW: Final = 0
"""Pods of a lower priority end when a workspace needs their place. Placeholders have -10, workspaces 0 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What one pod takes of its node."""

    asks: Amount
    priority: int = 0
    ends_at: datetime | None = None
    """When it likely ends; None where nobody knows."""
    images: tuple[str, ...] = ()
    """Of containers that have run: their images are on the node. Without their tags, as nodes name them."""

    @property
    def gives_way(self) -> bool:
        """Whether it ends when a workspace needs the place."""
        return self.priority < GIVES_WAY_BELOW


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRoom:
    """One node, and what is left of it."""

    facts: NodeFacts
    placed: tuple[Placed, ...] = ()
    has: Amount
    free: Amount
    """What nothing takes."""
    could_free: Amount
    """What is free once everything that gives way has gone."""
    images: frozenset[str] = frozenset()
    group: str = ""
    """The sort of node that it is; "" where nothing says."""
    ending: tuple[tuple[datetime, Amount], ...] = ()
    """What is known to end, the next first; without what gives way."""

    @property
    def is_in_use(self) -> bool:
        """Whether anything new goes there."""
        return self.facts.is_ready and not self.facts.is_cordoned


def room_on(facts: NodeFacts, placed: Iterable[Placed] = (), *, lately: Iterable[str] = ()) -> NodeRoom:
    """A node with what is placed on it. `lately`: images of what ran there a moment ago."""
    pods = tuple(placed)
    has = amount_of_node(facts.allocatable)
    free = could_free = has
    for pod in pods:
        free = free.minus(pod.asks)
        if not pod.gives_way:
            could_free = could_free.minus(pod.asks)
    images = frozenset(facts.images).union(lately, *(pod.images for pod in pods))
    ending = [(pod.ends_at, pod.asks) for pod in pods if pod.ends_at is not None and not pod.gives_way]
    ending.sort(key=lambda entry: entry[0])
    return NodeRoom(
        facts=facts,
        placed=pods,
        has=has,
        free=free,
        could_free=could_free,
        images=images,
        group=facts.group,
        ending=tuple(ending),
    )


class Standing(IntEnum):
    """How one node stands to one hardware."""

    NOT = 0
    """Too small, or of another kind."""
    OUT_OF_USE = 1
    FULL = 2
    GIVING_WAY = 3
    FREE = 4


def standing_of(node: NodeRoom, needs: Amount) -> Standing:
    """How a node of the right kind stands to what is asked for."""
    if not node.has.holds(needs):
        return Standing.NOT
    if not node.is_in_use:
        return Standing.OUT_OF_USE
    if node.free.holds(needs):
        return Standing.FREE
    return Standing.GIVING_WAY if node.could_free.holds(needs) else Standing.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A cluster at one moment."""

    nodes: tuple[NodeRoom, ...] = ()
    """In an order that stays: one that is gone leaves an empty place, which another takes later."""

    def with_image(self, image: str) -> int:
        """The nodes that have an image, a bit each."""
        name = without_tag(image)
        return bits(index for index, node in enumerate(self.nodes) if name in node.images)

    def picked(self, nodes: int) -> Iterator[tuple[int, NodeRoom]]:
        """The nodes whose bit is set, with its number."""
        digits = f"{nodes:b}"[::-1]
        return ((index, node) for index, node in enumerate(self.nodes[: len(digits)]) if digits[index] == "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareRoom:
    """Where one hardware has room. Sets of nodes are numbers with a bit for each, in the order of the view's nodes."""

    free: int = 0
    """It starts there at once."""
    giving_way: int = 0
    """It starts there once something less urgent has ended."""
    usable: int = 0
    """Large enough when empty, and in use: it starts there once others have ended."""
    out_of_use: int = 0
    """Large enough, and cordoned or silent."""
    devices_used: int = 0
    """Of the kind it asks for, on nodes of the kind: those that nothing gives up."""
    devices: int = 0
    next_free: datetime | None = None
    """When it likely has room, where it has none now."""
    groups: tuple[str, ...] = ()
    """The sorts of nodes that it would go to, most frequent first."""

    @property
    def where(self) -> int:
        """Where it would go: where it is free, else where something gives way, else where others have to end."""
        return self.free or self.giving_way or self.usable


def bits(indices: Iterable[int]) -> int:
    """A number with these bits set."""
    # By bytes: setting bit after bit of a long number copies all of it each time.
    found = bytearray()
    for index in indices:
        byte = index >> 3
        if byte >= len(found):
            found.extend(bytes(byte + 1 - len(found)))
        found[byte] |= 1 << (index & 7)
    return int.from_bytes(found, "little")
