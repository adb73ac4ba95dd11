"""What we need to know of a pod, an event and a node, taken from Kubernetes' JSON once, when it arrives.

A pod is seven kilobytes of JSON and a few hundred bytes of facts. Whatever is missing or of another shape gives the
empty value, never an error: a cluster may run versions that we have not seen.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from spawner.identity import PARKED, SEAT_LABEL
from spawner.image_names import without_tag
from spawner.made_of import made_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINER: Final = "notebook"
"""KubeSpawner's name for the container with the server."""


GROUP_LABELS: Final = (
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "node.kubernetes.io/instance-type",
)
"""What nodes of one sort have in common; the first that a node carries names its group."""


class ContainerState(StrEnum):
    """Where the container with the server is."""

    NONE = "none"
    """The kubelet has not spoken of it yet."""
    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """The container with the server."""

    state: ContainerState = ContainerState.NONE
    reason: str = ""
    """`ErrImagePull`, `OOMKilled`, `Error`, …"""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    is_ready: bool = False
    ended_at: datetime | None = None
    last_reason: str = ""
    """How the run before this one ended: while the kubelet waits to start it again, nothing else says so."""
    last_exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a pod's status."""

    status: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One pod, as it was when the API server spoke of it last."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    phase: str = ""
    ip: str = ""
    node: str = ""
    nominated_node: str = ""
    """Where it goes once a pod of lower priority has made room."""
    is_deleting: bool = False
    reason: str = ""
    """Of the pod itself: `Evicted`, `NodeLost`, …"""
    message: str = ""
    created_at: datetime | None = None
    container: ContainerFacts = ContainerFacts()
    scheduled: Condition = Condition()
    disruption: Condition = Condition()
    """Why somebody ends it: preemption, drain, eviction."""
    made_of: str = ""
    """See `made_of.py`. Only of pods that wait to be claimed: nobody asks it of others."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.phase in {"Succeeded", "Failed"} or self.container.state is ContainerState.TERMINATED

    def label(self, name: str) -> str:
        """The value of a label, "" where it has none."""
        return dict(self.labels).get(name, "")

    def annotation(self, name: str) -> str:
        """The value of an annotation, "" where it has none."""
        return dict(self.annotations).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """One event about a pod: what a component of the cluster noticed."""

    pod_uid: str
    reason: str
    message: str
    is_warning: bool
    count: int = 1
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node: what it is, and what pods may ask of it."""

    name: str
    uid: str = ""
    """Another one, where a machine came back under the same name."""
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()
    """key, value, effect"""
    allocatable: tuple[tuple[str, str], ...] = ()
    """Resource and Kubernetes quantity: `("memory", "24032Mi")`."""
    is_ready: bool = False
    is_cordoned: bool = False
    is_short_of_disk: bool = False
    images: tuple[str, ...] = ()
    """Those it has, by name and digest. A kubelet tells of the fifty largest alone, unless it is told otherwise."""

    @property
    def group(self) -> str:
        """The sort of node that it is; "" where nothing says."""
        labels = dict(self.labels)
        return next((labels[name] for name in GROUP_LABELS if name in labels), "")


def pod_facts(raw: Mapping[str, Any]) -> PodFacts:
    """The facts of a pod's JSON."""
    metadata, spec, status = _part(raw, "metadata"), _part(raw, "spec"), _part(raw, "status")
    conditions = {str(one.get("type")): one for one in _parts(status, "conditions")}
    waits = _part(metadata, "labels").get(SEAT_LABEL) == PARKED
    return PodFacts(
        name=_text(metadata, "name"),
        namespace=_text(metadata, "namespace"),
        uid=_text(metadata, "uid"),
        resource_version=_text(metadata, "resourceVersion"),
        labels=_pairs(metadata, "labels"),
        annotations=_pairs(metadata, "annotations"),
        phase=_text(status, "phase"),
        ip=_text(status, "podIP"),
        node=_text(spec, "nodeName"),
        nominated_node=_text(status, "nominatedNodeName"),
        is_deleting="deletionTimestamp" in metadata,
        reason=_text(status, "reason"),
        message=_text(status, "message"),
        created_at=moment(metadata.get("creationTimestamp")),
        container=_container(status),
        scheduled=_condition(conditions.get("PodScheduled", {})),
        disruption=_condition(conditions.get("DisruptionTarget", {})),
        made_of=made_of(spec) if waits else "",
    )


