"""What NetworkPolicies mean: the table of cases, and what no table can say."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from deploy.cluster.network_policy.kubernetes_json import parse_namespace, parse_pod, parse_policy
from deploy.cluster.network_policy.model import Direction, Observed, Protocol
from deploy.cluster.network_policy.semantics import Connection, allows
from tests.deploy.cluster.network_policy_cases import (
    NAMESPACE_LABELS,
    PODS,
    PORTS,
    PROBES,
    Case,
    Probe,
    cases,
    pod_manifest,
)

ADDRESSES = {
    "red/web": IPv4Address("10.244.0.2"),
    "red/db": IPv4Address("10.244.0.3"),
    "blue/web": IPv4Address("10.244.0.4"),
    "blue/db": IPv4Address("10.244.1.5"),
    "node": IPv4Address("10.199.0.1"),
    "outside": IPv4Address("203.0.113.2"),
}
NODE = frozenset({ADDRESSES["node"]})
DENY_ALL: dict[str, Any] = {
    "metadata": {"name": "deny", "namespace": "red"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


def pod(name: str, address: IPv4Address | None, *, phase: str = "Running", created: str = "") -> dict[str, Any]:
    manifest = pod_manifest(name)
    manifest["metadata"]["creationTimestamp"] = created
    return {**manifest, "status": {"phase": phase, **({"podIP": str(address)} if address else {})}}


def world(*policies: dict[str, Any], pods: tuple[dict[str, Any], ...] | None = None) -> Observed:
    """The table's world with these policies."""
    there = pods or (*(pod(name, ADDRESSES[name]) for name in PODS), pod("red/agent", ADDRESSES["node"]))
    return Observed(
        pods=tuple(map(parse_pod, there)),
        namespaces=tuple(
            parse_namespace({"metadata": {"name": name, "labels": labels}}) for name, labels in NAMESPACE_LABELS.items()
        ),
        policies=tuple(map(parse_policy, policies)),
    )


def is_allowed(observed: Observed, probe: Probe) -> bool:
    protocol, number = PORTS[probe.port]
    connection = Connection(
        source=ADDRESSES[probe.source], destination=ADDRESSES[probe.destination], protocol=protocol, port=number
    )
    return allows(observed, connection, node=NODE)


def test_the_table_has_at_least_forty_cases_with_names_of_their_own() -> None:
    assert len({case.name for case in cases()}) == len(cases()) >= 40


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_exactly_what_the_table_denies_is_denied(case: Case) -> None:
    observed = world(*case.manifests(addresses=ADDRESSES, pods="10.244.0.0/16"))
    assert {str(probe) for probe in PROBES if not is_allowed(observed, probe)} == set(map(str, case.denied))


def test_a_pod_reaches_itself_whatever_policies_say() -> None:
    itself = ADDRESSES["red/web"]
    connection = Connection(source=itself, destination=itself, protocol=Protocol.TCP, port=28080)
    assert allows(world(DENY_ALL), connection, node=NODE)


def test_a_pod_without_an_address_yet_is_nobodys_peer() -> None:
    policy = {
        "metadata": {"name": "web-only", "namespace": "red"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]},
    }
    observed = world(policy, pods=(pod("red/web", None), pod("red/db", ADDRESSES["red/db"])))
    assert not is_allowed(observed, Probe(source="red/web", destination="red/db", port="http"))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_passes_nothing_on_to_who_gets_its_address(phase: str) -> None:
    address = ADDRESSES["red/db"]
    ended, successor = pod("red/db", address, phase=phase, created="2026-02-01"), pod("blue/db", address)
    observed = world(DENY_ALL, pods=(ended, successor))
    assert observed.pods_by_address[address].namespace == "blue"
    assert is_allowed(observed, Probe(source="outside", destination="red/db", port="http"))


def test_of_two_pods_with_one_address_the_younger_has_it() -> None:
    """The older one's node is away, say, and its pod object lingers."""
    address = ADDRESSES["red/db"]
    older = pod("blue/db", address, created="2026-01-01T00:00:00Z")
    younger = pod("red/db", address, created="2026-01-01T00:00:01Z")
    for pods in ((older, younger), (younger, older)):
        observed = world(DENY_ALL, pods=pods)
        assert not is_allowed(observed, Probe(source="outside", destination="red/db", port="http"))


def test_a_peer_in_a_namespace_that_is_not_known_yet_is_not_meant() -> None:
    policy = {
        "metadata": {"name": "all-pods", "namespace": "red"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
    }
    observed = replace(world(policy), namespaces=())
    assert not is_allowed(observed, Probe(source="blue/web", destination="red/web", port="http"))


def test_a_sidecar_names_ports_and_an_ordinary_init_container_does_not() -> None:
    manifest = pod("red/web", ADDRESSES["red/web"])
    manifest["spec"]["initContainers"] = [
        {"name": "sidecar", "restartPolicy": "Always", "ports": [{"name": "metrics", "containerPort": 9090}]},
        {"name": "prepare", "ports": [{"name": "once", "containerPort": 9091}, {"containerPort": 9092}]},
    ]
    assert {port.name for port in parse_pod(manifest).named_ports} == {"http", "alt", "dns", "metrics"}


def test_a_pod_with_an_ipv6_address_alone_has_none_for_us() -> None:
    manifest = pod("red/web", None)
    manifest["status"]["podIP"] = "fd00::7"
    assert parse_pod(manifest).address is None


def test_a_policy_without_a_spec_closes_what_comes_in() -> None:
    policy = parse_policy({"metadata": {"name": "bare", "namespace": "red"}})
    assert policy.allowed == {Direction.INGRESS: ()}
