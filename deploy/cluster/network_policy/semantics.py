"""May this connection be made? The answer that the API's documentation gives, one connection at a time.

It is the specification of `rules.py`: the table of cases holds both to the same expectations.
Source: Kubernetes, "Network Policies" and the API reference of networking.k8s.io/v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.cluster.network_policy.model import AddressBlock, Direction, Observed, Pod, PodPeer, Policy, Port, Protocol

if TYPE_CHECKING:
    from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Who opens it and to where, after a service address was replaced by that of a pod behind it."""

    source: IPv4Address
    destination: IPv4Address
    protocol: Protocol
    port: int


def allows(observed: Observed, connection: Connection, *, node: frozenset[IPv4Address]) -> bool:
    """Whether the egress policies of its source and the ingress policies of its destination both allow a connection.

    `node`: the addresses of the machine itself. It reaches every pod, as the kubelet's probes must.
    """
    if connection.source in node or connection.source == connection.destination:
        return True
    return all(
        pod is None or _lets_pass(observed, connection, pod, direction)
        for pod, direction in (
            (observed.pods_by_address.get(connection.source), Direction.EGRESS),
            (observed.pods_by_address.get(connection.destination), Direction.INGRESS),
        )
    )


def _lets_pass(observed: Observed, connection: Connection, pod: Pod, direction: Direction) -> bool:
    policies = observed.isolating(pod, direction)
    if not policies:
        return True
    far_end = connection.source if direction is Direction.INGRESS else connection.destination
    return any(
        (not rule.peers or any(_is_peer(observed, far_end, peer, policy) for peer in rule.peers))
        and (not rule.ports or any(_is_port(observed, connection, port) for port in rule.ports))
        for policy in policies
        for rule in policy.allowed[direction]
    )


def _is_peer(observed: Observed, address: IPv4Address, peer: AddressBlock | PodPeer, policy: Policy) -> bool:
    if isinstance(peer, AddressBlock):
        return address in peer.range and not any(address in hole for hole in peer.without)
    pod = observed.pods_by_address.get(address)
    return pod is not None and observed.is_meant(pod, peer, of=policy)


def _is_port(observed: Observed, connection: Connection, port: Port) -> bool:
    if port.protocol is not connection.protocol:
        return False
    match port.port:
        case None:
            return True
        case int(first):
            return first <= connection.port <= (port.last or first)
        case _:
            destination = observed.pods_by_address.get(connection.destination)
            return destination is not None and destination.number_of(port) == connection.port
