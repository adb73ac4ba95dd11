"""Whose a pod is, and which Secrets are meant for it, as the API server shows both. Pure.

The claim's patch writes on a pod whose it is in three ways: a label, the name in clear, and the home. All three have to
name the same person. So whoever changes one of them gets nothing, neither that person's nor another's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from hub.credential_broker.question import Denial
from hub.node_agent.pods import seat_pod
from spawner.credential_keys import CREDENTIAL, OWNER_KIND_LABEL, OWNER_LABEL, PERSON, TEAM
from spawner.identity import marked_credentials
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from studiolo.names import home_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.credential_broker.question import Question

NAME_ANNOTATION: Final = "hub.jupyter.org/username"
"""The person's name as JupyterHub has it, as KubeSpawner writes it on every workspace."""

MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
"""Of a pod that a node itself has made. A node makes no other, says anything on these, and cannot take this away."""

_HASH_LENGTH: Final = 8
"""Of the label that KubeSpawner makes of a name that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """For whom a pod is, and what it is to get."""

    person: str
    """By the name of their home."""
    teams: frozenset[str]
    """By the names of their folders."""
    secrets: tuple[str, ...]


def meant_for(question: Question, raw: Mapping[str, Any], *, node: str, namespace: str, release: str) -> Meant | Denial:
    """What this pod gets, as far as the pod itself says. `raw` is what the API server has of that name.

    `node`: of the agent that asks.
    """
    pod = seat_pod(raw)
    metadata, spec = (raw.get(part) or {} for part in ("metadata", "spec"))
    labels, annotations = (metadata.get(part) or {} for part in ("labels", "annotations"))
    is_ours = labels.get(RELEASE_LABEL) == release and labels.get(KIND_LABEL) == WORKSPACE
    is_a_node_s_own = MIRROR_ANNOTATION in annotations
    order, home, _, credentials = pod.marks
    name = str(annotations.get(NAME_ANNOTATION) or "")
    is_one_person = is_label_of(pod.user, name) and home.partition(" ")[0] == home_name(name)
    checks = (
        ((pod.namespace, pod.name, pod.uid) != (namespace, question.pod, question.pod_uid), Denial.UNKNOWN_POD),
        (is_a_node_s_own or not (is_ours and pod.is_claimed and order), Denial.NOT_CLAIMED),
        (spec.get("nodeName") != node, Denial.OTHER_NODE),
        (pod.is_ending or pod.has_ended, Denial.ENDED),
        (not is_one_person, Denial.OTHER_PERSON),
    )
    denial = next((denial for applies, denial in checks if applies), None)
    return denial or _meant(home_name(name), credentials)


def _meant(person: str, mark: str) -> Meant | Denial:
    try:
        given = marked_credentials(mark)
    except ValidationError:
        return Denial.MALFORMED
    names = tuple(dict.fromkeys(secret.name for secret in given.secrets))
    return Meant(person=person, teams=frozenset(given.teams), secrets=names)


def is_label_of(label: str, name: str) -> bool:
    """Whether KubeSpawner's label is that of this person: the name itself, or a part of it and its hash."""
    if not name:
        return False
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return label == name or label.endswith(f"---{digest}")


def is_theirs(raw: Mapping[str, Any], meant: Meant, *, release: str) -> bool:
    """Whether a Secret is a credential of that person, or of a team of theirs."""
    labels = (raw.get("metadata") or {}).get("labels") or {}
    owner = labels.get(OWNER_LABEL)
    owns = {PERSON: owner == meant.person, TEAM: owner in meant.teams}
    is_credential = labels.get(RELEASE_LABEL) == release and labels.get(KIND_LABEL) == CREDENTIAL
    return is_credential and owns.get(labels.get(OWNER_KIND_LABEL, ""), False)
