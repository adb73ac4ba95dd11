"""A claimed pod and Secrets, as the API server shows them to the broker."""

from __future__ import annotations

import base64
from typing import Any

from hub.credential_broker.question import BROKER_AUDIENCE, Question
from hub.credential_broker.rules import NAME_ANNOTATION
from spawner.credential_keys import CREDENTIAL, OWNER_KIND_LABEL, OWNER_LABEL
from spawner.identity import CredentialSecret, GivenCredentials, Order
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from tests.hub.node_agent.samples import POD, order, raw_pod

RELEASE = "studiolo"
NODE = "node-1"
AGENTS = "system:serviceaccount:studiolo-nodes:studiolo-agent"
HF = CredentialSecret(name="credential-alice--hf", env=("HF_TOKEN",))
GIT = CredentialSecret(name="credential-alice--forge", files={"git/forge": "file-1"})
TEAM = CredentialSecret(name="team-credential-vision--hub", env=("HUB_TOKEN",), files={"hub.json": "file-2"})
GIVEN = GivenCredentials(teams=("vision",), secrets=(HF, GIT, TEAM))


def given_order(**change: Any) -> Order:
    return order(credentials=GIVEN, **change)


def claimed_pod(claimed_by: Order | None = None, *, name: str = "alice", uid: str = POD) -> dict[str, Any]:
    """`name`: the person's, as JupyterHub has it."""
    pod = raw_pod(claimed_by or given_order())
    pod["metadata"]["uid"] = uid
    pod["metadata"]["labels"] |= {RELEASE_LABEL: RELEASE, KIND_LABEL: WORKSPACE}
    pod["metadata"]["annotations"] |= {NAME_ANNOTATION: name}
    pod["spec"]["nodeName"] = NODE
    return pod


def question(**change: Any) -> Question:
    return Question(**{"namespace": "lab", "pod": "warm-1", "pod_uid": POD, **change})


def review(username: str = AGENTS, *, audience: str = BROKER_AUDIENCE, **bound_to: str) -> dict[str, Any]:
    """What the API server says of a token, bound to a pod of the agent on our node where nothing else is said."""
    bound_to = bound_to or {"pod": "agent-1", "node": NODE}
    extra = {f"authentication.kubernetes.io/{what}-name": [name] for what, name in bound_to.items() if name}
    return {"authenticated": True, "audiences": [audience], "user": {"username": username, "extra": extra}}


def secret(name: str, owner: str, *, kind: str = "person", **data: str) -> dict[str, Any]:
    """A credential of somebody."""
    return {
        "metadata": {
            "name": name,
            "namespace": "lab",
            "labels": {
                RELEASE_LABEL: RELEASE,
                KIND_LABEL: CREDENTIAL,
                OWNER_LABEL: owner,
                OWNER_KIND_LABEL: kind,
            },
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def all_secrets() -> list[dict[str, Any]]:
    """What alice and her team keep, and what bob does."""
    return [
        secret(HF.name, "alice", HF_TOKEN="canary-hf"),
        secret(GIT.name, "alice", **{"file-1": "canary-git"}),
        secret(TEAM.name, "vision", kind="team", HUB_TOKEN="canary-hub", **{"file-2": "canary-json"}),
        secret("credential-bob--hf", "bob", HF_TOKEN="canary-of-bob"),
    ]
