"""A slot as a pod: it holds the room of one workspace, and ends the moment somebody needs that. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hub.capacity.own_pods import MAY_BE_MOVED, RESTRICTED_CONTAINER, RESTRICTED_POD
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.manifest import placement, resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.capacity.plan import Slots
    from spawner.installation import Installation
    from studiolo.catalog_model import Hardware

PLACEHOLDER: Final = "placeholder"
HARDWARE_LABEL: Final = "studiolo.dev/hardware"
SHAPE_LABEL: Final = "studiolo.dev/shape"

ENDED: Final = frozenset({"Succeeded", "Failed"})
"""Phases of a pod that holds nothing any more: whoever gave way is left so until it is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPod:
    """A pod of ours that holds room, as the API server has it."""

    name: str
    uid: str
    hardware: str
    shape: str
    is_ended: bool = False
    is_ending: bool = False
    node: str = ""
    """"" while it waits for room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How slots are held in one installation."""

    installation: Installation
    namespace: str
    """Of slots alone: nobody's work is ever in it."""
    image: str
    """Of a program that waits, with its digest. It is fetched with the Secrets of the installation's images, which are
    in this namespace, too."""
    priority_class: str

    def name(self, hardware: str, number: int) -> str:
        """Of the pod: the same for whoever makes it, so that no two processes make it twice."""
        return f"slot-{hardware}-{number}"

    def shape(self, hardware: Hardware) -> str:
        """What of the hardware the pod has, in one word: another shape needs another pod."""
        spec = json.dumps(self._spec(hardware), sort_keys=True)
        return hashlib.sha256(spec.encode()).hexdigest()[:16]

    def manifest(self, hardware: Hardware, number: int) -> dict[str, Any]:
        """The pod: exactly the room of a workspace on this hardware, under a priority below every workspace's."""
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name(hardware.name, number),
                "namespace": self.namespace,
                "labels": {
                    RELEASE_LABEL: self.installation.release,
                    KIND_LABEL: PLACEHOLDER,
                    HARDWARE_LABEL: hardware.name,
                    SHAPE_LABEL: self.shape(hardware),
                },
                "annotations": {**MAY_BE_MOVED},
            },
            "spec": self._spec(hardware),
        }

    def _spec(self, hardware: Hardware) -> dict[str, Any]:
        where, asks = placement(hardware, self.installation), resources(hardware, self.installation)
        devices = {hardware.gpu.resource: str(hardware.gpu.count)} if hardware.gpu else {}
        requests = {
            "cpu": str(asks["cpu_guarantee"]),
            "memory": str(asks["mem_guarantee"]),
            **asks["extra_resource_guarantees"],
            **devices,
        }
        affinity = {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": where["node_affinity_required"]},
            "preferredDuringSchedulingIgnoredDuringExecution": where["node_affinity_preferred"],
        }
        rules = {key: value for key, value in affinity.items() if value and value != {"nodeSelectorTerms": []}}
        secrets = [{"name": name} for name in self.installation.image_pull_secrets]
        return {
            "priorityClassName": self.priority_class,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Always",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "nodeSelector": where["node_selector"],
            "tolerations": where["tolerations"],
            **({"affinity": {"nodeAffinity": rules}} if rules else {}),
            **({"imagePullSecrets": secrets} if secrets else {}),
            "securityContext": {**RESTRICTED_POD},
            "containers": [
                {
                    "name": "slot",
                    "image": self.image,
                    # What a node gives to others while the slot waits: all of it but what was asked for.
                    "resources": {"requests": requests, "limits": devices},
                    "securityContext": {**RESTRICTED_CONTAINER},
                }
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be done so that the right slots are there."""

    create: tuple[dict[str, Any], ...] = ()
    delete: tuple[SlotPod, ...] = ()


def slot_pod(pod: Mapping[str, Any]) -> SlotPod:
    """What is known of a pod."""
    metadata, spec, status = pod.get("metadata", {}), pod.get("spec", {}), pod.get("status", {})
    labels = metadata.get("labels") or {}
    return SlotPod(
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        hardware=str(labels.get(HARDWARE_LABEL, "")),
        shape=str(labels.get(SHAPE_LABEL, "")),
        is_ended=status.get("phase") in ENDED,
        is_ending="deletionTimestamp" in metadata,
        node=str(spec.get("nodeName") or ""),
    )


def counted(pods: Iterable[SlotPod]) -> dict[str, int]:
    """Slots that are there, by hardware; those that ended or are about to are not."""
    found: dict[str, int] = {}
    for pod in pods:
        if not pod.is_ended and not pod.is_ending:
            found[pod.hardware] = found.get(pod.hardware, 0) + 1
    return found


def changes(plan: Sequence[Slots], pods: Sequence[SlotPod], hardware: Mapping[str, Hardware], held: Held) -> Changes:
    """What leads from these pods to this plan. Those of another shape, or of no hardware, go; so do those that ended.

    What waits for room goes before what holds some, and of those the youngest name: same input, same answer.
    """
    shapes = {name: held.shape(entry) for name, entry in hardware.items()}
    standing = [pod for pod in pods if not pod.is_ending]
    outdated = [pod for pod in standing if pod.is_ended or shapes.get(pod.hardware) != pod.shape]
    create: list[dict[str, Any]] = []
    delete: list[SlotPod] = list(outdated)
    targets = {slots.hardware: slots.target for slots in plan}
    names = {pod.name for pod in pods}
    for name, entry in hardware.items():
        right = [pod for pod in standing if pod.hardware == name and pod not in outdated]
        target = targets.get(name, 0)
        surplus = sorted(right, key=lambda pod: (bool(pod.node), _number(pod.name)))
        delete += surplus[: max(0, len(right) - target)] if len(right) > target else []
        missing = max(0, target - len(right))
        free = (number for number in range(len(names) + missing + 1) if held.name(name, number) not in names)
        create += [held.manifest(entry, next(free)) for _ in range(missing)]
    return Changes(create=tuple(create), delete=tuple(delete))


def _number(name: str) -> int:
    """Highest first."""
    digits = name.rpartition("-")[2]
    return -int(digits) if digits.isdecimal() else 0
