"""What a pod and its events say becomes a verdict, a wait or a running server. The texts are Kubernetes' own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.pod_facts import (
    Condition,
    ContainerFacts,
    ContainerState,
    EventFacts,
    NodeFacts,
    PodFacts,
    pod_facts,
)
from spawner.progress import Phase
from spawner.verdicts.evidence import Patience
from spawner.verdicts.judge import judge
from spawner.verdicts.outcomes import (
    ContainerNotMade,
    Deleted,
    Evicted,
    EvictionCause,
    ImageFault,
    ImageNotFetched,
    ImageNotFound,
    ImageUnusable,
    NeverFits,
    NodeLost,
    NodeRefused,
    NodesCordoned,
    NodesReserved,
    NoNodeComes,
    NoRoomNow,
    OutOfMemory,
    Preempted,
    RegistryAway,
    RegistryRefuses,
    RegistryTrouble,
    Running,
    ServerEnded,
    SettingKind,
    SettingMissing,
    VolumeMissing,
    VolumeNotMounted,
    VolumeNotReady,
    Waiting,
    WaitingKind,
)
from spawner.verdicts.scheduling_text import NodeCounts

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
REF = "10.199.0.1:5000/hub/other:1"
NODE = "node1"
GIB = 1024**3

NOT_HELPFUL = (
    " no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)
FULL = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: "
    "0/1 nodes are available: 1 No preemption victims found for incoming pod."
)
TOO_SMALL = f"0/1 nodes are available: 1 Insufficient memory.{NOT_HELPFUL}"
TAINTED = f"0/1 nodes are available: 1 node(s) had untolerated taint(s).{NOT_HELPFUL}"
CORDONED = f"0/1 nodes are available: 1 node(s) were unschedulable.{NOT_HELPFUL}"
NO_SUCH_NODE = f"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.{NOT_HELPFUL}"
NO_CLAIM = '0/1 nodes are available: persistentvolumeclaim "missing" not found. not found'
UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"

RESOLVE = f'failed to pull and unpack image "{REF}": failed to resolve reference "{REF}": '
NOT_FOUND = f'Failed to pull image "{REF}": rpc error: code = NotFound desc = {RESOLVE}{REF}: not found'
HEAD = 'failed to do request: Head "https://10.199.0.1:5000/v2/hub/manifests/other": '
REFUSED_CONNECTION = (
    f'Failed to pull image "{REF}": {RESOLVE}{HEAD}dial tcp 10.199.0.1:5000: connect: connection refused'
)
STRANGE = f'Failed to pull image "{REF}": failed to extract layer: no space left on device'


def event(reason: str, message: str = "", *, after: float = 1, **more: Any) -> EventFacts:
    """An event about the pod, seconds after it was created."""
    facts: dict[str, Any] = {"pod_uid": "u1", "is_warning": True, "at": NOW + timedelta(seconds=after), **more}
    return EventFacts(reason=reason, message=message, **facts)


def pod(**more: Any) -> PodFacts:
    return PodFacts(
        name="ws-alice", namespace="work", uid="u1", resource_version="1", phase="Pending", created_at=NOW, **more
    )


def unschedulable(message: str, **more: Any) -> PodFacts:
    return pod(scheduled=Condition(status="False", reason="Unschedulable", message=message), **more)


def on_node(state: ContainerState = ContainerState.WAITING, reason: str = "ContainerCreating", **more: Any) -> PodFacts:
    """A pod that a node has. What begins with `pod_` is of the pod, the rest of its container."""
    of_pod = {key.removeprefix("pod_"): more.pop(key) for key in list(more) if key.startswith("pod_")}
    return replace(pod(node=NODE, container=ContainerFacts(state=state, reason=reason, **more)), **of_pod)


def ended(reason: str = "Error", **more: Any) -> PodFacts:
    return on_node(ContainerState.TERMINATED, reason, **more)


def disrupted(reason: str, message: str = "", **more: Any) -> PodFacts:
    return replace(
        on_node(ContainerState.RUNNING, ""),
        is_deleting=True,
        disruption=Condition(status="True", reason=reason, message=message),
        **more,
    )


def silent_node(*, taint: str = "") -> NodeFacts:
    return NodeFacts(name=NODE, is_ready=False, taints=((taint, "", "NoExecute"),) if taint else ())


CASES: list[Any] = [
    # ── room
    pytest.param(pod(), [], {}, Waiting, {"kind": WaitingKind.SCHEDULER, "phase": Phase.ROOM}, id="just created"),
    pytest.param(
        pod(scheduled=Condition(status="False", reason="SchedulingGated", message="Scheduling is blocked")),
        [],
        {},
        Waiting,
        {"kind": WaitingKind.SCHEDULER, "detail": "Waiting for its turn"},
        id="gated",
    ),
    pytest.param(
        unschedulable(TOO_SMALL),
        [],
        {},
        NeverFits,
        {"counts": NodeCounts(nodes=1, short=(("memory", 1),), hopeless=1), "said": TOO_SMALL},
        id="never fits",
    ),
    pytest.param(pod(), [event("FailedScheduling", TOO_SMALL)], {}, NeverFits, {}, id="never fits, by the event"),
    pytest.param(unschedulable(NO_SUCH_NODE), [], {}, NeverFits, {}, id="no node of that kind"),
    pytest.param(
        unschedulable("no nodes available to schedule pods"), [], {}, NeverFits, {"counts": NodeCounts()}, id="no node"
    ),
    pytest.param(
        unschedulable(
            "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s). preemption: "
            "0/2 nodes are available: 2 Preemption is not helpful for scheduling."
        ),
        [],
        {"waited_seconds": 1},
        Waiting,
        {"kind": WaitingKind.SETTLING},
        id="too small and tainted: the taint may be about to go",
    ),
    pytest.param(unschedulable(FULL), [], {}, Waiting, {"kind": WaitingKind.ROOM}, id="no room yet"),
    pytest.param(
        unschedulable(FULL),
        [],
        {"waited_seconds": 60},
        NoRoomNow,
        {"waited_seconds": 60, "counts": NodeCounts(nodes=1, short=(("nvidia.com/gpu", 1),), full=1)},
        id="no room in time",
    ),
    pytest.param(
        unschedulable("something that we have never seen"),
        [],
        {"waited_seconds": 60},
        NoRoomNow,
        {"counts": NodeCounts()},
        id="words that we do not know are waited for",
    ),
    pytest.param(
        unschedulable(FULL, nominated_node=NODE),
        [event("FailedScheduling", FULL)],
        {"waited_seconds": 9_999},
        Waiting,
        {"kind": WaitingKind.PREEMPTION},
        id="something less urgent gives way",
    ),
    pytest.param(
        unschedulable(
            "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, "
            "preemption: not eligible due to a terminating pod on the nominated node."
        ),
        [],
        {"waited_seconds": 9_999},
        Waiting,
        {"kind": WaitingKind.PREEMPTION},
        id="the same, by the scheduler's words alone",
    ),
    pytest.param(
        unschedulable(CORDONED),
        [],
        {"waited_seconds": 1},
        Waiting,
        {"kind": WaitingKind.SETTLING},
        id="cordoned, early",
    ),
    pytest.param(unschedulable(CORDONED), [], {}, NodesCordoned, {}, id="cordoned"),
    pytest.param(unschedulable(TAINTED), [], {}, NodesReserved, {}, id="only tainted"),
    pytest.param(
        unschedulable(NO_CLAIM), [], {"waited_seconds": 1}, Waiting, {"kind": WaitingKind.SETTLING}, id="no claim yet"
    ),
    pytest.param(unschedulable(NO_CLAIM), [], {}, VolumeMissing, {"claim": "missing"}, id="no claim"),
    pytest.param(unschedulable(UNBOUND), [], {}, Waiting, {"kind": WaitingKind.VOLUME}, id="volume not bound yet"),
    pytest.param(unschedulable(UNBOUND), [], {"waited_seconds": 90}, VolumeNotReady, {}, id="volume not bound"),
    # ── room, with an autoscaler
    pytest.param(
        unschedulable(TOO_SMALL), [], {"is_autoscaled": True}, Waiting, {"kind": WaitingKind.AUTOSCALER}, id="asked"
    ),
    pytest.param(
        unschedulable(TOO_SMALL), [], {"is_autoscaled": True, "waited_seconds": 60}, NeverFits, {}, id="no answer"
    ),
    pytest.param(
        unschedulable(TOO_SMALL),
        [event("TriggeredScaleUp", "pod triggered scale-up: [{pool 0->1 (max: 4)}]", after=4)],
        {"waited_seconds": 14},
        Waiting,
        {"kind": WaitingKind.NODE, "detail": "A new machine is on its way, 10 s so far"},
        id="a node is coming",
    ),
    pytest.param(
        unschedulable(FULL),
        [event("Nominated", "Pod should schedule on: nodeclaim/gpu-x2k9")],
        {"waited_seconds": 120},
        Waiting,
        {"kind": WaitingKind.NODE},
        id="a node is coming, by Karpenter, though there is one that is full",
    ),
    pytest.param(
        unschedulable(TOO_SMALL),
        [event("TriggeredScaleUp", after=4)],
        {"waited_seconds": 904},
        NoNodeComes,
        {"was_ordered": True, "waited_seconds": 900},
        id="a node was ordered and never came",
    ),
    pytest.param(
        unschedulable(FULL), [event("TriggeredScaleUp")], {"waited_seconds": 999}, NoNodeComes, {}, id="nor for a full"
    ),
    pytest.param(
        unschedulable(TOO_SMALL),
        [event("TriggeredScaleUp", after=1), event("NotTriggerScaleUp", "pod didn't trigger scale-up", after=9)],
        {"is_autoscaled": True},
        NoNodeComes,
        {"was_ordered": False, "said": "pod didn't trigger scale-up"},
        id="the autoscaler's no is final",
    ),
    pytest.param(
        unschedulable(NO_SUCH_NODE),
        [event("FailedScheduling", 'Failed to schedule pod, incompatible with nodepool "default"')],
        {"is_autoscaled": True},
        NoNodeComes,
        {"was_ordered": False},
        id="Karpenter's no is final",
    ),
    pytest.param(
        pod(),
        [event("FailedScheduling", "Failed to schedule pod, all available instance types exceed limits")],
        {},
        Waiting,
        {"kind": WaitingKind.SCHEDULER},
        id="Karpenter alone says nothing about nodes that are up",
    ),
    pytest.param(
        unschedulable(FULL),
        [event("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")],
        {"is_autoscaled": True},
        Waiting,
        {"kind": WaitingKind.ROOM},
        id="no further node, and others may end",
    ),
    # ── image
    pytest.param(
        on_node(),
        [event("Pulling"), event("Failed", NOT_FOUND), event("Failed", "Error: ErrImagePull")],
        {},
        ImageNotFound,
        {"image": REF, "phase": Phase.SOFTWARE},
        id="no image, by the event",
    ),
    pytest.param(
        on_node(reason="ImagePullBackOff", message=f'Back-off pulling image "{REF}": ErrImagePull: {REF}: not found'),
        [],
        {},
        ImageNotFound,
        {"image": REF},
        id="no image, by the status",
    ),
    pytest.param(
        on_node(reason="ErrImagePull", message=NOT_FOUND),
        [event("Failed", NOT_FOUND)],
        {},
        ImageNotFound,
        {},
        id="both",
    ),
    pytest.param(
        on_node(reason="ErrImageNeverPull", message="x"),
        [event("ErrImageNeverPull", f'Container image "{REF}" is not present with pull policy of Never')],
        {},
        ImageNotFound,
        {"image": REF},
        id="not there, and not to be fetched",
    ),
    pytest.param(
        on_node(),
        [event("Failed", NOT_FOUND, after=1), event("Pulled", after=12)],
        {},
        Waiting,
        {"kind": WaitingKind.CONTAINER},
        id="fetched in the end",
    ),
    pytest.param(
        on_node(), [event("Failed", f"{RESOLVE}: 401 Unauthorized")], {}, Waiting, {}, id="not of a pull at all"
    ),
    pytest.param(
        on_node(),
        [event("Failed", f'Failed to pull image "{REF}": {RESOLVE}pulling failed with status code 401 Unauthorized')],
        {},
        RegistryRefuses,
        {"image": REF},
        id="the registry refuses",
    ),
    pytest.param(
        on_node(),
        [event("Pulling", after=1), event("Failed", REFUSED_CONNECTION, after=1)],
        {"waited_seconds": 9},
        Waiting,
        {"kind": WaitingKind.REGISTRY},
        id="the registry is away, once",
    ),
    pytest.param(
        on_node(),
        [event("Failed", REFUSED_CONNECTION, count=2)],
        {"waited_seconds": 9},
        RegistryAway,
        {"trouble": RegistryTrouble.NO_ANSWER, "image": REF},
        id="the registry is away, twice",
    ),
    pytest.param(
        on_node(),
        [event("Pulling", after=1), event("Failed", REFUSED_CONNECTION, after=1)],
        {"waited_seconds": 21},
        RegistryAway,
        {},
        id="the registry is away, for long",
    ),
    pytest.param(
        on_node(reason="ErrImagePull", message=""),
        [],
        {"waited_seconds": 1},
        Waiting,
        {},
        id="a failed pull, no word why",
    ),
    pytest.param(
        on_node(), [event("Failed", STRANGE, count=2)], {}, ImageNotFetched, {"image": REF}, id="a pull fails strangely"
    ),
    pytest.param(
        on_node(),
        [event("Failed", f'Failed to pull image "{REF}": {RESOLVE}no match for platform in manifest: not found')],
        {},
        ImageUnusable,
        {"fault": ImageFault.PLATFORM, "phase": Phase.SOFTWARE},
        id="another platform",
    ),
    pytest.param(
        on_node(reason="InvalidImageName", message='couldn\'t parse image name "UPPER::bad": invalid reference format'),
        [event("InspectFailed", 'Failed to apply default image tag "UPPER::bad": invalid reference format')],
        {},
        ImageUnusable,
        {"fault": ImageFault.BAD_NAME},
        id="a name that cannot be read",
    ),
    pytest.param(
        on_node(),
        [event("Pulling", after=2)],
        {"waited_seconds": 42},
        Waiting,
        {"kind": WaitingKind.IMAGE, "phase": Phase.SOFTWARE, "detail": "Fetching the image, 40 s so far"},
        id="a slow download",
    ),
    pytest.param(
        on_node(),
        [event("Pulling", at=None)],
        {"waited_seconds": 42},
        Waiting,
        {"detail": "Fetching the image, 42 s so far"},
        id="a download that nobody timed",
    ),
    # ── container
    pytest.param(on_node(ContainerState.NONE, ""), [], {}, Waiting, {"phase": Phase.SOFTWARE}, id="on its node"),
    pytest.param(
        on_node(),
        [event("Failed", 'Error: secret "missing" not found')],
        {},
        SettingMissing,
        {"name": "missing"},
        id="event",
    ),
    pytest.param(
        on_node(reason="CreateContainerConfigError", message='configmap "missing" not found'),
        [],
        {},
        SettingMissing,
        {"of": SettingKind.CONFIG_MAP, "name": "missing", "phase": Phase.SERVER},
        id="a ConfigMap is missing",
    ),
    pytest.param(
        on_node(reason="CreateContainerConfigError", message='secret "missing" not found'),
        [],
        {"waited_seconds": 1},
        Waiting,
        {"kind": WaitingKind.SETTLING},
        id="its Secret comes after it",
    ),
    pytest.param(
        on_node(
            reason="CreateContainerConfigError",
            message="failed to sync configmap cache: timed out waiting for the condition",
        ),
        [],
        {"waited_seconds": 50},
        Waiting,
        {"kind": WaitingKind.SETTLING},
        id="the kubelet has not heard of it yet",
    ),
    pytest.param(
        on_node(reason="CreateContainerConfigError", message=""),
        [event("Failed", "Error: couldn't find key token in Secret work/ws-alice")],
        {},
        SettingMissing,
        {"of": SettingKind.SECRET, "name": "ws-alice", "key": "token"},
        id="a key is missing",
    ),
    pytest.param(
        on_node(),
        [event("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "missing" not found')],
        {},
        SettingMissing,
        {"of": SettingKind.SECRET},
        id="a Secret to mount is missing",
    ),
    pytest.param(
        on_node(),
        [event("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "late" not found'), event("Pulling")],
        {},
        Waiting,
        {"kind": WaitingKind.IMAGE},
        id="a Secret to mount came late",
    ),
    pytest.param(
        on_node(reason="CreateContainerConfigError", message="container has runAsNonRoot and image will run as root"),
        [],
        {},
        ImageUnusable,
        {"fault": ImageFault.RUNS_AS_ROOT},
        id="an image of root",
    ),
    pytest.param(
        on_node(),
        [event("FailedCreatePodSandBox", "no runtime")],
        {},
        Waiting,
        {"kind": WaitingKind.CONTAINER},
        id="once",
    ),
    pytest.param(
        on_node(),
        [event("Scheduled", after=10), event("FailedCreatePodSandBox", "no runtime", after=11)],
        {"waited_seconds": 70},
        ContainerNotMade,
        {"waited_seconds": 60},
        id="the container cannot be made",
    ),
    pytest.param(
        on_node(),
        [event("Scheduled", after=2), event("FailedMount", "Unable to attach or mount volumes", after=3)],
        {"waited_seconds": 12},
        Waiting,
        {"kind": WaitingKind.VOLUME, "detail": "Connecting your files, 10 s so far"},
        id="a slow volume",
    ),
    pytest.param(
        on_node(),
        [event("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) x')],
        {"waited_seconds": 90},
        VolumeNotMounted,
        {"is_held_elsewhere": True, "phase": Phase.SERVER},
        id="a volume is held elsewhere",
    ),
    pytest.param(
        on_node(),
        [event("FailedMount", "hostPath type check failed")],
        {"waited_seconds": 90},
        VolumeNotMounted,
        {"is_held_elsewhere": False},
        id="a volume cannot be mounted",
    ),
    pytest.param(on_node(ContainerState.RUNNING, ""), [], {}, Running, {"is_ready": False}, id="runs"),
    pytest.param(
        on_node(ContainerState.RUNNING, "", is_ready=True),
        [event("Failed", NOT_FOUND)],
        {},
        Running,
        {"is_ready": True, "phase": Phase.SERVER},
        id="runs, whatever went before",
    ),
    # ── the end
    pytest.param(
        ended(exit_code=1, ended_at=NOW),
        [],
        {},
        ServerEnded,
        {"exit_code": 1, "signal": None, "ended_at": NOW, "phase": Phase.SERVER},
        id="exits",
    ),
    pytest.param(ended(exit_code=137), [], {}, ServerEnded, {"exit_code": 137, "signal": 9}, id="killed"),
    pytest.param(ended(exit_code=1, signal=15), [], {}, ServerEnded, {"signal": 15}, id="killed, says the runtime"),
    pytest.param(ended(exit_code=255), [], {}, ServerEnded, {"signal": None}, id="a code beyond signals"),
    pytest.param(replace(pod(node=NODE), phase="Succeeded"), [], {}, ServerEnded, {}, id="over"),
    pytest.param(
        ended("OOMKilled", exit_code=137),
        [],
        {"memory_limit_bytes": GIB},
        OutOfMemory,
        {"limit_bytes": GIB},
        id="out of memory",
    ),
    pytest.param(
        ended("OOMKilled", exit_code=137, pod_is_deleting=True), [], {}, OutOfMemory, {}, id="out of memory, cleaned up"
    ),
    pytest.param(
        on_node(reason="CrashLoopBackOff", last_reason="OOMKilled", last_exit_code=137),
        [],
        {"memory_limit_bytes": GIB},
        OutOfMemory,
        {"limit_bytes": GIB},
        id="out of memory, to be started again",
    ),
    pytest.param(
        on_node(reason="CrashLoopBackOff", last_reason="Error", last_exit_code=3),
        [],
        {},
        ServerEnded,
        {"exit_code": 3},
        id="exits, to be started again",
    ),
    pytest.param(
        ended(
            "StartError",
            exit_code=128,
            message='runc create failed: exec: "/nope": stat /nope: no such file or directory: unknown',
        ),
        [],
        {},
        ImageUnusable,
        {"fault": ImageFault.NO_PROGRAM},
        id="no such program",
    ),
    pytest.param(
        ended("StartError", exit_code=128, message="cgroups: no space"), [], {}, ContainerNotMade, {}, id="not begun"
    ),
    pytest.param(
        ended(exit_code=1),
        [],
        {"log_tail": ["exec /program: exec format error"]},
        ImageUnusable,
        {"fault": ImageFault.NOT_EXECUTABLE, "said": "exec /program: exec format error"},
        id="no program",
    ),
    pytest.param(
        on_node(pod_is_deleting=True), [], {}, Deleted, {"phase": Phase.SOFTWARE}, id="deleted while it is made"
    ),
    pytest.param(
        pod(is_deleting=True, nominated_node=NODE), [], {}, Deleted, {"phase": Phase.ROOM}, id="deleted early"
    ),
    pytest.param(
        replace(pod(node=NODE), phase="Failed", reason="OutOfcpu", message="Pod was rejected: Node didn't have enough"),
        [],
        {},
        NodeRefused,
        {"is_short": True},
        id="the node has no room after all",
    ),
    pytest.param(
        replace(pod(node=NODE), phase="Failed", reason="NodeAffinity", message="Predicate NodeAffinity failed"),
        [],
        {},
        NodeRefused,
        {"is_short": False},
        id="the node is of another kind",
    ),
    pytest.param(
        replace(
            ended(exit_code=137), phase="Failed", reason="Evicted", message="The node was low on resource: memory."
        ),
        [],
        {},
        Evicted,
        {"cause": EvictionCause.NODE_SHORT, "resource": "memory"},
        id="the node is short of memory",
    ),
    pytest.param(
        replace(ended(), reason="Evicted", message='Usage of EmptyDir volume "v" exceeds the limit "1Mi". '),
        [],
        {},
        Evicted,
        {"cause": EvictionCause.OWN_STORAGE},
        id="it filled its disk",
    ),
    pytest.param(
        disrupted("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown."),
        [],
        {},
        Evicted,
        {"cause": EvictionCause.SHUTDOWN},
        id="the node is switched off",
    ),
    pytest.param(
        disrupted("SomethingNew"), [], {}, Evicted, {"cause": EvictionCause.OTHER}, id="evicted, who knows why"
    ),
    pytest.param(
        disrupted("EvictionByEvictionAPI", "Eviction API: evicting"),
        [],
        {},
        Evicted,
        {"cause": EvictionCause.DRAIN, "phase": Phase.SERVER, "said": "Eviction API: evicting"},
        id="drained",
    ),
    pytest.param(
        disrupted("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
        [],
        {"node": silent_node(taint="team")},
        Evicted,
        {"cause": EvictionCause.TAINT},
        id="tainted away",
    ),
    pytest.param(
        disrupted("DeletionByTaintManager"),
        [event("NodeNotReady", "Node is not ready")],
        {},
        NodeLost,
        {"node": NODE},
        id="the node is lost, by its event",
    ),
    pytest.param(
        disrupted("DeletionByTaintManager"),
        [],
        {"node": silent_node(taint="node.kubernetes.io/unreachable")},
        NodeLost,
        {},
        id="the node is lost, by its taint",
    ),
    pytest.param(disrupted("DeletionByPodGC"), [], {}, NodeLost, {}, id="the node is gone"),
    pytest.param(on_node(pod_reason="NodeLost", pod_is_deleting=True), [], {}, NodeLost, {}, id="NodeLost"),
    pytest.param(ended("ContainerStatusUnknown", exit_code=137), [], {}, NodeLost, {}, id="nobody saw it end"),
    pytest.param(
        on_node(ContainerState.RUNNING, ""),
        [event("NodeNotReady", after=1)],
        {"node": silent_node(), "waited_seconds": 41},
        Waiting,
        {"kind": WaitingKind.SILENT_NODE, "detail": "The machine does not answer, 40 s so far"},
        id="the node is silent",
    ),
    pytest.param(
        on_node(ContainerState.RUNNING, ""),
        [],
        {"node": silent_node(), "waited_seconds": 900},
        NodeLost,
        {},
        id="silent",
    ),
    pytest.param(
        on_node(ContainerState.RUNNING, ""),
        [],
        {"node": NodeFacts(name=NODE, is_ready=True)},
        Running,
        {},
        id="answers",
    ),
    pytest.param(
        disrupted("PreemptionByScheduler"),
        [event("Preempted", "Preempted by pod 2ad1bd34-1 on node node1")],
        {},
        Preempted,
        {"winner_uid": "2ad1bd34-1", "phase": Phase.SERVER},
        id="preempted",
    ),
    pytest.param(
        disrupted("PreemptionByScheduler"), [], {}, Preempted, {"winner_uid": ""}, id="preempted, no word by whom"
    ),
    pytest.param(ended(pod_reason="Preempting"), [], {}, Preempted, {}, id="gave way to something the node needs"),
]


@pytest.mark.parametrize(("facts", "events", "known", "kind", "has"), CASES)
def test_what_a_pod_and_its_events_say_becomes_an_outcome(
    facts: PodFacts, events: list[EventFacts], known: dict[str, Any], kind: type, has: dict[str, Any]
) -> None:
    outcome = judge(facts, events, **{"waited_seconds": 10, **known})
    assert type(outcome) is kind, outcome
    assert {name: getattr(outcome, name) for name in has} == has


def test_events_of_an_earlier_pod_of_that_name_count_for_nothing() -> None:
    before = replace(event("Failed", NOT_FOUND), pod_uid="u0")
    assert isinstance(judge(on_node(), [before], waited_seconds=10), Waiting)


def test_the_order_in_which_events_arrive_does_not_matter() -> None:
    failed, pulled = event("Failed", NOT_FOUND, after=1), event("Pulled", after=12)
    assert judge(on_node(), [failed, pulled], waited_seconds=15) == judge(
        on_node(), [pulled, failed], waited_seconds=15
    )


def test_times_of_the_cluster_are_never_compared_with_ours() -> None:
    """Their clocks may be ten minutes apart; only differences on one clock count."""
    late = timedelta(minutes=10)
    ahead = replace(on_node(), created_at=NOW + late)
    pulling = replace(event("Pulling", after=2), at=NOW + timedelta(seconds=2) + late)
    outcome = judge(ahead, [pulling], waited_seconds=42)
    assert isinstance(outcome, Waiting)
    assert outcome.detail == "Fetching the image, 40 s so far"


def test_patience_is_the_caller_s() -> None:
    patience = Patience(room=3)
    assert isinstance(judge(unschedulable(FULL), waited_seconds=2, patience=patience), Waiting)
    assert isinstance(judge(unschedulable(FULL), waited_seconds=3, patience=patience), NoRoomNow)


def test_how_a_container_ended_before_is_taken_from_the_status() -> None:
    status = {
        "name": "notebook",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
    }
    container = pod_facts({"status": {"containerStatuses": [status]}}).container
    assert (container.last_reason, container.last_exit_code) == ("OOMKilled", 137)


# ── whatever they say

WORDS = st.sampled_from(
    [
        NOT_FOUND,
        REFUSED_CONNECTION,
        STRANGE,
        TOO_SMALL,
        FULL,
        TAINTED,
        CORDONED,
        NO_CLAIM,
        UNBOUND,
        "",
    ]
)
TEXT = WORDS | st.text(max_size=60) | st.builds(lambda a, b, cut: a[:cut] + b, WORDS, WORDS, st.integers(0, 200))
REASONS = st.sampled_from(
    [
        "Failed",
        "FailedScheduling",
        "FailedMount",
        "FailedAttachVolume",
        "Pulling",
        "Pulled",
        "Preempted",
        "NodeNotReady",
        "TriggeredScaleUp",
        "NotTriggerScaleUp",
        "Scheduled",
        "FailedCreatePodSandBox",
        "Created",
        "InspectFailed",
    ]
)
WHEN = st.none() | st.datetimes(timezones=st.just(UTC))
SECONDS = st.floats(min_value=0, max_value=1e6)
EVENTS = st.lists(
    st.builds(
        EventFacts,
        pod_uid=st.sampled_from(["u1", "u0"]),
        reason=REASONS,
        message=TEXT,
        is_warning=st.booleans(),
        at=WHEN,
    ),
    max_size=6,
)
CONDITIONS = st.builds(
    Condition,
    status=st.sampled_from(["True", "False", ""]),
    reason=st.sampled_from(
        ["Unschedulable", "PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "", "X"]
    ),
    message=TEXT,
)
CONTAINERS = st.builds(
    ContainerFacts,
    state=st.sampled_from(ContainerState),
    reason=st.sampled_from(
        [
            "ErrImagePull",
            "ImagePullBackOff",
            "CrashLoopBackOff",
            "CreateContainerConfigError",
            "StartError",
            "OOMKilled",
            "",
        ]
    ),
    message=TEXT,
    exit_code=st.none() | st.integers(-1, 300),
    signal=st.none() | st.integers(-1, 70),
    ended_at=WHEN,
    last_exit_code=st.none() | st.integers(-1, 300),
)
PODS = st.builds(
    PodFacts,
    name=st.just("ws-alice"),
    namespace=st.just("work"),
    uid=st.just("u1"),
    resource_version=st.just("1"),
    phase=st.sampled_from(["Pending", "Running", "Failed", "Succeeded", "Unknown", ""]),
    node=st.sampled_from(["", NODE]),
    is_deleting=st.booleans(),
    reason=st.sampled_from(["", "Evicted", "NodeLost", "OutOfcpu", "Preempting"]),
    message=TEXT,
    created_at=WHEN,
    container=CONTAINERS,
    scheduled=CONDITIONS,
    disruption=CONDITIONS,
)


@given(facts=PODS, events=EVENTS, waited=SECONDS, is_autoscaled=st.booleans(), log=st.lists(TEXT, max_size=3))
def test_judging_never_fails(
    facts: PodFacts, events: list[EventFacts], waited: float, is_autoscaled: bool, log: list[str]
) -> None:
    outcome = judge(facts, events, waited_seconds=waited, is_autoscaled=is_autoscaled, log_tail=log)
    assert outcome.kind
    assert outcome.phase in Phase


@given(message=TEXT, events=EVENTS, waited=SECONDS, is_autoscaled=st.booleans())
def test_a_pod_for_which_room_is_being_made_never_fails(
    message: str, events: list[EventFacts], waited: float, is_autoscaled: bool
) -> None:
    facts = unschedulable(message, nominated_node=NODE)
    outcome = judge(facts, events, waited_seconds=waited, is_autoscaled=is_autoscaled)
    assert isinstance(outcome, Waiting)
    assert outcome.kind is WaitingKind.PREEMPTION
