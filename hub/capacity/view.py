"""What nodes have, what is placed on them, and where a hardware has room: one frozen picture for every decision.

Forecasts read it, and so can whoever plans placeholders or fetches images ahead: `find_room` is the one answer to
"where could this go". Node by node, it is the scheduler's own rule as far as it can be known from outside.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.amounts import Amount, amount_of, needs_of
from spawner.verdicts.node_fits import is_of_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from spawner.pod_facts import NodeFacts
    from studiolo.catalog import Hardware

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
    """Of containers that have run: their images are on the node."""

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

    @property
    def is_in_use(self) -> bool:
        """Whether anything new goes there."""
        return self.facts.is_ready and not self.facts.is_cordoned


def room_on(facts: NodeFacts, placed: Iterable[Placed] = ()) -> NodeRoom:
    """A node with what is placed on it."""
    pods = tuple(placed)
    has = amount_of(facts.allocatable)
    free = could_free = has
    for pod in pods:
        free = free.minus(pod.asks)
        if not pod.gives_way:
            could_free = could_free.minus(pod.asks)
    images = frozenset(facts.images).union(*(pod.images for pod in pods))
    return NodeRoom(facts=facts, placed=pods, has=has, free=free, could_free=could_free, images=images)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A cluster at one moment."""

    nodes: tuple[NodeRoom, ...] = ()

    def with_image(self, image: str) -> int:
        """The nodes that have an image, a bit each."""
        return bits(index for index, node in enumerate(self.nodes) if image in node.images)

    def of_kind(self, hardware: Hardware) -> int:
        """The nodes that the scheduler would look at for a hardware, full or not, a bit each."""
        keys = {name for name, _ in hardware.node_selector} | {rule.key for rule in hardware.affinity.required}
        known: dict[object, bool] = {}

        def is_candidate(facts: NodeFacts) -> bool:
            # Thousands of nodes, and few sorts of them as far as this hardware can tell.
            sort = (tuple(pair for pair in facts.labels if pair[0] in keys) if keys else (), facts.taints)
            if sort not in known:
                known[sort] = is_of_kind(facts, hardware)
            return known[sort]

        return bits(index for index, node in enumerate(self.nodes) if is_candidate(node.facts))

    def picked(self, nodes: int) -> Iterator[tuple[int, NodeRoom]]:
        """The nodes whose bit is set, with its number."""
        digits = f"{nodes:b}"[::-1]
        return ((index, node) for index, node in enumerate(self.nodes[: len(digits)]) if digits[index] == "1")

    def groups(self, nodes: int) -> tuple[str, ...]:
        """The sorts of the nodes whose bit is set, most frequent first."""
        counted = Counter(node.facts.group for _, node in self.picked(nodes) if node.facts.group)
        return tuple(group for group, _ in sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))


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


def find_room(hardware: Hardware, view: View, candidates: int | None = None) -> HardwareRoom:
    """Where a hardware can start, and if nowhere, when. What gives way gives way to it.

    `candidates`: what `view.of_kind` gives, where it is known: labels and taints change less often than what is placed.
    """
    needs = needs_of(hardware)
    usable: list[tuple[int, NodeRoom]] = []
    out_of_use, free, giving_way = [], [], []
    for index, node in view.picked(view.of_kind(hardware) if candidates is None else candidates):
        if not node.has.holds(needs):
            continue
        if not node.is_in_use:
            out_of_use.append(index)
            continue
        usable.append((index, node))
        if node.free.holds(needs):
            free.append(index)
        elif node.could_free.holds(needs):
            giving_way.append(index)
    total = sum(node.has.count_of(device) for _, node in usable for device, _ in needs.devices)
    left = sum(max(0, node.could_free.count_of(device)) for _, node in usable for device, _ in needs.devices)
    return HardwareRoom(
        free=bits(free),
        giving_way=bits(giving_way),
        usable=bits(index for index, _ in usable),
        out_of_use=bits(out_of_use),
        devices_used=total - left,
        devices=total,
        next_free=None if free or giving_way else _next_free(needs, [node for _, node in usable]),
    )


def _next_free(needs: Amount, nodes: Sequence[NodeRoom]) -> datetime | None:
    return min((moment for node in nodes if (moment := _free_at(needs, node)) is not None), default=None)


def _free_at(needs: Amount, node: NodeRoom) -> datetime | None:
    """When enough of what is known to end has ended; None where that is not enough."""
    ending = sorted(
        ((pod.ends_at, pod) for pod in node.placed if pod.ends_at is not None and not pod.gives_way),
        key=lambda entry: entry[0],
    )
    free = node.could_free
    for moment, pod in ending:
        free = free.plus(pod.asks)
        if free.holds(needs):
            return moment
    return None


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
