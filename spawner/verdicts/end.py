"""Of a pod that ends or has ended: what ended it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from spawner.pod_facts import ContainerState
from spawner.verdicts.image_text import read_fault
from spawner.verdicts.outcomes import (
    ContainerNotMade,
    Deleted,
    Evicted,
    EvictionCause,
    ImageFault,
    ImageUnusable,
    NodeLost,
    NodeRefused,
    OutOfMemory,
    Preempted,
    ServerEnded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spawner.pod_facts import PodFacts
    from spawner.verdicts.evidence import Evidence
    from spawner.verdicts.outcomes import EndVerdict, PodVerdict

_NEVER_BEGAN: Final = frozenset({"StartError", "ContainerCannotRun"})
"""Of a container that has "ended" without having begun."""

_LOST: Final = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
_TAKEN_BY_KUBELET: Final = frozenset({"Evicted", "Terminated", "NodeShutdown"})
_SILENT_TAINTS: Final = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")

_PREEMPTED_BY = re.compile(r"Preempted by pod (\S{1,100})")
_LOW_ON = re.compile(r"low on resource: ([a-z](?:[a-z0-9./-]*[a-z0-9])?)")
_OWN_STORAGE = re.compile(r"exceeds the (?:limit|total limit)|exceeded its local ephemeral storage limit")

_LAST_LINES: Final = 3
_SIGNAL_BASE: Final = 128
_MOST_SIGNAL: Final = 64
"""A shell ends with 128 and the number of the signal that ended its program."""


def judge_end(evidence: Evidence, memory_limit_bytes: int | None, log_tail: Sequence[str]) -> PodVerdict | None:
    """Why it ends or has ended; None while it may still come up. What others did to it explains how it ended."""
    pod = evidence.pod
    if (taken := _taken_away(evidence)) is not None:
        return taken
    if pod.is_deleting and pod.container.reason != "OOMKilled":
        return Deleted(phase=evidence.phase)
    if pod.container.state is ContainerState.TERMINATED:
        return _container_ended(evidence, memory_limit_bytes, log_tail)
    if pod.phase == "Failed" and pod.reason:
        # The kubelet looks at its node itself: OutOfcpu, OutOfmemory, NodeAffinity, UnexpectedAdmissionError.
        return NodeRefused(is_short=pod.reason.startswith("OutOf"), said=f"{pod.reason}: {pod.message}")
    return ServerEnded(said=pod.message) if pod.phase in {"Failed", "Succeeded"} else None


def exited(pod: PodFacts, code: int | None, said: str) -> ServerEnded:
    """The container ended with this code, or by the signal that the code stands for."""
    signal = pod.container.signal
    if not signal and code is not None and _SIGNAL_BASE < code <= _SIGNAL_BASE + _MOST_SIGNAL:
        signal = code - _SIGNAL_BASE
    return ServerEnded(exit_code=code, signal=signal or None, ended_at=pod.container.ended_at, said=said)


def _taken_away(evidence: Evidence) -> EndVerdict | None:
    """The verdict where Kubernetes took it away: the condition DisruptionTarget says so, or the status."""
    pod = evidence.pod
    because = pod.disruption.reason if pod.disruption.status == "True" else ""
    said = pod.disruption.message or pod.message
    if because == "DeletionByTaintManager" and not _was_silent(evidence):
        return _evicted(evidence, EvictionCause.TAINT, said)
    if because in _LOST or pod.reason == "NodeLost" or pod.container.reason == "ContainerStatusUnknown":
        return NodeLost(phase=evidence.phase, node=pod.node, said=said)
    if because == "PreemptionByScheduler" or pod.reason == "Preempting":
        return _preempted(evidence, said)
    if because == "EvictionByEvictionAPI":
        return _evicted(evidence, EvictionCause.DRAIN, said)
    return _evicted_by_kubelet(evidence) if because or pod.reason in _TAKEN_BY_KUBELET else None


def _preempted(evidence: Evidence, said: str) -> Preempted:
    told = evidence.latest({"Preempted"})
    winner = _PREEMPTED_BY.search(told.message) if told else None
    return Preempted(phase=evidence.phase, winner_uid=winner[1] if winner else "", said=told.message if told else said)


def _was_silent(evidence: Evidence) -> bool:
    """Whether the taint that ended it was that of a node that does not answer, not one that somebody set."""
    if evidence.latest({"NodeNotReady"}) is not None:
        return True
    return evidence.node is not None and any(key in _SILENT_TAINTS for key, _, _ in evidence.node.taints)


def _evicted(evidence: Evidence, cause: EvictionCause, said: str) -> Evicted:
    return Evicted(phase=evidence.phase, cause=cause, said=said)


def _evicted_by_kubelet(evidence: Evidence) -> Evicted:
    said = evidence.pod.message or evidence.pod.disruption.message
    if found := _LOW_ON.search(said):
        return Evicted(phase=evidence.phase, cause=EvictionCause.NODE_SHORT, resource=found[1], said=said)
    if _OWN_STORAGE.search(said):
        return _evicted(evidence, EvictionCause.OWN_STORAGE, said)
    return _evicted(evidence, EvictionCause.SHUTDOWN if "shutdown" in said else EvictionCause.OTHER, said)


def _container_ended(evidence: Evidence, limit: int | None, log_tail: Sequence[str]) -> PodVerdict:
    container = evidence.pod.container
    said = container.message
    if container.reason == "OOMKilled":
        return OutOfMemory(limit_bytes=limit, ended_at=container.ended_at, said=said)
    if container.reason in _NEVER_BEGAN:
        if (fault := read_fault(said)) is not None:
            return ImageUnusable(fault=fault, said=said)
        return ContainerNotMade(waited_seconds=evidence.seconds_on_node, said=said)
    last_lines = log_tail[-_LAST_LINES:]
    if container.exit_code and any("exec format error" in line for line in last_lines):
        return ImageUnusable(fault=ImageFault.NOT_EXECUTABLE, said="\n".join(last_lines))
    return exited(evidence.pod, container.exit_code, said)
