"""Held room keeps no node from being drained: each slot is let go, by the chart's own disruption budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.capacity.placeholder import Held
from spawner.installation import Installation
from spawner.kube import Kube as Door
from studiolo.catalog import CpuShare, Hardware
from studiolo.catalog_model import Gpu
from tests.cluster.charts import LEAST, find, render
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import HeldRoom, held_room
from tests.cluster.kube import Kube
from tests.cluster.pods import RESTRICTED

pytestmark = pytest.mark.usefixtures("on_this_machine")

BUDGET = "studiolo-placeholders"


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        yield found


def slots(held: HeldRoom, count: int) -> list[dict[str, Any]]:
    """As services would make them."""
    seat = Hardware(
        name="seat",
        title="Seat",
        cpu=CpuShare(request=0.05, limit=0.2),
        memory_bytes=2**26,
        gpu=Gpu(resource=held.device, count=1),
    )
    makes = Held(
        installation=Installation(namespace=held.workspaces, release="studiolo", homes=None),
        namespace=held.capacity,
        image=held.pause,
        priority_class=held.priority_class,
    )
    return [makes.manifest(seat, number) for number in range(count)]


async def test_all_slots_may_leave_at_once_those_that_wait_for_room_too(
    kubeconfig: Path, kube: Kube, held: HeldRoom
) -> None:
    budget = find(
        render(LEAST, "--show-only", "templates/capacity.yaml"), "PodDisruptionBudget", BUDGET, "lab-capacity"
    )
    budget["metadata"]["namespace"] = held.capacity
    await kube.create(budget)
    await held.set_seats(3)
    made = slots(held, 4)
    for slot in made:
        await kube.create(slot)
    await held.until_slots(running=3, waiting=1)
    await kube.until(budget, lambda one: counts_healthy(one, 3), seconds=60)

    door = await Door.connect(kubeconfig)
    try:
        for slot in made:
            await evict(door, slot)
    finally:
        await door.close()
    await held.until_none()


def counts_healthy(budget: dict[str, Any], count: int) -> bool:
    """Whether the controller has seen all of them: only then does it decide what may go."""
    return bool(budget.get("status", {}).get("currentHealthy") == count)


async def evict(door: Door, pod: dict[str, Any]) -> None:
    """What `kubectl drain` asks for. Raises KubeAway where a budget forbids it."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    await door.create(f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", eviction)
