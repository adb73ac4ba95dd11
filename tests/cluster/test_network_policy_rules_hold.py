"""The rules in a real kernel, without a cluster: network namespaces that stand for a node, its pods and the outside."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from errno import EINPROGRESS
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from deploy.cluster.network_policy import firewall
from deploy.cluster.network_policy.kubernetes_json import parse_namespace, parse_pod, parse_policy
from deploy.cluster.network_policy.model import Observed, Protocol
from deploy.cluster.network_policy.rules import PodNetwork, render_ruleset
from deploy.cluster.network_policy.semantics import Connection, allows
from tests.cluster.network_probes import DEADLINE_SECONDS, Endpoint, Probes, inside, ip, network_namespace
from tests.cluster.policy_strategies import policies
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

POD_RANGE = "10.244.0.0/16"
NETWORK = PodNetwork(ranges=(IPv4Network(POD_RANGE),), bridges=("studiolo-p*",))
ADDRESSES = {
    "red/web": "10.244.0.2",
    "red/db": "10.244.0.3",
    "blue/web": "10.244.0.4",
    "blue/db": "10.244.1.5",  # on the second node's bridge
    "node": "10.199.0.1",
    "outside": "203.0.113.2",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Probes]:
    """A node with the bridges of two nodes, four pods and a machine beyond."""
    if os.geteuid() or not shutil.which("nft"):
        pytest.skip("not run: only root may make network namespaces, and nft must be there (apt install nftables)")
    with ExitStack() as made:
        spaces: dict[str, Path] = {}
        for name in ("node", *PODS, "outside"):
            made_name = f"studiolo-test-{os.getpid()}-{name.replace('/', '-')}"
            spaces[name] = made.enter_context(network_namespace(made_name))
        node = spaces["node"].name
        with inside(spaces["node"]):
            for setting in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"):
                Path("/proc/sys/net", setting).write_text("1")
        ip("-netns", node, "address", "add", "10.199.0.1/32", "dev", "lo")
        for number in (1, 2):
            bridge = f"studiolo-p{number}"
            ip("-netns", node, "link", "add", bridge, "type", "bridge")
            ip("-netns", node, "address", "add", f"10.244.{number - 1}.1/24", "dev", bridge)
            ip("-netns", node, "link", "set", bridge, "up")
        for number, name in enumerate((*PODS, "outside"), start=1):
            address, inner = ADDRESSES[name], spaces[name].name
            ip("-netns", inner, "link", "add", "eth0", "type", "veth", "peer", f"v{number}", "netns", node)
            ip("-netns", inner, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-netns", inner, "link", "set", "eth0", "up")
            ip("-netns", node, "link", "set", f"v{number}", "up")
            if name == "outside":
                ip("-netns", node, "address", "add", "203.0.113.1/24", "dev", f"v{number}")
            else:
                bridge = "studiolo-p2" if name == "blue/db" else "studiolo-p1"
                ip("-netns", node, "link", "set", f"v{number}", "master", bridge)
            gateway = ".".join([*address.split(".")[:3], "1"])
            ip("-netns", inner, "route", "add", "default", "via", gateway)
        yield made.enter_context(
            Probes(
                {
                    name: Endpoint(address=IPv4Address(ADDRESSES[name]), network_namespace=spaces[name])
                    for name in ADDRESSES
                }
            )
        )


@pytest.fixture
def in_force(lab: Probes) -> Iterator[Any]:
    """Brings policies into force inside the node's network namespace; afterwards there are none."""
    node = lab.endpoints["node"].network_namespace

    async def put(*policies: dict[str, Any], without: str = "") -> None:
        with inside(node):
            await firewall.replace_table(render_ruleset(observed(*policies, without=without), NETWORK, version="1"))

    yield put
    with inside(node):
        asyncio.run(firewall.remove_table())


def observed(*policies: dict[str, Any], without: str = "") -> Observed:
    """The table's world; `without`: a pod that nobody has heard of yet."""
    pods = [
        {**pod_manifest(name), "status": {"phase": "Running", "podIP": ADDRESSES[address]}}
        for name, address in (*((name, name) for name in PODS), ("red/agent", "node"))
        if name != without
    ]
    return Observed(
        pods=tuple(map(parse_pod, pods)),
        namespaces=tuple(
            parse_namespace({"metadata": {"name": name, "labels": labels}}) for name, labels in NAMESPACE_LABELS.items()
        ),
        policies=tuple(map(parse_policy, policies)),
    )


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "policy", "namespace": namespace}, "spec": {"podSelector": {}, **spec}}


CLOSED_RED = policy("red", policyTypes=["Ingress", "Egress"])


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_exactly_what_the_table_denies_is_denied(lab: Probes, in_force: Any, case: Case) -> None:
    addresses = {name: IPv4Address(address) for name, address in ADDRESSES.items()}
    await in_force(*case.manifests(addresses=addresses, pods=POD_RANGE))
    assert lab.denied(PROBES) == set(map(str, case.denied))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=policies)
def test_whatever_policies_say_the_kernel_does_as_the_evaluator(
    lab: Probes, in_force: Any, chosen: list[dict[str, Any]]
) -> None:
    asyncio.run(in_force(*chosen))
    there = observed(*chosen)
    expected = {
        str(probe)
        for probe in PROBES
        if not allows(
            there,
            Connection(
                source=IPv4Address(ADDRESSES[probe.source]),
                destination=IPv4Address(ADDRESSES[probe.destination]),
                protocol=PORTS[probe.port][0],
                port=PORTS[probe.port][1],
            ),
            node=frozenset({IPv4Address(ADDRESSES["node"])}),
        )
    }
    assert lab.denied(PROBES) == expected


