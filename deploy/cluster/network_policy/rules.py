"""What policies allow, as the text of one nftables table. Same values, same text.

How it works. Every packet between pods passes the `forward` hook (bridges hand packets of one node to it too:
net.bridge.bridge-nf-call-iptables), every packet from a pod to the machine the `input` hook. Both look at the
*connection* of the packet, not at the packet: who opened it (`ct original ip saddr`), and who answers on which port
(`ct reply ip saddr`, `ct reply proto-src`, which is the pod behind a service address). So one evaluation holds for both
directions of a connection, answers need no rule of their own, and a connection that a changed policy no longer
allows is cut at its next packet, whichever side sends it.

How it differs from engines for production:
- What the machine itself opens (kubelet's probes, a hub that runs as a process here) is always allowed, as in
  Kubernetes. What a pod opens to the machine is subject to the pod's egress policies: API server, registry and
  package index listen there, and a policy that could not close them would be worth little.
- Refused means TCP reset or ICMP "prohibited"; a refused connection to a *service* address gets no answer, because on
  a bridge the reset leaves with the pod's address.
- A pod's address is known only when the kubelet has reported it. Until then (about half a second) what it sends is
  dropped, so that no pod is ever less isolated than its policies say. A pod without policies waits with it.
- Pods have no IPv6 address but link-local ones, which policies do not cover: all of it is dropped at the pods' bridges.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from deploy.cluster.layout import NETWORK_POLICY_TABLE
from deploy.cluster.network_policy.model import AddressBlock, Direction, NamedPort, Observed, Pod, Policy, Port, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TABLE = " ".join(NETWORK_POLICY_TABLE)
"""A table of our own: replaced and removed as a whole, and nobody else's rules are touched."""

VERSION_COMMENT = "network policies up to version "
"""The table says which policies it contains, so that a test can wait for the ones that it made."""

