"""The API server's JSON, read into the values of `model.py`. It was checked there: nothing is checked twice."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from deploy.cluster.network_policy.model import (
    AddressBlock,
    Direction,
    NamedPort,
    Namespace,
    Operator,
    Pod,
    PodPeer,
    Policy,
    Port,
    Protocol,
    Requirement,
    Rule,
    Selector,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_policy(policy: Mapping[str, Any]) -> Policy:
    """A NetworkPolicy."""
    spec = policy.get("spec") or {}
    # The API server writes policyTypes into every stored policy by this rule; a policy in a test has not been there.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    rules = {
        Direction.INGRESS: (spec.get("ingress"), "from"),
        Direction.EGRESS: (spec.get("egress"), "to"),
    }
    return Policy(
        namespace=policy["metadata"]["namespace"],
        name=policy["metadata"]["name"],
        pods=_selector(spec.get("podSelector")),
        allowed={
            direction: tuple(_rule(rule, peers=peers) for rule in found or ())
            for direction, (found, peers) in rules.items()
            if direction in types
        },
    )


def parse_namespace(namespace: Mapping[str, Any]) -> Namespace:
    """A Namespace."""
    metadata = namespace["metadata"]
    return Namespace(name=metadata["name"], labels=metadata.get("labels") or {})


def parse_pod(pod: Mapping[str, Any]) -> Pod:
    """A Pod."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    address = ip_address(status["podIP"]) if status.get("podIP") else None
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        address=address if isinstance(address, IPv4Address) else None,
        named_ports=tuple(
            NamedPort(name=port["name"], number=port["containerPort"], protocol=Protocol(port.get("protocol") or "TCP"))
            for container in (*spec["containers"], *sidecars)
            for port in container.get("ports") or ()
            if port.get("name")
        ),
        uses_host_network=bool(spec.get("hostNetwork")),
        has_ended=status.get("phase") in {"Succeeded", "Failed"},
        created=metadata.get("creationTimestamp") or "",
    )


def _selector(selector: Mapping[str, Any] | None) -> Selector:
    found = selector or {}
    labels = [
        Requirement(key=key, operator=Operator.IN, values=(value,))
        for key, value in (found.get("matchLabels") or {}).items()
    ]
    expressions = [
        Requirement(
            key=expression["key"],
            operator=Operator(expression["operator"]),
            values=tuple(expression.get("values") or ()),
        )
        for expression in found.get("matchExpressions") or ()
    ]
    return Selector(requirements=(*labels, *expressions))


def _rule(rule: Mapping[str, Any], *, peers: str) -> Rule:
    return Rule(
        peers=tuple(_peer(peer) for peer in rule.get(peers) or ()),
        ports=tuple(_port(port) for port in rule.get("ports") or ()),
    )


def _peer(peer: Mapping[str, Any]) -> AddressBlock | PodPeer:
    if block := peer.get("ipBlock"):
        # strict=False: the API server accepts 10.0.0.7/24 and means the whole range.
        return AddressBlock(
            range=ip_network(block["cidr"], strict=False),
            without=tuple(ip_network(hole, strict=False) for hole in block.get("except") or ()),
        )
    namespaces = peer.get("namespaceSelector")
    return PodPeer(
        namespaces=None if namespaces is None else _selector(namespaces), pods=_selector(peer.get("podSelector"))
    )


def _port(port: Mapping[str, Any]) -> Port:
    return Port(protocol=Protocol(port.get("protocol") or "TCP"), port=port.get("port"), last=port.get("endPort"))