async def test_after_the_table_was_removed_everything_is_open(lab: Probes, in_force: Any) -> None:
    await in_force(CLOSED_RED)
    with inside(lab.endpoints["node"].network_namespace):
        assert await firewall.version_in_force() == "1"
        await firewall.remove_table()
        await firewall.remove_table()
        assert await firewall.version_in_force() is None
    assert lab.denied(PROBES) == set()


async def test_rules_that_nft_refuses_change_nothing(lab: Probes, in_force: Any) -> None:
    await in_force(CLOSED_RED)
    with inside(lab.endpoints["node"].network_namespace):
        with pytest.raises(firewall.RulesRefusedError, match="nft did not take"):
            await firewall.replace_table("table inet studiolo_netpol { nonsense }")
        assert await firewall.version_in_force() == "1"


@pytest.mark.parametrize("speaks", ["the one that opened it", "the one that answered"])
async def test_a_policy_change_cuts_a_connection_whoever_speaks_next(lab: Probes, in_force: Any, speaks: str) -> None:
    await in_force()
    ours, theirs = lab.connection("blue/web", "red/web")
    with ours, theirs:
        await in_force(CLOSED_RED)
        speaker, listener = (ours, theirs) if speaks == "the one that opened it" else (theirs, ours)
        speaker.send(b"still there?")
        # Refused, not only lost: the speaker learns of it at once.
        assert wait_readable(speaker)
        with pytest.raises(ConnectionResetError):
            speaker.recv(100)
        assert not is_readable(listener)


async def test_a_policy_change_leaves_connections_that_are_still_allowed(lab: Probes, in_force: Any) -> None:
    await in_force()
    ours, theirs = lab.connection("blue/web", "red/web")
    with ours, theirs:
        await in_force(policy("red", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]))
        for speaker, listener in ((ours, theirs), (theirs, ours)):
            speaker.send(b"still there")
            assert wait_readable(listener)
            assert listener.recv(100) == b"still there"


async def test_a_policy_change_cuts_datagrams_in_both_directions(lab: Probes, in_force: Any) -> None:
    """Answers to a datagram would otherwise pass for as long as somebody keeps sending them."""
    await in_force()
    asking, answering, node = (lab.socket(name, Protocol.UDP) for name in ("blue/web", "red/web", "node"))
    with asking, answering, node:
        answering.bind((ADDRESSES["red/web"], 0))
        asking.sendto(b"question", answering.getsockname())
        assert wait_readable(answering)
        _, asked_from = answering.recvfrom(100)
        await in_force(policy("red", policyTypes=["Ingress"]))
        answering.sendto(b"answer", asked_from)
        node.sendto(b"last", asked_from)
        assert wait_readable(asking)
        assert asking.recv(100) == b"last", "the answer was sent before it and did not arrive"


async def test_what_a_pod_sends_before_its_address_is_known_is_held_back(lab: Probes, in_force: Any) -> None:
    await in_force(without="red/db")
    with lab.socket("red/db", Protocol.TCP) as early:
        assert early.connect_ex((ADDRESSES["blue/web"], PORTS["http"][1])) == EINPROGRESS
        assert lab.denied([Probe(source="red/web", destination="blue/web", port="http")]) == set()
        assert not is_writable(early), "the others go on meanwhile"
        await in_force()
        # The kernel repeats what was dropped: the pod has lost time and nothing else.
        assert select.select([], [early], [], DEADLINE_SECONDS)[1]
        assert early.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


async def test_policies_are_not_bypassed_by_link_local_ipv6(lab: Probes, in_force: Any) -> None:
    """Every interface has such an address, and no policy names it."""
    spaces = {name: lab.endpoints[name].network_namespace for name in ("red/web", "blue/web", "node")}
    ip("-netns", spaces["red/web"].name, "address", "add", "fe80::99/64", "dev", "eth0", "nodad")
    with inside(spaces["red/web"]):
        listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        listener.bind(("::", 0))
    port = listener.getsockname()[1]
    (device_facts,) = json.loads(ip("-netns", spaces["red/web"].name, "-json", "link", "show", "eth0"))

    def send(name: str, device: str) -> None:
        # The neighbour is written down: a question for it would be dropped, and this test would see only that.
        neighbour = ("neighbour", "replace", "fe80::99", "lladdr", device_facts["address"], "dev", device)
        ip("-netns", spaces[name].name, "-6", *neighbour)
        with inside(spaces[name]), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.sendto(name.encode(), ("fe80::99", port, 0, socket.if_nametoindex(device)))

    with listener:
        send("blue/web", "eth0")
        assert wait_readable(listener), "without rules it gets there"
        assert listener.recv(100) == b"blue/web"
        await in_force(CLOSED_RED)
        send("blue/web", "eth0")
        send("node", "studiolo-p1")
        assert wait_readable(listener)
        assert listener.recv(100) == b"node"


def wait_readable(one: socket.socket) -> bool:
    return bool(select.select([one], [], [], DEADLINE_SECONDS)[0])


def is_readable(one: socket.socket) -> bool:
    return bool(select.select([one], [], [], 0)[0])


def is_writable(one: socket.socket) -> bool:
    return bool(select.select([], [one], [], 0)[1])