def event_facts(raw: Mapping[str, Any]) -> EventFacts:
    """The facts of an event's JSON (core/v1)."""
    series = _part(raw, "series")
    count = series.get("count") or raw.get("count")
    return EventFacts(
        pod_uid=_text(_part(raw, "involvedObject"), "uid"),
        reason=_text(raw, "reason"),
        message=_text(raw, "message"),
        is_warning=raw.get("type") == "Warning",
        count=count if isinstance(count, int) else 1,
        at=moment(raw.get("lastTimestamp") or series.get("lastObservedTime") or raw.get("eventTime")),
    )


def node_facts(raw: Mapping[str, Any]) -> NodeFacts:
    """The facts of a node's JSON."""
    metadata, spec, status = _part(raw, "metadata"), _part(raw, "spec"), _part(raw, "status")
    conditions = {str(one.get("type")): one.get("status") for one in _parts(status, "conditions")}
    return NodeFacts(
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        labels=_pairs(metadata, "labels"),
        taints=tuple((_text(one, "key"), _text(one, "value"), _text(one, "effect")) for one in _parts(spec, "taints")),
        allocatable=_pairs(status, "allocatable"),
        is_ready=conditions.get("Ready") == "True",
        is_cordoned=spec.get("unschedulable") is True,
        is_short_of_disk=conditions.get("DiskPressure") == "True",
        images=_images(status),
    )


def image_sizes(raw: Mapping[str, Any]) -> dict[str, int]:
    """Bytes on the disk of each image that a node's JSON tells of, by name and digest."""
    return {
        name: size
        for one in _parts(_part(raw, "status"), "images")
        if isinstance(size := one.get("sizeBytes"), int)
        for name in one.get("names") or ()
        if isinstance(name, str) and "@sha256:" in name
    }


def moment(text: object) -> datetime | None:
    """A time of the API, or None."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _container(status: Mapping[str, Any]) -> ContainerFacts:
    found = next((one for one in _parts(status, "containerStatuses") if one.get("name") == CONTAINER), None)
    if found is None:
        return ContainerFacts()
    state, last = _part(found, "state"), _part(_part(found, "lastState"), "terminated")
    for kind in (ContainerState.TERMINATED, ContainerState.RUNNING, ContainerState.WAITING):
        if kind.value in state:
            about = _part(state, kind.value)
            exit_code, signal, last_exit_code = about.get("exitCode"), about.get("signal"), last.get("exitCode")
            return ContainerFacts(
                state=kind,
                reason=_text(about, "reason"),
                message=_text(about, "message"),
                exit_code=exit_code if isinstance(exit_code, int) else None,
                signal=signal if isinstance(signal, int) else None,
                is_ready=found.get("ready") is True,
                ended_at=moment(about.get("finishedAt")),
                last_reason=_text(last, "reason"),
                last_exit_code=last_exit_code if isinstance(last_exit_code, int) else None,
            )
    return ContainerFacts()


def _condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(status=_text(raw, "status"), reason=_text(raw, "reason"), message=_text(raw, "message"))


def _images(status: Mapping[str, Any]) -> tuple[str, ...]:
    names = (name for one in _parts(status, "images") for name in one.get("names") or () if isinstance(name, str))
    # The same few names on thousands of nodes: kept once.
    return tuple(sys.intern(without_tag(name)) for name in names if "@sha256:" in name)


def _part(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _parts(raw: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = raw.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _pairs(raw: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in _part(raw, name).items() if isinstance(value, str))


def _text(raw: Mapping[str, Any], name: str) -> str:
    found = raw.get(name)
    return found if isinstance(found, str) else ""
