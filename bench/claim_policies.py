"""The chart's policies for warm pods and workspaces, for a hub that is a process of the node and no pod."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploy.cluster.layout import NODE_ADDRESS
from tests.cluster.charts import LEAST, merged, render
from tests.cluster.cluster_commands import kubectl

if TYPE_CHECKING:
    from tests.cluster.claiming_hub import ClaimingHub

NODE: dict[str, Any] = {"ipBlock": {"cidr": f"{NODE_ADDRESS}/32"}}


def apply_policies(hub: ClaimingHub) -> None:
    """They hold in the hub's namespace for workspaces, as they do where the chart is installed."""
    values = {
        "kubernetes": {"namespace": hub.namespace},
        "homes": {
            "nfs": {"server": "nfs.example.org", "path": "/homes"},
            "service": {"enabled": True, "existingSecret": "homes-key"},
        },
        "claims": {
            "enabled": True,
            "agent": {"existingSecret": "certificate"},
            "broker": {"existingSecret": "broker-certificate"},
        },
    }
    ports = {8081: hub.settings.hub.port}
    for one in render(merged(LEAST, values), release=hub.release, namespace="bench"):
        if one["kind"] == "NetworkPolicy" and one["metadata"].get("namespace") == hub.namespace:
            kubectl("create", "-f", "-", text=json.dumps(for_a_process(one, ports)))


def for_a_process(policy: dict[str, Any], ports: dict[int, int]) -> dict[str, Any]:
    """Where it names pods of the release, it names this machine. `ports`: what they listen on here."""
    spec = policy["spec"]
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(way) or ():
            is_ours = any("podSelector" in peer for peer in rule.get(peers) or ())
            if is_ours:
                rule[peers] = [NODE]
                rule["ports"] = [{**port, "port": ports.get(port["port"], port["port"])} for port in rule["ports"]]
    return policy
