"""The table of policy cases, read: a world of four pods, and for each case its policies and what they must deny."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from deploy.cluster.network_policy.model import Protocol

PODS = ("red/web", "red/db", "blue/web", "blue/db")
ENDPOINTS = (*PODS, "node", "outside")

NAMESPACE_LABELS = {"red": {"team": "red", "tier": "front"}, "blue": {"team": "blue"}}
POD_LABELS = {"web": {"app": "web", "size": "big"}, "db": {"app": "db"}, "agent": {"app": "agent"}}

PORTS = {"http": (Protocol.TCP, 28080), "alt": (Protocol.TCP, 28081), "dns": (Protocol.UDP, 25353)}
"""What listens everywhere, as the table calls it. High numbers: on a real node the low ones are taken."""

PORT_NAMES = {
    "red": {"http": PORTS["http"], "alt": PORTS["alt"], "dns": PORTS["dns"]},
    "blue": {"http": PORTS["alt"], "alt": PORTS["http"], "dns": PORTS["dns"]},
}
"""What containers call their ports: the same name is another number in the other namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One connection that is tried."""

    source: str
    destination: str
    port: str

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination} {self.port}"


PROBES = tuple(
    Probe(source=source, destination=destination, port=port)
    for source in ENDPOINTS
    for destination in ENDPOINTS
    for port in PORTS
    if source != destination
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Policies, and what they deny."""

    name: str
    policies: tuple[Mapping[str, Any], ...]
    denied: frozenset[Probe]

    def manifests(
        self, *, addresses: Mapping[str, IPv4Address], pods: str, namespaces: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The case's NetworkPolicies for real addresses and namespaces."""
        for number, policy in enumerate(self.policies, start=1):
            spec = {key: value for key, value in policy.items() if key != "in"}
            yield {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {
                    "name": f"policy-{number}",
                    "namespace": (namespaces or {}).get(policy["in"], policy["in"]),
                },
                "spec": _with_addresses(spec, {"pods": pods, **{name: str(one) for name, one in addresses.items()}}),
            }


@cache
def cases() -> tuple[Case, ...]:
    """The whole table."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return tuple(
        Case(
            name=case["name"],
            policies=tuple(case["policies"]),
            denied=_meant(case["denied"]) - _meant(case.get("except", [])) - _meant(["node -> *"]),
        )
        for case in yaml.safe_load(text)
    )


def pod_manifest(name: str, *, namespace: str | None = None) -> dict[str, Any]:
    """A pod of the table's world that does nothing: what listens is opened in its network from outside."""
    team, _, short_name = name.partition("/")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": short_name, "namespace": namespace or team, "labels": POD_LABELS[short_name]},
        "spec": {
            "hostNetwork": short_name == "agent",
            "containers": [
                {
                    "name": "pause",
                    "image": "localhost/pause:1",
                    "ports": []
                    if short_name == "agent"
                    else [
                        {"name": port, "containerPort": number, "protocol": protocol.value}
                        for port, (protocol, number) in PORT_NAMES[team].items()
                    ],
                }
            ],
        },
    }


def _meant(patterns: list[str]) -> frozenset[Probe]:
    found: set[Probe] = set()
    for pattern in patterns:
        source, _, rest = pattern.partition(" -> ")
        destination, _, port = rest.partition(" ")
        matching = {
            probe
            for probe in PROBES
            if fnmatchcase(probe.source, source)
            and fnmatchcase(probe.destination, destination)
            and fnmatchcase(probe.port, port or "*")
        }
        assert matching, f"{pattern!r} means no connection at all"
        found |= matching
    return frozenset(found)


def _with_addresses(value: Any, addresses: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _with_addresses(inner, addresses) for key, inner in value.items()}
        case list():
            return [_with_addresses(inner, addresses) for inner in value]
        case str() if "<" in value:
            return re.sub(r"<([^>]+)>", lambda found: addresses[found[1]], value)
        case _:
            return value
