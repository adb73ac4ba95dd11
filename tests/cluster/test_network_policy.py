"""NetworkPolicies on the real cluster: the API server has them, the enforcer reads them, pods' connections show them.

The same table of cases as in tests/deploy/cluster. Each case changes the policies of pods that live on, so every case
is also a change on live pods. What needs no API server is in test_network_policy_rules_hold.py.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import select
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.layout import NODE_ADDRESS, NODE_BRIDGE, POD_NETWORK, layout_here
from deploy.cluster.network_policy import firewall
from deploy.cluster.network_policy.model import Protocol
from deploy.cluster.supervisor import RunFile
from tests.cluster.conftest import run_apart
from tests.cluster.kube import DEADLINE_SECONDS, Kube, connect, is_ready
from tests.cluster.namespaces import RUN, create_namespace
from tests.cluster.network_probes import Endpoint, Probes, ip, network_namespace
from tests.deploy.cluster.network_policy_cases import (
    NAMESPACE_LABELS,
    PODS,
    PORTS,
    PROBES,
    Case,
    cases,
    pod_manifest,
)

pytestmark = pytest.mark.usefixtures("on_this_machine")

OUTSIDE, BESIDE_OUTSIDE = "203.0.113.2", "203.0.113.1"
"""A machine beyond the node (TEST-NET-3, which nobody has), and the node's address next to it."""

POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The table's world on the cluster."""

    namespaces: dict[str, str]
    probes: Probes

    def manifests(self, case: Case) -> list[dict[str, Any]]:
        addresses = {name: endpoint.address for name, endpoint in self.probes.endpoints.items()}
        return list(case.manifests(addresses=addresses, pods=POD_NETWORK, namespaces=self.namespaces))

    def policy(self, namespace: str, **spec: Any) -> dict[str, Any]:
        """A policy that selects every pod of a namespace, unless told otherwise."""
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "policy", "namespace": self.namespaces[namespace]},
            "spec": {"podSelector": {}, **spec},
        }


@pytest.fixture(scope="module")
def world(kubeconfig: Path, _remove_namespaces: None) -> Iterator[World]:
    """Two namespaces, four pods, one on the host's network; listeners in all of them; a machine beyond."""
    namespaces, pods = run_apart(create_world(kubeconfig))
    with ExitStack() as made:
        endpoints = {
            name: Endpoint(address=IPv4Address(pod["status"]["podIP"]), network_namespace=network_namespace_of(pod))
            for name, pod in pods.items()
        }
        endpoints["node"] = Endpoint(address=IPv4Address(NODE_ADDRESS))
        beyond = made.enter_context(network_namespace(f"studiolo-test-{os.getpid()}-outside"))
        # On the nodes' bridge: the cluster lets nothing out by any other way.
        device = f"st{os.getpid()}"
        ip("link", "add", device, "type", "veth", "peer", "eth0", "netns", beyond.name)
        ip("link", "set", device, "master", NODE_BRIDGE, "up")
        ip("address", "add", f"{BESIDE_OUTSIDE}/24", "dev", NODE_BRIDGE)
        made.callback(ip, "address", "delete", f"{BESIDE_OUTSIDE}/24", "dev", NODE_BRIDGE)
        ip("-netns", beyond.name, "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
        ip("-netns", beyond.name, "link", "set", "eth0", "up")
        ip("-netns", beyond.name, "route", "add", "default", "via", BESIDE_OUTSIDE)
        endpoints["outside"] = Endpoint(address=IPv4Address(OUTSIDE), network_namespace=beyond)
        yield World(namespaces=namespaces, probes=made.enter_context(Probes(endpoints)))


async def create_world(kubeconfig: Path) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    async with connect(kubeconfig) as kube:
        namespaces = {
            name: await create_namespace(kube, name, labels=NAMESPACE_LABELS[name]) for name in ("red", "blue")
        }
        await create_namespace(kube, "marker")
        names = (*PODS, "red/agent")
        manifests = {name: pod_manifest(name, namespace=namespaces[name.split("/")[0]]) for name in names}
        for manifest in manifests.values():
            await kube.create(manifest)
        ready = await asyncio.gather(*(kube.until(manifest, is_ready) for manifest in manifests.values()))
        return namespaces, {name: pod for name, pod in zip(names, ready, strict=True) if name != "red/agent"}


def network_namespace_of(pod: dict[str, Any]) -> Path:
    """Through one of the pod's processes: the control group of each of them carries the pod's uid."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"pod{pod['metadata']['uid']}" in (process / "cgroup").read_text():
                return process / "ns" / "net"
        except OSError:  # it has ended since
            continue
    pytest.fail(f"no process of pod {pod['metadata']['name']} on this machine")


Apply = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture
def in_force(kube: Kube, world: World) -> Apply:
    """Replaces the policies of the world, and returns when the enforcer has brought that into force."""

    async def replace(*manifests: dict[str, Any]) -> None:
        for namespace in world.namespaces.values():
            for old in await kube.list_all("networking.k8s.io/v1", "NetworkPolicy", namespace=namespace):
                await kube.delete(old)
        for manifest in manifests:
            await kube.create(manifest)
        await until_in_force(kube)

    return replace


async def until_in_force(kube: Kube) -> None:
    """Make one more policy, which selects nothing. When the rules contain it, they contain what was done before it."""
    marker = await kube.create(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"marker-{secrets.token_hex(4)}", "namespace": f"{RUN}-marker"},
            "spec": {"podSelector": {}},
        }
    )
    wanted = int(marker["metadata"]["resourceVersion"])

    async def is_contained() -> bool:
        return int(await firewall.version_in_force() or 0) >= wanted

    await until(is_contained)
    await kube.delete(marker)


async def until_denied(world: World, expected: set[str]) -> None:
    """Labels are not part of the rules' version: what is waited for is that connections show them."""
    denied: set[str] | None = None

    async def is_as_expected() -> bool:
        nonlocal denied
        denied = world.probes.denied(PROBES)
        return denied == expected

    try:
        await until(is_as_expected)
    except TimeoutError:
        assert denied == expected


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Returns as soon as it holds. The kernel's rules make no event that one could wait for."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(POLL_SECONDS)


def to_and_from(name: str) -> set[str]:
    """Every connection of a pod that policies can deny."""
    return {str(probe) for probe in PROBES if name in {probe.source, probe.destination} and probe.source != "node"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_exactly_what_the_table_denies_is_denied(world: World, in_force: Apply, case: Case) -> None:
    await in_force(*world.manifests(case))
    assert world.probes.denied(PROBES) == set(map(str, case.denied))


async def test_a_policy_that_was_deleted_denies_nothing_more(world: World, in_force: Apply) -> None:
    await in_force(world.policy("red", policyTypes=["Ingress", "Egress"]))
    assert world.probes.denied(PROBES) == to_and_from("red/web") | to_and_from("red/db")
    await in_force()
    assert world.probes.denied(PROBES) == set()


async def test_a_policy_change_cuts_an_open_connection(kube: Kube, world: World, in_force: Apply) -> None:
    allowing = world.policy("red", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}])
    await in_force(allowing)
    ours, theirs = world.probes.connection("blue/web", "red/web")
    with ours, theirs:
        await kube.patch(allowing, {"spec": {"ingress": []}})
        await until_in_force(kube)
        theirs.send(b"more")
        assert select.select([theirs], [], [], DEADLINE_SECONDS)[0]
        with pytest.raises(ConnectionResetError):
            theirs.recv(100)
        assert not select.select([ours], [], [], 0)[0]


