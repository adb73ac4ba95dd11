"""Of a pod that no node has yet: whether it will be found room, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.progress import Phase, format_seconds
from spawner.verdicts.outcomes import (
    NeverFits,
    NodesCordoned,
    NodesReserved,
    NoNodeComes,
    NoRoomNow,
    VolumeMissing,
    VolumeNotReady,
    Waiting,
    WaitingKind,
)
from spawner.verdicts.scheduling_text import Room, SchedulingText, read_scheduling

if TYPE_CHECKING:
    from spawner.pod_facts import EventFacts
    from spawner.verdicts.evidence import Evidence
    from spawner.verdicts.outcomes import RoomVerdict

_COMING: Final = frozenset({"TriggeredScaleUp", "Nominated"})
"""What cluster-autoscaler and Karpenter say of a pod for which they have ordered a node."""

_NOT_COMING: Final = frozenset({"NotTriggerScaleUp"})

_KARPENTER: Final = "Failed to schedule pod"
"""Begins Karpenter's own FailedScheduling events: it brings no node."""


def judge_room(evidence: Evidence) -> RoomVerdict | Waiting:
    """Why it has no node yet.

    While pods of lower priority end for it, the scheduler calls it unschedulable all the same: that is no failure.
    """
    if evidence.pod.nominated_node:
        return _making_room()
    if said := _said(evidence):
        return _unschedulable(evidence, read_scheduling(said), said)
    if evidence.pod.scheduled.reason == "SchedulingGated":
        return _waiting(WaitingKind.SCHEDULER, "Waiting for its turn")
    return _waiting(WaitingKind.SCHEDULER, "Looking for a machine")


def _unschedulable(evidence: Evidence, text: SchedulingText, said: str) -> RoomVerdict | Waiting:
    match text.room:
        case Room.MAKING:
            return _making_room()
        case Room.CLAIM_MISSING:
            return _claim_missing(evidence, text.claim, said)
        case Room.VOLUME:
            return _volume(evidence, said)
        case Room.NEVER | Room.CORDONED | Room.RESERVED:
            return _autoscaled(evidence, said) or _none_will_do(evidence, text, said)
        case _:  # full, or words that we do not know
            return _node_coming(evidence, said) or _no_room_now(evidence, text, said)


def _said(evidence: Evidence) -> str:
    """The scheduler's last words, in the status if they are there yet."""
    if evidence.pod.scheduled.reason == "Unschedulable" and evidence.pod.scheduled.message:
        return evidence.pod.scheduled.message
    words = (event.message for event in reversed(evidence.events) if event.reason == "FailedScheduling")
    return next((message for message in words if not message.startswith(_KARPENTER)), "")


def _waiting(kind: WaitingKind, detail: str) -> Waiting:
    return Waiting(kind=kind, phase=Phase.ROOM, detail=detail)


def _making_room() -> Waiting:
    return _waiting(WaitingKind.PREEMPTION, "Something less urgent makes room")


def _claim_missing(evidence: Evidence, claim: str, said: str) -> VolumeMissing | Waiting:
    if evidence.waited_seconds < evidence.patience.settle:
        return _waiting(WaitingKind.SETTLING, "Waiting for a volume to be made")
    return VolumeMissing(claim=claim, said=said)


def _volume(evidence: Evidence, said: str) -> VolumeNotReady | Waiting:
    waited = evidence.waited_seconds
    if waited < evidence.patience.volume:
        return _waiting(WaitingKind.VOLUME, f"Waiting for a volume, {format_seconds(waited)} so far")
    return VolumeNotReady(waited_seconds=waited, said=said)


def _none_will_do(evidence: Evidence, text: SchedulingText, said: str) -> RoomVerdict | Waiting:
    # For a moment after a node is returned to use or becomes ready, the scheduler still finds a taint on it.
    may_pass = text.room is not Room.NEVER or text.counts.tainted
    if may_pass and evidence.waited_seconds < evidence.patience.settle:
        return _waiting(WaitingKind.SETTLING, "Waiting for a machine to be usable")
    if text.room is Room.NEVER:
        return NeverFits(counts=text.counts, said=said)
    if text.room is Room.CORDONED:
        return NodesCordoned(counts=text.counts, said=said)
    return NodesReserved(counts=text.counts, said=said)


def _no_room_now(evidence: Evidence, text: SchedulingText, said: str) -> NoRoomNow | Waiting:
    waited = evidence.waited_seconds
    if waited < evidence.patience.room:
        return _waiting(WaitingKind.ROOM, f"Waiting for room, {format_seconds(waited)} so far")
    return NoRoomNow(counts=text.counts, waited_seconds=waited, said=said)


def _node_coming(evidence: Evidence, said: str) -> NoNodeComes | Waiting | None:
    """What there is to say of a node that an autoscaler has ordered; None where it has not."""
    last = _autoscaler_said(evidence)
    if last is None or last.reason not in _COMING:
        return None
    seconds = evidence.seconds_since(last.at)
    if seconds < evidence.patience.node:
        return _waiting(WaitingKind.NODE, f"A new machine is on its way, {format_seconds(seconds)} so far")
    return NoNodeComes(was_ordered=True, waited_seconds=seconds, said=said)


def _autoscaled(evidence: Evidence, said: str) -> NoNodeComes | Waiting | None:
    """The same where only a new node will do: then it counts too that there is none to come, and that none has said."""
    last = _autoscaler_said(evidence)
    if last is None:
        if evidence.is_autoscaled and evidence.waited_seconds < evidence.patience.autoscaler:
            return _waiting(WaitingKind.AUTOSCALER, "Asking for a new machine")
        return None
    if last.reason in _COMING:
        return _node_coming(evidence, said)
    return NoNodeComes(was_ordered=False, waited_seconds=evidence.waited_seconds, said=last.message)


def _autoscaler_said(evidence: Evidence) -> EventFacts | None:
    return next((event for event in reversed(evidence.events) if _is_autoscalers(event)), None)


def _is_autoscalers(event: EventFacts) -> bool:
    if event.reason == "FailedScheduling":
        return event.message.startswith(_KARPENTER)
    return event.reason in _COMING | _NOT_COMING
