"""Where one hardware could go, counted node by node, so that a change of a few nodes costs no look at thousands. Pure.

The same nodes give the same answer in whatever order they came: `find_room` counts all of a view at once.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hub.capacity.view import HardwareRoom, Standing, standing_of
from spawner.amounts import needs_of
from spawner.verdicts.node_fits import Kinds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.capacity.view import NodeRoom, View
    from spawner.amounts import Amount
    from studiolo.catalog import Hardware

_IN_USE = (Standing.FREE, Standing.GIVING_WAY, Standing.FULL)


class Tally:
    """Of one hardware: how each node stands to it."""

    def __init__(self, hardware: Hardware) -> None:
        """No node yet."""
        self._needs = needs_of(hardware)
        self._kinds = Kinds(hardware)
        self._nodes = dict.fromkeys(Standing, 0)
        self._groups: dict[Standing, Counter[str]] = {standing: Counter() for standing in Standing}
        self._devices = self._left = 0

    def add(self, index: int, node: NodeRoom) -> None:
        """A node has come, at that place of the view."""
        self._count(index, node, 1)

    def remove(self, index: int, node: NodeRoom) -> None:
        """The same node, as it was when it was added, counts no more."""
        self._count(index, node, -1)

    def room(self, view: View) -> HardwareRoom:
        """Where it has room, and if nowhere, when. `view`: with exactly the nodes that were added."""
        free, giving_way = self._nodes[Standing.FREE], self._nodes[Standing.GIVING_WAY]
        full = self._nodes[Standing.FULL]
        best = next((standing for standing in _IN_USE if self._nodes[standing]), Standing.FULL)
        groups = sorted(self._groups[best].items(), key=lambda entry: (-entry[1], entry[0]))
        return HardwareRoom(
            free=free,
            giving_way=giving_way,
            usable=free | giving_way | full,
            out_of_use=self._nodes[Standing.OUT_OF_USE],
            devices_used=self._devices - self._left,
            devices=self._devices,
            next_free=None if free or giving_way else next_free(self._needs, (node for _, node in view.picked(full))),
            groups=tuple(group for group, count in groups if group and count),
        )

    def _count(self, index: int, node: NodeRoom, sign: int) -> None:
        if not self._kinds.has(node.facts):
            return
        standing = standing_of(node, self._needs)
        if standing is Standing.NOT:
            return
        self._nodes[standing] ^= 1 << index
        self._groups[standing][node.group] += sign
        if standing is not Standing.OUT_OF_USE:
            for device, _ in self._needs.devices:
                self._devices += sign * node.has.count_of(device)
                self._left += sign * max(0, node.could_free.count_of(device))


def find_room(hardware: Hardware, view: View) -> HardwareRoom:
    """Where a hardware can start, and if nowhere, when. What gives way gives way to it."""
    tally = Tally(hardware)
    for index, node in enumerate(view.nodes):
        tally.add(index, node)
    return tally.room(view)


def next_free(needs: Amount, nodes: Iterable[NodeRoom]) -> datetime | None:
    """When enough of what is known to end has ended, on the first node where it has; None where nowhere."""
    best: datetime | None = None
    for node in nodes:
        free = node.could_free
        for moment, asked in node.ending:
            if best is not None and moment >= best:
                break
            free = free.plus(asked)
            if free.holds(needs):
                best = moment
                break
    return best