async def test_a_label_on_a_live_pod_changes_what_it_may(kube: Kube, world: World, in_force: Apply) -> None:
    await in_force(
        world.policy("red", podSelector={"matchLabels": {"closed": "yes"}}, policyTypes=["Ingress", "Egress"])
    )
    assert world.probes.denied(PROBES) == set()
    pod = pod_manifest("red/db", namespace=world.namespaces["red"])
    await kube.patch(pod, {"metadata": {"labels": {"closed": "yes"}}})
    await until_denied(world, to_and_from("red/db"))
    await kube.patch(pod, {"metadata": {"labels": {"closed": None}}})
    await until_denied(world, set())


async def test_a_label_on_a_live_namespace_changes_who_is_meant(kube: Kube, world: World, in_force: Apply) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"trusted": "yes"}}}
    await in_force(world.policy("red", policyTypes=["Ingress"], ingress=[{"from": [peer]}]))
    into_red = {str(probe) for probe in PROBES if probe.destination.startswith("red/") and probe.source != "node"}
    assert world.probes.denied(PROBES) == into_red
    blue = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespaces["blue"]}}
    await kube.patch(blue, {"metadata": {"labels": {"trusted": "yes"}}})
    await until_denied(world, {probe for probe in into_red if not probe.startswith("blue/")})
    await kube.patch(blue, {"metadata": {"labels": {"trusted": None}}})
    await until_denied(world, into_red)


async def test_policies_mean_the_pod_behind_a_service(kube: Kube, world: World, in_force: Apply) -> None:
    _, number = PORTS["http"]
    service = await kube.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": world.namespaces["red"]},
            # Another port than the pod's: a policy that looked at the service's would not match.
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": number}]},
        }
    )
    await in_force(
        world.policy("red", ingress=[{"ports": [{"port": number}]}]),
        world.policy("blue", egress=[{"to": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}]}]),
    )
    address = (service["spec"]["clusterIP"], 80)
    # kube-proxy takes a moment to know a new service.
    await until(lambda: connects(world, "blue/db", address))


async def connects(world: World, source: str, address: tuple[str, int]) -> bool:
    """Whether a connection to that address comes about before somebody refuses it."""
    with world.probes.socket(source, Protocol.TCP) as one:
        try:
            await asyncio.get_running_loop().sock_connect(one, address)
        except OSError:
            return False
        return True


async def test_rules_outlive_the_enforcer_and_the_next_one_goes_on(world: World, in_force: Apply) -> None:
    await in_force(world.policy("red", policyTypes=["Ingress", "Egress"]))
    closed = to_and_from("red/web") | to_and_from("red/db")
    run_file = RunFile.load(layout_here().run / "network-policy.json")
    assert run_file is not None
    os.kill(run_file.process.pid, signal.SIGKILL)
    assert world.probes.denied(PROBES) == closed
    await in_force()
    assert world.probes.denied(PROBES) == set()
