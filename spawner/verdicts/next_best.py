"""What somebody can have instead, when no node takes what they chose: other hardware of the catalog, nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spawner.admission import distance
from spawner.verdicts.node_fits import what_fits
from spawner.verdicts.outcomes import NeverFits, NodesCordoned, NodesReserved, NoNodeComes, NoRoomNow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.pod_facts import NodeFacts
    from spawner.verdicts.errors import Verdict
    from spawner.verdicts.node_fits import NodeFit
    from studiolo.catalog import Hardware


def next_best(
    verdict: Verdict, asked: Hardware, *, offered: Sequence[Hardware], nodes: Sequence[NodeFacts] | None
) -> tuple[Hardware, ...]:
    """Hardware that a node in use could hold. Nothing where nobody knows the nodes, or where room is not the trouble.

    A node may be full all the same: where that was the trouble, only what is smaller or goes to other nodes is named.
    """
    if nodes is None:
        return ()
    fits = what_fits((asked, *offered), nodes)
    usable = [entry for entry in offered if entry.name != asked.name and fits[entry.name].usable]
    match verdict:
        case NeverFits() | NodesCordoned() | NodesReserved() | NoNodeComes():
            found = usable
        case NoRoomNow():
            found = [
                entry
                for entry in usable
                if _is_smaller(entry, asked) or _goes_elsewhere(fits[entry.name], fits[asked.name])
            ]
        case _:
            found = []
    return tuple(sorted(found, key=lambda entry: distance(entry, asked)))


def _is_smaller(entry: Hardware, asked: Hardware) -> bool:
    sizes = [
        (entry.cpu.request, asked.cpu.request),
        (entry.memory_bytes, asked.memory_bytes),
        (entry.gpu_count, asked.gpu_count),
    ]
    return all(one <= other for one, other in sizes) and any(one < other for one, other in sizes)


def _goes_elsewhere(fit: NodeFit, asked: NodeFit) -> bool:
    return not set(fit.usable) <= set(asked.usable)
