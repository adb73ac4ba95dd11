"""A pod that makes one node fetch one image, and what has become of it. Pure.

Its one container names the image and a program that is in no image. A kubelet fetches first and starts then: once it
says that there is no such program, the image is there. So nothing of an image ever runs, and one without a shell, or
without any file, is fetched like every other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hub.capacity.own_pods import MAY_BE_MOVED, RESTRICTED_CONTAINER, RESTRICTED_POD
from spawner.installation import KIND_LABEL, RELEASE_LABEL
from spawner.pod_facts import CONTAINER, ContainerState, pod_facts
from spawner.verdicts.judge import judge
from spawner.verdicts.outcomes import (
    ImageNotFetched,
    ImageNotFound,
    ImageUnusable,
    RegistryAway,
    RegistryRefuses,
)
from spawner.verdicts.words import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.prepull.plan import Pull

PULL: Final = "pull"
IMAGE: Final = "studiolo.dev/image"
NODE_UID: Final = "studiolo.dev/node-uid"
NODE: Final = "studiolo.dev/node"
WHY: Final = "studiolo.dev/why"

NO_PROGRAM: Final = "/studiolo-fetches-this-image-and-starts-nothing"

LONGEST_SECONDS: Final = 3600
"""A pull that takes longer is given up, and tried again later: what was fetched of its layers stays on the node."""

LONGEST_UNPLACED_SECONDS: Final = 300
"""A pod that no node has taken by then is given up: its node is full of pods, or is no more."""

_AFTER_THE_PULL: Final = frozenset(
    {"CrashLoopBackOff", "CreateContainerError", "CreateContainerConfigError", "RunContainerError", "StartError"}
)
"""Reasons of a container that has its image, and does not start."""


class Came(StrEnum):
    """What has become of it."""

    FETCHING = "fetching"
    FETCHED = "fetched"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPod:
    """A pod of ours that fetches, as the API server has it."""

    name: str
    uid: str
    node: str
    node_uid: str
    image: str
    came: Came
    is_ending: bool = False
    reason: str = ""
    """Why it failed, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How images are fetched in one installation."""

    release: str
    namespace: str
    priority_class: str
    image_pull_secrets: tuple[str, ...] = ()
    """In that namespace."""

    def manifest(self, pull: Pull) -> dict[str, Any]:
        """The pod. Its name follows from node and image: nobody makes it twice."""
        key = hashlib.sha256(f"{pull.node_uid} {pull.image}".encode()).hexdigest()[:20]
        only_there = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [pull.node]}]}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"pull-{key}",
                "namespace": self.namespace,
                "labels": {RELEASE_LABEL: self.release, KIND_LABEL: PULL},
                "annotations": {
                    **MAY_BE_MOVED,
                    IMAGE: pull.image,
                    NODE: pull.node,
                    NODE_UID: pull.node_uid,
                    WHY: f"{pull.why.name.lower()} {pull.environment}",
                },
            },
            "spec": {
                "priorityClassName": self.priority_class,
                "restartPolicy": "Never",
                "activeDeadlineSeconds": LONGEST_SECONDS,
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "imagePullSecrets": [{"name": name} for name in self.image_pull_secrets],
                # Which nodes are meant was decided before; the scheduler has its say about everything else.
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [only_there]}
                    }
                },
                "tolerations": [{"operator": "Exists"}],
                "securityContext": {**RESTRICTED_POD},
                "containers": [
                    {
                        "name": CONTAINER,
                        "image": pull.image,
                        "command": [NO_PROGRAM],
                        "imagePullPolicy": "IfNotPresent",
                        "securityContext": {**RESTRICTED_CONTAINER},
                    }
                ],
            },
        }


def pull_pod(raw: Mapping[str, Any], *, now: datetime) -> PullPod:
    """What is known of a pod."""
    facts = pod_facts(raw)
    came, reason = _came(raw, now=now)
    return PullPod(
        name=facts.name,
        uid=facts.uid,
        node=facts.annotation(NODE),
        node_uid=facts.annotation(NODE_UID),
        image=facts.annotation(IMAGE),
        came=came,
        is_ending=facts.is_deleting,
        reason=reason,
    )


def _came(raw: Mapping[str, Any], *, now: datetime) -> tuple[Came, str]:
    facts = pod_facts(raw)
    container = facts.container
    if container.state is ContainerState.TERMINATED or container.reason in _AFTER_THE_PULL:
        return Came.FETCHED, ""
    if facts.phase == "Failed":
        return Came.FAILED, facts.message or facts.reason or "The node gave it up."
    waited = (now - facts.created_at).total_seconds() if facts.created_at else 0.0
    if not facts.node and waited > LONGEST_UNPLACED_SECONDS:
        return Came.FAILED, "The node takes no more pods, not even one that asks for nothing, or it is gone."
    verdict = judge(facts, waited_seconds=waited)
    match verdict:
        case ImageNotFound() | RegistryRefuses() | RegistryAway() | ImageNotFetched() | ImageUnusable():
            words = words_of(verdict, "", ())
            return Came.FAILED, words.cause or words.sentence
    return Came.FETCHING, ""