FAR_END = {Direction.INGRESS: "ct original ip saddr", Direction.EGRESS: "ct reply ip saddr"}
"""The address of the other side, as nft finds it on a packet of either direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    """Where pods are, whichever addresses they have now."""

    ranges: tuple[IPv4Network, ...]
    """What pods get addresses from. One that no pod is known to have is held back."""
    bridges: tuple[str, ...]
    """The interfaces of the machine to which pods are connected; `studiolo-p*` means every name with that beginning."""


def render_ruleset(observed: Observed, network: PodNetwork, *, version: str) -> str:
    """What `nft -f -` reads: the whole table, replacing the one that may be there in the same step."""
    observed = _only_inside(observed, network)
    chains: dict[str, str] = {}
    chain_names: dict[tuple[Direction, tuple[str, ...], tuple[NamedPort, ...]], str] = {}
    verdicts: dict[Direction, list[str]] = {direction: [] for direction in Direction}
    isolated: set[IPv4Address] = set()
    for address, pod in sorted(observed.pods_by_address.items()):
        for direction in Direction:
            policies = observed.isolating(pod, direction)
            if not policies:
                continue
            isolated.add(address)
            # Nothing else of a pod decides: pods of one kind share a chain, and each of hundreds costs a line in a map.
            names = tuple(f"{policy.namespace}/{policy.name}" for policy in policies)
            kind = (direction, names, pod.named_ports)
            if kind not in chain_names:
                allowed = _unique(
                    line for policy in policies for line in _allowed_by(observed, policy, direction, destination=pod)
                )
                chain_names[kind] = f"{direction.lower()}_{_short_hash(allowed)}"
                chains.setdefault(chain_names[kind], _chain(chain_names[kind], ", ".join(names), allowed))
            verdicts[direction].append(f"{address} : jump {chain_names[kind]}")
    known = sorted(observed.pods_by_address)
    return "\n".join(
        [
            f"table {TABLE} {{}}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            f'  comment "{VERSION_COMMENT}{version}"',
            _collection("set known", "ipv4_addr", map(str, known)),
            _collection("set itself", "ipv4_addr . ipv4_addr", (f"{address} . {address}" for address in known)),
            _collection("set isolated", "ipv4_addr", map(str, sorted(isolated))),
            _DENY,
            *chains.values(),
            _collection("map egress_of", "ipv4_addr : verdict", verdicts[Direction.EGRESS]),
            _collection("map ingress_of", "ipv4_addr : verdict", verdicts[Direction.INGRESS]),
            _CHECK,
            *_hooks(network),
            "}\n",
        ]
    )


def _only_inside(observed: Observed, network: PodNetwork) -> Observed:
    """Without the pods of simulated nodes: thousands, perhaps, and none of them has a network."""
    return replace(
        observed,
        pods=tuple(
            pod
            for pod in observed.pods
            if pod.address is not None and any(pod.address in one for one in network.ranges)
        ),
    )


_DENY = """\
  chain deny {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }"""

# An invalid packet belongs to no connection, and then nothing below would match: isolated pods get none of these.
_CHECK = """\
  chain check {
    ct state related accept
    ct state invalid,untracked ip saddr @isolated drop
    ct state invalid,untracked ip daddr @isolated drop
    ct original ip saddr . ct reply ip saddr @itself accept
    ct original ip saddr vmap @egress_of
    ct reply ip saddr vmap @ingress_of
  }"""


def _hooks(network: PodNetwork) -> Iterator[str]:
    ipv6 = [f'    meta nfproto ipv6 iifname "{bridge}" drop' for bridge in network.bridges]
    sources = [f"    ct original ip saddr {one} ct original ip saddr != @known drop" for one in network.ranges]
    destinations = [f"    ct reply ip saddr {one} ct reply ip saddr != @known drop" for one in network.ranges]
    yield "\n".join(
        [
            "  chain forward {",
            "    type filter hook forward priority filter; policy accept;",
            *ipv6,
            *sources,
            *destinations,
            "    jump check",
            "  }",
        ]
    )
    yield "\n".join(
        [
            "  chain input {",
            "    type filter hook input priority filter; policy accept;",
            *ipv6,
            "    ct direction reply accept",
            *sources,
            "    jump check",
            "  }",
        ]
    )


def _allowed_by(observed: Observed, policy: Policy, direction: Direction, *, destination: Pod) -> Iterator[str]:
    """What one policy allows, as conditions; no condition at all is empty text."""
    for rule in policy.allowed[direction]:
        numbered = tuple(port for port in rule.ports if not isinstance(port.port, str))
        named = tuple(port for port in rule.ports if isinstance(port.port, str))
        where = [_port(port) for port in numbered]
        if direction is Direction.INGRESS:
            where += [
                _port(Port(protocol=port.protocol, port=number))
                for port in named
                if (number := destination.number_of(port)) is not None
            ]
        for who in _peers(observed, policy, direction, rule):
            if not rule.ports:
                yield who
            for port in where:
                yield f"{who} {port}".strip()
        if direction is Direction.EGRESS:
            yield from _named_egress(observed, policy, rule, named)


def _peers(observed: Observed, policy: Policy, direction: Direction, rule: Rule) -> Iterator[str]:
    if not rule.peers:
        yield ""
    field = FAR_END[direction]
    pods: set[IPv4Address] = set()
    for peer in rule.peers:
        if not isinstance(peer, AddressBlock):
            pods |= {
                address for address, pod in observed.pods_by_address.items() if observed.is_meant(pod, peer, of=policy)
            }
        elif isinstance(peer.range, IPv4Network):
            holes = "".join(f" {field} != {hole}" for hole in peer.without)
            yield f"{field} {peer.range}{holes}"
    if pods:
        yield f"{field} {_addresses(pods)}"


def _named_egress(observed: Observed, policy: Policy, rule: Rule, named: tuple[Port, ...]) -> Iterator[str]:
    """A name means what the *destination* calls so: another number, perhaps, on each of them."""
    for port in named:
        by_number: dict[int, set[IPv4Address]] = {}
        for address, pod in observed.pods_by_address.items():
            number = pod.number_of(port)
            if number is None or not _is_any_peer(observed, policy, rule, address, pod):
                continue
            by_number.setdefault(number, set()).add(address)
        for number, addresses in sorted(by_number.items()):
            there = f"{FAR_END[Direction.EGRESS]} {_addresses(addresses)}"
            yield f"{there} {_port(Port(protocol=port.protocol, port=number))}"


def _is_any_peer(observed: Observed, policy: Policy, rule: Rule, address: IPv4Address, pod: Pod) -> bool:
    return not rule.peers or any(
        address in peer.range and not any(address in hole for hole in peer.without)
        if isinstance(peer, AddressBlock)
        else observed.is_meant(pod, peer, of=policy)
        for peer in rule.peers
    )


def _port(port: Port) -> str:
    protocol = f"meta l4proto {port.protocol.lower()}"
    match port.port:
        case None:
            return protocol
        case first if port.last is not None and port.last != first:
            return f"{protocol} ct reply proto-src {first}-{port.last}"
        case number:
            return f"{protocol} ct reply proto-src {number}"


def _addresses(addresses: Iterable[IPv4Address]) -> str:
    return f"{{ {', '.join(map(str, sorted(addresses)))} }}"


def _chain(name: str, policies: str, allowed: Sequence[str]) -> str:
    lines = [f"    {line}{' ' if line else ''}return" for line in allowed]
    return "\n".join([f"  chain {name} {{ # {policies}", *lines, "    goto deny", "  }"])


def _collection(kind: str, type_: str, elements: Iterable[str]) -> str:
    found = ", ".join(elements)
    inside = f"type {type_}; elements = {{ {found} }}" if found else f"type {type_};"
    return f"  {kind} {{ {inside} }}"


def _unique(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def _short_hash(lines: Sequence[str]) -> str:
    # repr: an unconditional "return" (the empty line) is not the same as no line at all.
    return hashlib.sha256(repr(lines).encode()).hexdigest()[:12]
