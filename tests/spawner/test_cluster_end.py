"""How a pod's end is told: one plain sentence for each way, and never a guess where nobody saw it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spawner.cluster_end import ending_of
from spawner.ending import EndingKind, describe_ending, from_json, to_json
from spawner.pod_facts import Condition, ContainerFacts, ContainerState, PodFacts

NOW = datetime(2026, 11, 26, 14, 20, tzinfo=UTC)
BEFORE = datetime(2026, 11, 26, 14, 19, tzinfo=UTC)
GIB = 1024**3
POD = PodFacts(
    name="ws-alice", namespace="work", uid="1", resource_version="1", phase="Running", node="node1", ip="10.0.0.1"
)


def ended(reason: str = "Error", **facts: int) -> PodFacts:
    container = ContainerFacts(state=ContainerState.TERMINATED, reason=reason, ended_at=BEFORE, **facts)
    return replace(POD, phase="Failed", container=container)


def disrupted(reason: str, message: str = "") -> PodFacts:
    return replace(POD, is_deleting=True, disruption=Condition(status="True", reason=reason, message=message))


CASES = {
    "by itself": (ended(exit_code=3), EndingKind.EXITED, "It ended by itself with exit code 3."),
    "killed": (ended(exit_code=137), EndingKind.SIGNALLED, "It was killed by signal 9 (SIGKILL)."),
    "out of memory": (
        ended("OOMKilled", exit_code=137),
        EndingKind.OUT_OF_MEMORY,
        "It used all of its 2 GiB of memory and was stopped.",
    ),
    "preempted": (
        disrupted("PreemptionByScheduler"),
        EndingKind.TAKEN_AWAY,
        "A workspace that goes before it needed its place.",
    ),
    "drained": (
        disrupted("EvictionByEvictionAPI"),
        EndingKind.TAKEN_AWAY,
        "The machine it ran on was taken out of service.",
    ),
    "node full": (
        replace(POD, phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        EndingKind.TAKEN_AWAY,
        "The machine it ran on was short of memory or disk, and stopped it.",
    ),
    "own disk full": (
        replace(
            POD,
            phase="Failed",
            reason="Evicted",
            message="Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. ",
        ),
        EndingKind.TAKEN_AWAY,
        "It wrote more to its temporary disk than it may, and was stopped.",
    ),
    "node lost": (
        disrupted("DeletionByPodGC"),
        EndingKind.TAKEN_AWAY,
        "The machine it ran on does not answer any more.",
    ),
    "deleted": (replace(POD, is_deleting=True), EndingKind.TAKEN_AWAY, "Somebody removed it from the cluster."),
    "gone": (None, EndingKind.LOST, "It is gone, and nothing saw how it ended: the machine may have been restarted."),
}


@pytest.mark.parametrize(("pod", "kind", "sentence"), CASES.values(), ids=CASES)
def test_each_way_to_end_has_its_sentence(pod: PodFacts | None, kind: EndingKind, sentence: str) -> None:
    ending = ending_of(pod, (), log_tail=("last words",), memory_limit_bytes=2 * GIB, now=NOW)
    assert (ending.kind, describe_ending(ending)) == (kind, sentence)
    assert ending.log_tail == ("last words",)
    assert from_json(to_json(ending)) == ending


def test_the_time_is_the_container_s_own_where_it_is_known() -> None:
    def when(pod: PodFacts | None) -> datetime:
        return ending_of(pod, (), log_tail=(), memory_limit_bytes=None, now=NOW).ended_at

    assert when(ended(exit_code=0)) == BEFORE
    assert when(None) == NOW
