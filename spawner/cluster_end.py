"""How a pod's end is told at the next visit: from the same verdicts that a start is judged by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from spawner.ending import Ending, EndingKind
from spawner.verdicts.judge import judge
from spawner.verdicts.outcomes import (
    Deleted,
    Evicted,
    EvictionCause,
    ImageUnusable,
    NodeLost,
    NodeRefused,
    OutOfMemory,
    Preempted,
    ServerEnded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from spawner.pod_facts import EventFacts, PodFacts

_WHY: Final[Mapping[EvictionCause, str]] = {
    EvictionCause.OWN_STORAGE: "It wrote more to its temporary disk than it may, and was stopped.",
    EvictionCause.NODE_SHORT: "The machine it ran on was short of memory or disk, and stopped it.",
    EvictionCause.DRAIN: "The machine it ran on was taken out of service.",
    EvictionCause.SHUTDOWN: "The machine it ran on was shut down.",
    EvictionCause.TAINT: "The machine it ran on was taken out of service.",
    EvictionCause.OTHER: "The machine it ran on gave it up.",
}


def ending_of(
    pod: PodFacts | None,
    events: Sequence[EventFacts],
    *,
    log_tail: Sequence[str],
    memory_limit_bytes: int | None,
    now: datetime,
) -> Ending:
    """How a workspace ended whose pod has ended, or is gone (None)."""
    outcome = None
    if pod is not None:
        outcome = judge(pod, events, waited_seconds=0.0, memory_limit_bytes=memory_limit_bytes, log_tail=log_tail)
    ended = Ending(kind=EndingKind.LOST, ended_at=now, log_tail=tuple(log_tail))
    match outcome:
        case OutOfMemory(limit_bytes=limit, ended_at=at):
            ended = replace(ended, kind=EndingKind.OUT_OF_MEMORY, ended_at=at or now, limit_bytes=limit)
        case ServerEnded(exit_code=code, signal=signal, ended_at=at):
            kind = EndingKind.SIGNALLED if signal else EndingKind.EXITED
            ended = replace(ended, kind=kind, ended_at=at or now, exit_code=code, signal=signal)
        case Evicted(cause=cause):
            ended = replace(ended, kind=EndingKind.TAKEN_AWAY, why=_WHY[cause])
        case Preempted() | NodeLost() | NodeRefused() | Deleted():
            ended = replace(ended, kind=EndingKind.TAKEN_AWAY, why=_taken_by(outcome))
        case ImageUnusable():
            ended = replace(ended, kind=EndingKind.FAILED_TO_START)
    return ended


def _taken_by(verdict: Preempted | NodeLost | NodeRefused | Deleted) -> str:
    match verdict:
        case Preempted():
            return "A workspace that goes before it needed its place."
        case NodeLost():
            return "The machine it ran on does not answer any more."
        case NodeRefused() | Deleted():
            return "Somebody removed it from the cluster."
