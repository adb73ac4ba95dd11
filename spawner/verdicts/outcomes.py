"""What a start on the cluster can come to: one frozen class for each way to fail, and what it waits for until then.

Judged in `judge`; told to people in `errors`. `said` is always Kubernetes' own text: for a log and for
"details", never for a sentence. What the request to create a pod can be answered with lies in `create_refusals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from spawner.progress import Phase

if TYPE_CHECKING:
    from datetime import datetime

    from spawner.verdicts.scheduling_text import NodeCounts


class VerdictKind(StrEnum):
    """Every way for a start to fail that we tell apart. Labels of metrics and codes of errors: they do not change."""

    NEVER_FITS = "never_fits"
    NO_ROOM_NOW = "no_room_now"
    NODES_CORDONED = "nodes_cordoned"
    NODES_RESERVED = "nodes_reserved"
    NO_NODE_COMES = "no_node_comes"
    NODE_REFUSED = "node_refused"
    VOLUME_MISSING = "volume_missing"
    VOLUME_NOT_READY = "volume_not_ready"
    IMAGE_NOT_FOUND = "image_not_found"
    REGISTRY_REFUSES = "registry_refuses"
    REGISTRY_AWAY = "registry_away"
    IMAGE_UNUSABLE = "image_unusable"
    IMAGE_NOT_FETCHED = "image_not_fetched"
    SETTING_MISSING = "setting_missing"
    VOLUME_NOT_MOUNTED = "volume_not_mounted"
    CONTAINER_NOT_MADE = "container_not_made"
    SERVER_EXITED = "server_exited"
    OUT_OF_MEMORY = "out_of_memory"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    DELETED = "deleted"
    QUOTA_EXCEEDED = "quota_exceeded"
    POD_SECURITY = "pod_security"
    LIMIT_RANGE = "limit_range"
    POLICY_DENIED = "policy_denied"
    POLICY_SILENT = "policy_silent"
    NO_RIGHTS = "no_rights"
    INVALID_OBJECT = "invalid_object"
    REFUSED = "refused"


class WaitingKind(StrEnum):
    """What a start that goes on is waiting for."""

    SCHEDULER = "scheduler"
    ROOM = "room"
    PREEMPTION = "preemption"
    AUTOSCALER = "autoscaler"
    NODE = "node"
    VOLUME = "volume"
    IMAGE = "image"
    REGISTRY = "registry"
    CONTAINER = "container"
    SETTLING = "settling"
    """It looks like a failure, and a moment is given to what often follows."""
    SILENT_NODE = "silent_node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The start goes on."""

    kind: WaitingKind
    phase: Phase
    detail: str
    """For the progress page, one line: "Fetching the image, 40 s so far"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The server's container runs; whether the server answers is another question."""

    kind: ClassVar = "running"
    phase: ClassVar = Phase.SERVER
    is_ready: bool


class RegistryTrouble(StrEnum):
    """Why a registry gives nothing, though the image may well be there."""

    NO_ANSWER = "no_answer"
    UNKNOWN_NAME = "unknown_name"
    CERTIFICATE = "certificate"
    BUSY = "busy"
    BROKEN = "broken"


class ImageFault(StrEnum):
    """Why an image that is there cannot run."""

    PLATFORM = "platform"
    """It is made for other processors."""
    NOT_EXECUTABLE = "not_executable"
    """Its program is for other processors, or no program."""
    NO_PROGRAM = "no_program"
    """The program that is to be run is not in it."""
    RUNS_AS_ROOT = "runs_as_root"
    """It has no ordinary user, and only those may run here."""
    BAD_NAME = "bad_name"
    """Its reference in the catalog cannot be read."""


class SettingKind(StrEnum):
    """What holds settings that a workspace starts with."""

    SECRET = "secret"  # noqa: S105 - the word, not one
    CONFIG_MAP = "configmap"


