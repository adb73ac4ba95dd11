"""What the scheduler says when it has no node for a pod, taken apart: nodes counted by what stands against each.

Its sentence is `0/5 nodes are available: COUNT REASON, COUNT REASON. …, preemption: 0/5 nodes are available: …`. The
end says what the beginning does not: "No preemption victims found" is a node that would do if it were empty, and
"Preemption is not helpful" one that would not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MOST_TEXT: Final = 20_000
"""Characters that are read. The longest true ones name a few dozen reasons."""


class Room(StrEnum):
    """What the scheduler's words come to."""

    NEVER = "never"
    FULL = "full"
    CORDONED = "cordoned"
    RESERVED = "reserved"
    MAKING = "making"
    """Pods of lower priority are about to end for it."""
    CLAIM_MISSING = "claim_missing"
    VOLUME = "volume"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """How many nodes there are, and how many are ruled out by what. One node may count in several."""

    nodes: int = 0
    tainted: int = 0
    cordoned: int = 0
    of_another_kind: int = 0
    """Not what the node selector asks for."""
    short: tuple[tuple[str, int], ...] = ()
    """Resource (`memory`, `nvidia.com/gpu`, `pods`) and how many nodes have too little of it, or too little free."""
    without_volume: int = 0
    other: int = 0
    full: int = 0
    """Would do if nothing ran there."""
    hopeless: int = 0
    """Would not, whatever else went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingText:
    """The scheduler's words, read."""

    room: Room
    counts: NodeCounts = NodeCounts()
    claim: str = ""
    """Of the PersistentVolumeClaim that is missing."""


_NODES = re.compile(r"0/(\d{1,9}) nodes are available")
_COUNTED = re.compile(r"(\d{1,9}) (\S.*)", re.DOTALL)
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]{1,300})" not found')
_VOLUME = re.compile(
    r"PersistentVolumeClaims?\b|persistentvolumeclaim|persistent volumes? |PersistentVolume's|pvc\(s\)"
    r"|volume node affinity|volume zone|free storage|volume count|available disk"
)
_KIND = re.compile(r"node affinity/selector|node selector|enforced node affinity|requested node name|\[NodeAffinity\]")


def read_scheduling(message: str) -> SchedulingText:
    """What the message of a FailedScheduling event, or of the condition PodScheduled, means."""
    text = message[:MOST_TEXT]
    before, _, after = text.partition("preemption: ")
    nodes = _NODES.search(before)
    reasons = before[nodes.end() :].lstrip(":") if nodes else before
    # The filters' sentence ends before what plugins add: ". no new claims to deallocate, ".
    counts = _counts(int(nodes[1]) if nodes else 0, reasons.partition(". ")[0], after)
    if "terminating pod on the nominated node" in text:
        return SchedulingText(room=Room.MAKING, counts=counts)
    if found := _CLAIM.search(reasons):
        return SchedulingText(room=Room.CLAIM_MISSING, counts=counts, claim=found[1])
    return SchedulingText(room=_room(text, reasons, after, counts), counts=counts)


def _room(text: str, reasons: str, after: str, counts: NodeCounts) -> Room:
    if counts.full:
        return Room.FULL
    if _VOLUME.search(reasons):
        return Room.VOLUME
    if "no nodes available" in text:
        return Room.NEVER
    if not after:
        # Where it has found pods to preempt, it says nothing of preemption, and the pod's status names the node soon.
        return Room.FULL if counts.nodes else Room.UNKNOWN
    if counts.short and "not helpful" not in after:
        # The pod may not preempt: then nobody can tell a full node from a small one.
        return Room.FULL
    return _none(counts)


def _none(counts: NodeCounts) -> Room:
    """Why no node will do as it is, however empty."""
    if counts.cordoned:
        return Room.CORDONED
    if counts.short or counts.of_another_kind:
        return Room.NEVER
    return Room.RESERVED if counts.tainted and not counts.other else Room.UNKNOWN


def _counts(nodes: int, reasons: str, after: str) -> NodeCounts:
    tainted = cordoned = of_another_kind = without_volume = other = 0
    short: dict[str, int] = {}
    for count, reason in _counted(reasons):
        if reason.startswith("Insufficient "):
            short[reason.removeprefix("Insufficient ")] = count
        elif reason.startswith("Too many pods"):
            short["pods"] = count
        elif "taint" in reason:
            tainted += count
        elif "unschedulable" in reason:
            cordoned += count
        elif _KIND.search(reason):
            of_another_kind += count
        elif _VOLUME.search(reason):
            without_volume += count
        else:
            other += count
    ends = _counted(after.partition(": ")[2])
    return NodeCounts(
        nodes=nodes,
        tainted=tainted,
        cordoned=cordoned,
        of_another_kind=of_another_kind,
        short=tuple(short.items()),
        without_volume=without_volume,
        other=other,
        full=sum(count for count, reason in ends if "No preemption victims" in reason),
        hopeless=sum(count for count, reason in ends if "not helpful" in reason),
    )


def _counted(text: str) -> list[tuple[int, str]]:
    """`2 Insufficient cpu, 1 Too many pods` as pairs. What has no count belongs to the one before, and is left out."""
    found = (_COUNTED.fullmatch(part.strip().rstrip(".")) for part in text.split(", "))
    return [(int(one[1]), one[2]) for one in found if one]
