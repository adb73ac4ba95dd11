"""What policies, pods and namespaces say about the network: plain values without a trace of JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Network


class Direction(StrEnum):
    """A policy type: which connections of the selected pods are limited."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Protocol(StrEnum):
    """The protocols that a policy can name."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Operator(StrEnum):
    """How a label is compared in a selector."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on labels."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Conditions on labels that must all hold; without any, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is meant. A missing key satisfies NotIn, as in the API."""
        return all(_holds(requirement, labels) for requirement in self.requirements)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            return value in requirement.values
        case Operator.NOT_IN:
            return value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBlock:
    """A range of addresses without some ranges inside it."""

    range: IPv4Network | IPv6Network
    without: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPeer:
    """Pods by the labels of their namespace and their own."""

    namespaces: Selector | None
    """None: the policy's own namespace."""
    pods: Selector
    """Absent in the policy: every pod, which is the empty selector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """The ports of one protocol that a rule allows."""

    protocol: Protocol = Protocol.TCP
    port: int | str | None = None
    """A number, the name of a container's port, or None for every port."""
    last: int | None = None
    """The end of a range that begins at `port` and includes both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Allows what comes from (or goes to) any of the peers on any of the ports; no peers or no ports mean all."""

    peers: tuple[AddressBlock | PodPeer, ...] = ()
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One NetworkPolicy with its defaults filled in."""

    namespace: str
    name: str
    pods: Selector
    allowed: Mapping[Direction, tuple[Rule, ...]]
    """The directions in which the selected pods are isolated, and what is allowed there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace and its labels."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPort:
    """A port to which a container gives a name."""

    name: str
    number: int
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as far as the network knows it."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    address: IPv4Address | None
    """None until the kubelet has reported it."""
    named_ports: tuple[NamedPort, ...] = ()
    uses_host_network: bool = False
    has_ended: bool = False
    """Succeeded or Failed: its address may already be another pod's."""
    created: str = ""
    """When, as the API server writes it (RFC 3339 in UTC, which sorts as text)."""

    def number_of(self, port: Port) -> int | None:
        """The number behind a port's name on this pod, or None when it has no port of that name and protocol."""
        for named in self.named_ports:
            if named.name == port.port and named.protocol is port.protocol:
                return named.number
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that decides, at one moment."""

    pods: tuple[Pod, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    policies: tuple[Policy, ...] = ()
    pods_by_address: Mapping[IPv4Address, Pod] = field(init=False)
    """Who has an address now. Pods on the node's own address and pods that have ended are not among them; of two that
    claim the same address (one of them about to vanish) the younger has it."""
    labels_of_namespaces: Mapping[str, Mapping[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        """Index what every decision asks for."""
        by_address: dict[IPv4Address, Pod] = {}
        for pod in sorted(self.pods, key=lambda pod: (pod.created, pod.namespace, pod.name)):
            if pod.address is not None and not pod.uses_host_network and not pod.has_ended:
                by_address[pod.address] = pod
        object.__setattr__(self, "pods_by_address", by_address)
        labels = {namespace.name: namespace.labels for namespace in self.namespaces}
        object.__setattr__(self, "labels_of_namespaces", labels)

    def isolating(self, pod: Pod, direction: Direction) -> tuple[Policy, ...]:
        """The policies that isolate a pod in this direction; none means that everything is allowed."""
        return tuple(
            policy
            for policy in self.policies
            if policy.namespace == pod.namespace and direction in policy.allowed and policy.pods.selects(pod.labels)
        )

    def is_meant(self, pod: Pod, peer: PodPeer, *, of: Policy) -> bool:
        """Whether a pod is one of those that a peer of this policy names."""
        if peer.namespaces is None:
            in_namespace = pod.namespace == of.namespace
        else:
            labels = self.labels_of_namespaces.get(pod.namespace)
            in_namespace = labels is not None and peer.namespaces.selects(labels)
        return in_namespace and peer.pods.selects(pod.labels)