class EvictionCause(StrEnum):
    """Why a node gave a workspace up that could have gone on."""

    OWN_STORAGE = "own_storage"
    """It wrote more to the node's disk than it may."""
    NODE_SHORT = "node_short"
    """The node ran out of memory or disk for all."""
    DRAIN = "drain"
    SHUTDOWN = "shutdown"
    TAINT = "taint"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverFits:
    """No node is large enough and of the kind, even empty."""

    kind: ClassVar = VerdictKind.NEVER_FITS
    phase: ClassVar = Phase.ROOM
    counts: NodeCounts
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoomNow:
    """It would fit, and what it needs is in use."""

    kind: ClassVar = VerdictKind.NO_ROOM_NOW
    phase: ClassVar = Phase.ROOM
    counts: NodeCounts
    waited_seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesCordoned:
    """Nodes that could be right take no new pods: somebody has taken them out of use."""

    kind: ClassVar = VerdictKind.NODES_CORDONED
    phase: ClassVar = Phase.ROOM
    counts: NodeCounts
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesReserved:
    """Every node has a taint that the pod does not tolerate; one that is not ready has such a taint too."""

    kind: ClassVar = VerdictKind.NODES_RESERVED
    phase: ClassVar = Phase.ROOM
    counts: NodeCounts
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNodeComes:
    """No node that is up will do, and the autoscaler brings none."""

    kind: ClassVar = VerdictKind.NO_NODE_COMES
    phase: ClassVar = Phase.ROOM
    was_ordered: bool
    """It said that it would, and no node came."""
    waited_seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRefused:
    """The node that was chosen would not have it: it looks at its own room again."""

    kind: ClassVar = VerdictKind.NODE_REFUSED
    phase: ClassVar = Phase.ROOM
    is_short: bool
    """Its room had gone, and another node may do."""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMissing:
    """A PersistentVolumeClaim that the pod names does not exist."""

    kind: ClassVar = VerdictKind.VOLUME_MISSING
    phase: ClassVar = Phase.ROOM
    claim: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeNotReady:
    """A claim has no volume yet, or one that no node for this pod can reach."""

    kind: ClassVar = VerdictKind.VOLUME_NOT_READY
    phase: ClassVar = Phase.ROOM
    waited_seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNotFound:
    """The registry has no such image."""

    kind: ClassVar = VerdictKind.IMAGE_NOT_FOUND
    phase: ClassVar = Phase.SOFTWARE
    image: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRefuses:
    """The registry wants other credentials, or has no such image and does not say so."""

    kind: ClassVar = VerdictKind.REGISTRY_REFUSES
    phase: ClassVar = Phase.SOFTWARE
    image: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAway:
    """The registry cannot be asked."""

    kind: ClassVar = VerdictKind.REGISTRY_AWAY
    phase: ClassVar = Phase.SOFTWARE
    image: str
    trouble: RegistryTrouble
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUnusable:
    """The image cannot run here, however often it is tried."""

    kind: ClassVar = VerdictKind.IMAGE_UNUSABLE
    phase: ClassVar = Phase.SOFTWARE
    fault: ImageFault
    image: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNotFetched:
    """The image could not be fetched, for a reason that we do not know."""

    kind: ClassVar = VerdictKind.IMAGE_NOT_FETCHED
    phase: ClassVar = Phase.SOFTWARE
    image: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingMissing:
    """A Secret or ConfigMap, or a key in one, that the pod names does not exist."""

    kind: ClassVar = VerdictKind.SETTING_MISSING
    phase: ClassVar = Phase.SERVER
    of: SettingKind
    name: str
    key: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeNotMounted:
    """A volume is there and could not be brought to the node."""

    kind: ClassVar = VerdictKind.VOLUME_NOT_MOUNTED
    phase: ClassVar = Phase.SERVER
    is_held_elsewhere: bool
    """Another node has it still: one that was lost keeps its volumes for minutes."""
    waited_seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerNotMade:
    """The node could not make the container or its network."""

    kind: ClassVar = VerdictKind.CONTAINER_NOT_MADE
    phase: ClassVar = Phase.SERVER
    waited_seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEnded:
    """The container ended by itself."""

    kind: ClassVar = VerdictKind.SERVER_EXITED
    phase: ClassVar = Phase.SERVER
    exit_code: int | None = None
    signal: int | None = None
    ended_at: datetime | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfMemory:
    """The kernel ended the container at its limit."""

    kind: ClassVar = VerdictKind.OUT_OF_MEMORY
    phase: ClassVar = Phase.SERVER
    limit_bytes: int | None = None
    ended_at: datetime | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evicted:
    """The node gave it up."""

    kind: ClassVar = VerdictKind.EVICTED
    phase: Phase
    cause: EvictionCause
    resource: str = ""
    """What the node was short of: `memory`, `ephemeral-storage`."""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preempted:
    """A pod of higher priority took its place."""

    kind: ClassVar = VerdictKind.PREEMPTED
    phase: Phase
    winner_uid: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost:
    """Its node does not answer any more, or is gone."""

    kind: ClassVar = VerdictKind.NODE_LOST
    phase: Phase
    node: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Somebody deleted the pod, and nothing says why."""

    kind: ClassVar = VerdictKind.DELETED
    phase: Phase
    said: str = ""


RoomVerdict = NeverFits | NoRoomNow | NodesCordoned | NodesReserved | NoNodeComes | VolumeMissing | VolumeNotReady
"""Of a pod that no node has."""

ImageVerdict = ImageNotFound | RegistryRefuses | RegistryAway | ImageUnusable | ImageNotFetched
"""Of its image."""

ContainerVerdict = SettingMissing | VolumeNotMounted | ContainerNotMade | ServerEnded | OutOfMemory
"""Of its container."""

EndVerdict = NodeRefused | Evicted | Preempted | NodeLost | Deleted
"""Others ended it."""

PodVerdict = RoomVerdict | ImageVerdict | ContainerVerdict | EndVerdict

Outcome = PodVerdict | Waiting | Running
