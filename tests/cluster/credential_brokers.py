"""The credential broker as the chart runs it: its pod, account, rights and policies, for the agent of a test."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hub.credential_broker.question import BROKER_HOST
from tests.cluster.charts import Manifest, find
from tests.cluster.cluster_commands import kubectl
from tests.cluster.node_agents import CODE_MOUNTS, CODE_VOLUMES, Agents, chart_with_claims

NAME = "studiolo-broker"


@contextmanager
def credential_broker(agents: Agents, *, release: str) -> Iterator[None]:
    """It answers for the pods of that release in the namespace of warm pods. For so long."""
    for one in _objects(agents, release):
        kubectl("apply", "-f", "-", text=json.dumps(one))
    kubectl("-n", agents.of_broker, "wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")
    try:
        yield
    finally:
        stop(agents)
        kubectl("delete", "clusterrole,clusterrolebinding", _name_of_rights(agents))


def stop(agents: Agents) -> None:
    """Nobody answers any more."""
    kubectl("-n", agents.of_broker, "delete", "pod", NAME, "--grace-period=1", "--ignore-not-found")


def start_again(agents: Agents, *, release: str) -> None:
    """After `stop`."""
    (pod,) = (one for one in _objects(agents, release) if one["kind"] == "Pod")
    kubectl("apply", "-f", "-", text=json.dumps(pod))
    kubectl("-n", agents.of_broker, "wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=120s")


def _objects(agents: Agents, release: str) -> list[dict[str, Any]]:
    rendered = chart_with_claims(agents.of_broker)
    inside = {"namespace": agents.namespace}
    role, binding = (find(rendered, kind, NAME, f"{agents.of_broker}-workspaces") for kind in ("Role", "RoleBinding"))
    wide = [find(rendered, kind, _name_of_rights(agents)) for kind in ("ClusterRole", "ClusterRoleBinding")]
    ours = [find(rendered, kind, NAME) for kind in ("ServiceAccount", "Service", "NetworkPolicy")]
    return [
        _secret(agents, "broker-certificate", **_certificate(agents)),
        _secret(agents, "certificate", **{"ca.crt": agents.authority.file.read_bytes()}),
        *(_moved(one, agents) for one in ours),
        role | {"metadata": role["metadata"] | inside},
        binding | {"metadata": binding["metadata"] | inside},
        *wide,
        _way_out(agents, rendered),
        _pod(agents, release, find(rendered, "Deployment", NAME)["spec"]["template"]),
    ]


def _name_of_rights(agents: Agents) -> str:
    """Of what it may in the whole cluster."""
    return f"studiolo-{agents.of_broker}-broker"


def _certificate(agents: Agents) -> dict[str, bytes]:
    folder = agents.folder / "of-the-broker"
    if not folder.exists():
        agents.brokers.certificate_folder(folder, BROKER_HOST)
    return {name: (folder / name).read_bytes() for name in ("tls.crt", "tls.key")}


def _secret(agents: Agents, name: str, **files: bytes) -> dict[str, Any]:
    data = {key: base64.b64encode(content).decode() for key, content in files.items()}
    metadata = {"name": name, "namespace": agents.of_broker}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _moved(one: Manifest, agents: Agents) -> dict[str, Any]:
    """Into the namespace of this test's broker; its agents are in another than the chart's."""
    text = json.dumps(one | {"metadata": one["metadata"] | {"namespace": agents.of_broker}})
    found: dict[str, Any] = json.loads(text.replace(f'"{agents.of_broker}-nodes"', f'"{agents.own}"'))
    return found


def _way_out(agents: Agents, rendered: list[Manifest]) -> dict[str, Any]:
    """What the chart lets agents reach, where the broker is in this namespace."""
    policy = find(rendered, "NetworkPolicy", "studiolo-agent", f"{agents.of_broker}-nodes")
    spec = {"podSelector": policy["spec"]["podSelector"], "policyTypes": ["Egress"], "egress": policy["spec"]["egress"]}
    return policy | {"metadata": {"name": "to-the-broker", "namespace": agents.own}, "spec": spec}


def _pod(agents: Agents, release: str, template: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = template["spec"]
    (container,) = spec["containers"]
    told = {
        "STUDIOLO_BROKER_NAMESPACE": agents.namespace,
        "STUDIOLO_BROKER_RELEASE": release,
        "STUDIOLO_BROKER_AGENTS": f"system:serviceaccount:{agents.own}:agent",
    }
    env = [one | {"value": told.get(one["name"], one["value"])} for one in container["env"]]
    changed = {
        **container,
        "image": agents.image,
        "env": env,
        "volumeMounts": [*container["volumeMounts"], *CODE_MOUNTS],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": agents.of_broker, "labels": template["metadata"]["labels"]},
        "spec": spec
        | {
            "containers": [changed],
            "volumes": [*spec["volumes"], *CODE_VOLUMES],
            # Agents of tests beside this one have it, and on a full node the kubelet ends what has none for them.
            "priorityClassName": "system-node-critical",
        },
    }
