"""Held room brings the next node: a small autoscaler adds a simulated one where a slot has no room, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.layout import SIMULATED_LABEL
from deploy.cluster.simulated_nodes import simulated_node
from deploy.local.plans import SERVICES
from tests.cluster.cluster_commands import cluster
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import HeldRoom, has_no_room, held_room, with_services
from tests.cluster.kube import Kube, RefusedError
from tests.cluster.pods import RESTRICTED

pytestmark = pytest.mark.usefixtures("on_this_machine")

FIRST = 201
"""Of the numbers of simulated nodes: far from those that anybody else makes."""


class Autoscaler:
    """Brings a node of one pool whenever a pod that wants one has no room; removes none."""

    def __init__(self, kube: Kube, held: HeldRoom) -> None:
        self.pool = {"studiolo.test/pool": held.mark}
        self.nodes: list[dict[str, Any]] = []
        self._kube = kube
        self._held = held

    async def add(self) -> None:
        """A node with room for exactly one."""
        node: dict[str, Any] = simulated_node(FIRST + len(self.nodes), gpus=0)
        node["metadata"]["labels"] |= self.pool
        for kind in ("capacity", "allocatable"):
            node["status"][kind] |= {"cpu": "1", "memory": "4Gi", self._held.device: "1"}
        await self._kube.create(node)
        self.nodes.append(node)

    async def run(self) -> None:
        """Looks again and again; each pod that waits brings one node."""
        brought: set[str] = set()
        while True:
            pods = await self._kube.list_all("v1", "Pod", namespace=self._held.capacity)
            for pod in pods:
                uid = pod["metadata"]["uid"]
                if uid not in brought and has_no_room(pod) and pod["spec"].get("nodeSelector") == self.pool:
                    brought.add(uid)
                    await self.add()
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        """As if there had never been any. Pods first: without their node nobody would end them for most of a minute."""
        for namespace in (self._held.capacity, self._held.workspaces):
            for pod in await self._kube.list_all("v1", "Pod", namespace=namespace):
                with suppress(RefusedError):
                    await self._kube.delete({"apiVersion": "v1", "kind": "Pod", **pod}, grace_seconds=0)
        for node in self.nodes:
            with suppress(RefusedError):
                await self._kube.delete(node)


@pytest.fixture
def simulation() -> Iterator[None]:
    cluster("nodes", "1")
    yield
    cluster("nodes", "0")


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        yield found


@pytest.mark.usefixtures("simulation")
async def test_whoever_takes_a_slot_s_place_makes_an_autoscaler_bring_the_next_node(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], kube: Kube, held: HeldRoom
) -> None:
    autoscaler = Autoscaler(kube, held)
    hub = with_services(tmp_path, held, kubeconfig=kubeconfig, images=images)
    simulated = [{"key": SIMULATED_LABEL, "operator": "Exists"}]
    held.hold(hub.settings.catalog_directory, slots=1, node_selector=autoscaler.pool, tolerations=simulated)
    scaling = asyncio.create_task(autoscaler.run())
    try:
        await asyncio.to_thread(hub.start, SERVICES)
        await held.until_slots(running=1)
        assert len(autoscaler.nodes) == 1

        # Nobody else wants a node: the second comes because the slot lost its place, before anybody waits for it.
        await held.occupy("taker", nodeSelector=autoscaler.pool, tolerations=simulated)
        await held.until_slots(running=1)
        assert len(autoscaler.nodes) == 2
        assert [victim.partition("/")[0] for victim in await held.victims()] == [held.capacity]
    finally:
        scaling.cancel()
        await asyncio.gather(scaling, return_exceptions=True)
        await asyncio.to_thread(hub.close)
        await autoscaler.close()
