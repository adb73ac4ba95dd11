"""A replayed cluster tells what a real one would: whoever follows it knows exactly what is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp.test_utils import TestServer
from kubernetes_asyncio import client

from bench.capacity_loop import LoopCost
from bench.replayed_cluster import ReplayedCluster
from hub.capacity.picture import Picture
from hub.capacity.placeholder import PLACEHOLDER
from spawner.installation import KIND_LABEL
from spawner.kube import Kube, KubeConflict
from spawner.kube_feed import Persistence
from spawner.node_watch import NodeWatch

NODES, PODS = 7, 1_100
PATIENCE_SECONDS = 30.0
SLOTS = "/api/v1/namespaces/capacity/pods"
SLOT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "slot-small-0", "labels": {KIND_LABEL: PLACEHOLDER}},
    "spec": {"containers": [{"name": "slot", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]},
}


@pytest.fixture
def cluster() -> ReplayedCluster:
    return ReplayedCluster(nodes=NODES, pods=PODS)


@pytest.fixture
async def kube(cluster: ReplayedCluster) -> AsyncIterator[Kube]:
    async with TestServer(cluster.app()) as server:
        kube = Kube(client.ApiClient(client.Configuration(host=str(server.make_url("")).rstrip("/"))))
        yield kube
        await kube.close()


@pytest.fixture
async def picture(kube: Kube) -> AsyncIterator[Picture]:
    persistence = Persistence(log=logging.getLogger(__name__))
    nodes = NodeWatch(kube, persistence=persistence)
    picture = Picture(kube, nodes, namespaces=("work", "capacity"), persistence=persistence)
    following = [asyncio.create_task(one.run()) for one in (nodes, picture)]
    yield picture
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


def placed(picture: Picture) -> int:
    view = picture.view()
    return -1 if view is None else sum(len(node.placed) for node in view.nodes)


def nodes(picture: Picture) -> int:
    view = picture.view()
    return 0 if view is None else len(view.nodes)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - a picture tells nobody when it changes
            await asyncio.sleep(0.01)


async def test_who_follows_it_knows_every_pod_and_every_node(picture: Picture) -> None:
    await until(lambda: placed(picture) == PODS)
    assert nodes(picture) == NODES


async def test_pods_come_and_go_and_as_many_stay(cluster: ReplayedCluster, picture: Picture) -> None:
    await until(lambda: placed(picture) == PODS)
    for number in range(50):
        cluster.come_and_go()
        cluster.heartbeat(number)
    await until(lambda: f"uid-{PODS + 49}" in picture._pods)
    assert placed(picture) == PODS
    assert "uid-49" not in picture._pods
    assert "uid-50" in picture._pods


async def test_what_came_while_nobody_watched_is_told_afterwards(cluster: ReplayedCluster, kube: Kube) -> None:
    version = (await kube.get("/api/v1/pods", {"limit": "1"}))["metadata"]["resourceVersion"]
    cluster.come_and_go()
    told = kube.watch("/api/v1/pods", {"resourceVersion": version})
    kinds = [(await anext(told))["type"] for _ in range(5)]
    await told.aclose()
    assert kinds == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_a_slot_is_made_once_is_seen_gives_way_and_is_removed(
    cluster: ReplayedCluster, kube: Kube, picture: Picture
) -> None:
    await until(lambda: placed(picture) == PODS)
    made = await kube.create(SLOTS, SLOT)
    with pytest.raises(KubeConflict):
        await kube.create(SLOTS, SLOT)
    await until(lambda: placed(picture) == PODS + 1)
    cluster.give_way()
    await until(lambda: placed(picture) == PODS)
    (listed,) = [
        one
        async for page in kube.pages(SLOTS, {"labelSelector": f"{KIND_LABEL}={PLACEHOLDER}"})
        for one in page["items"]
    ]
    assert listed["status"]["phase"] == "Failed"
    await kube.delete(f"{SLOTS}/slot-small-0", uid=made["metadata"]["uid"])
    assert [page["items"] async for page in kube.pages(SLOTS)] == [[]]
    assert cluster.told[f"create {PLACEHOLDER}"] == 2


def cost(**changes: float) -> LoopCost:
    facts = {"memory_peak_bytes": 400 * 10**6, "core": 0.2, "requests_per_second": 5.0, **changes}
    return LoopCost(
        nodes=1,
        pods=1,
        changes_per_second=1,
        memory_bytes=1,
        first_look_cpu_seconds=1,
        requests={},
        **facts,  # type: ignore[arg-type]  # by their names
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"memory_peak_bytes": 400 * 10**6 + 1}, False),
        ({"core": 0.21}, False),
        ({"requests_per_second": 5.1}, False),
    ],
    ids=["all at their bounds", "memory", "core", "requests"],
)
def test_each_bound_counts(changes: dict[str, float], expected: bool) -> None:
    assert cost(**changes).keeps_bounds is expected
