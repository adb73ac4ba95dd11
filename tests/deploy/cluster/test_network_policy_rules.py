"""The nftables table as text. That it means what it should is seen in a real kernel: tests/cluster."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from deploy.cluster.network_policy.kubernetes_json import parse_namespace, parse_pod, parse_policy
from deploy.cluster.network_policy.model import Observed
from deploy.cluster.network_policy.rules import PodNetwork, render_ruleset
from tests.deploy.cluster.network_policy_cases import pod_manifest

NETWORK = PodNetwork(ranges=(IPv4Network("10.244.0.0/16"),), bridges=("studiolo-p*",))


def pod(name: str, address: str, **labels: str) -> dict[str, Any]:
    manifest = pod_manifest("red/web")
    manifest["metadata"] |= {"name": name, "labels": labels}
    return {**manifest, "status": {"phase": "Running", "podIP": address}}


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "policy", "namespace": "red"}, "spec": {"podSelector": {}, **spec}}


def observed(*policies: dict[str, Any], pods: tuple[dict[str, Any], ...]) -> Observed:
    return Observed(
        pods=tuple(map(parse_pod, pods)),
        namespaces=(parse_namespace({"metadata": {"name": "red"}}),),
        policies=tuple(map(parse_policy, policies)),
    )


def test_pods_of_one_kind_share_a_chain() -> None:
    pods = tuple(pod(f"web-{number}", str(IPv4Address("10.244.0.2") + number)) for number in range(50))
    ruleset = render_ruleset(observed(policy(), pods=pods), NETWORK, version="1")
    assert ruleset.count("chain ingress_") == 1
    assert ruleset.count(": jump ingress_") == 50


def test_pods_of_simulated_nodes_are_left_out() -> None:
    ruleset = render_ruleset(observed(policy(), pods=(pod("a", "10.250.0.9"),)), NETWORK, version="1")
    assert "10.250" not in ruleset


def test_the_order_of_events_does_not_change_the_text() -> None:
    pods = (pod("a", "10.244.0.9", app="a"), pod("b", "10.244.0.10", app="b"))
    by_label = policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": name}}} for name in "ab"]}])
    first, second = (
        render_ruleset(observed(by_label, pods=order), NETWORK, version="1") for order in (pods, pods[::-1])
    )
    assert first == second


def test_an_address_in_the_pods_range_that_no_pod_is_known_to_have_is_held_back() -> None:
    ruleset = render_ruleset(observed(pods=(pod("a", "10.244.0.9"),)), NETWORK, version="1")
    held_back = "ct original ip saddr 10.244.0.0/16 ct original ip saddr != @known drop"
    _, _, hooks = ruleset.partition("chain forward")
    assert hooks.count(held_back) == 2, "once for what goes through the machine, once for what goes to it"
    assert "set known { type ipv4_addr; elements = { 10.244.0.9 } }" in ruleset


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ({}, "    return"),
        ({"ports": [{"protocol": "UDP"}]}, "    meta l4proto udp return"),
        ({"ports": [{"port": 80, "endPort": 90}]}, "    meta l4proto tcp ct reply proto-src 80-90 return"),
        ({"ports": [{"port": 80, "endPort": 80}]}, "    meta l4proto tcp ct reply proto-src 80 return"),
        ({"ports": [{"port": "http"}]}, "    meta l4proto tcp ct reply proto-src 28080 return"),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"protocol": "UDP"}]},
            "    ct original ip saddr 10.0.0.0/8 ct original ip saddr != 10.1.0.0/16 meta l4proto udp return",
        ),
        ({"from": [{"podSelector": {}}]}, "    ct original ip saddr { 10.244.0.9 } return"),
    ],
    ids=["everything", "protocol", "range", "range of one", "name", "block", "pods"],
)
def test_a_rule_becomes_one_condition(rule: dict[str, Any], line: str) -> None:
    ruleset = render_ruleset(observed(policy(ingress=[rule]), pods=(pod("a", "10.244.0.9"),)), NETWORK, version="1")
    _, _, chain = ruleset.partition("chain ingress_")
    assert chain.splitlines()[1:3] == [line, "    goto deny"]
