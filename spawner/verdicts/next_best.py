"""What somebody can have instead, when no node takes what they chose: other hardware of the catalog, nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.admission import distance
from spawner.verdicts.create_refusals import QuotaExceeded
from spawner.verdicts.node_fits import what_fits
from spawner.verdicts.outcomes import NeverFits, NodesCordoned, NodesReserved, NoNodeComes, NoRoomNow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.pod_facts import NodeFacts
    from spawner.verdicts.errors import Verdict
    from spawner.verdicts.node_fits import NodeFit
    from studiolo.catalog import Hardware


_ABOUT_ROOM: Final = (NeverFits, NodesCordoned, NodesReserved, NoNodeComes, NoRoomNow)


def next_best(
    verdict: Verdict,
    asked: Hardware,
    *,
    offered: Sequence[Hardware],
    nodes: Sequence[NodeFacts] | None,
    by_forecast: Sequence[Hardware] = (),
) -> tuple[Hardware, ...]:
    """Hardware that starts instead. Nothing where nobody knows the nodes, or where neither room nor a quota
    is the trouble.

    `by_forecast`: what starts at this moment, best first. Without any, what a node in use could hold when empty: where
    a full node was the trouble, only what is smaller or goes to other nodes.
    """
    if isinstance(verdict, QuotaExceeded):
        return tuple(by_forecast)  # it knows the quotas; nodes tell nothing of them
    if nodes is None or not isinstance(verdict, _ABOUT_ROOM):
        return ()
    if by_forecast:
        return tuple(by_forecast)
    fits = what_fits((asked, *offered), nodes)
    usable = [entry for entry in offered if entry.name != asked.name and fits[entry.name].usable]
    if isinstance(verdict, NoRoomNow):
        usable = [
            entry
            for entry in usable
            if _is_smaller(entry, asked) or _goes_elsewhere(fits[entry.name], fits[asked.name])
        ]
    return tuple(sorted(usable, key=lambda entry: distance(entry, asked)))


def _is_smaller(entry: Hardware, asked: Hardware) -> bool:
    sizes = [
        (entry.cpu.request, asked.cpu.request),
        (entry.memory_bytes, asked.memory_bytes),
        (entry.gpu_count, asked.gpu_count),
    ]
    return all(one <= other for one, other in sizes) and any(one < other for one, other in sizes)


def _goes_elsewhere(fit: NodeFit, asked: NodeFit) -> bool:
    return not set(fit.usable) <= set(asked.usable)
