"""What is placed on nodes is listed once and then followed; it becomes the frozen view that decisions read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.capacity.picture import ASK_AGAIN_SECONDS, REMEMBERED_SECONDS, Picture, placed_of
from hub.capacity.view import View
from spawner.amounts import Amount
from spawner.installation import KIND_LABEL, WORKSPACE
from spawner.kube_feed import Pauses, Persistence
from spawner.node_watch import NodeWatch
from spawner.warm_pod import WARM
from studiolo.catalog_model import Toleration
from tests.fakes.fake_kubernetes import NAMESPACE, PATIENCE_SECONDS, FakeKubernetes
from tests.hub.capacity.shapes import GIB, GPU, IMAGE, SMALL, hardware

QUICK = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))
END = datetime(2026, 11, 27, 14, 20, tzinfo=UTC)


def put_node(api: FakeKubernetes, name: str, *, cpu: str = "4", taint: str = "", image: str = "") -> None:
    api.put_for_test(
        "nodes",
        {
            "metadata": {"name": name},
            "spec": {"taints": [{"key": taint, "effect": "NoSchedule"}] if taint else []},
            "status": {
                "images": [{"names": [image]}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "allocatable": {"cpu": cpu, "memory": "16Gi", "pods": "110"},
            },
        },
        namespace="",
    )


def a_pod(name: str, node: str, *, cpu: str = "1", namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}],
            **spec,
        },
        "status": {"phase": "Running"},
    }


@asynccontextmanager
async def watching(api: FakeKubernetes, **more: Any) -> AsyncIterator[Picture]:
    async with api.kube() as kube:
        nodes = NodeWatch(kube, persistence=QUICK)
        picture = Picture(kube, nodes, **{"namespaces": (NAMESPACE,), "persistence": QUICK, **more})
        tasks = [asyncio.create_task(nodes.run()), asyncio.create_task(picture.run())]
        yield picture
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(picture: Picture, holds: Callable[[View], bool]) -> View:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            view = picture.view()
            if view is not None and holds(view):
                return view
            await asyncio.sleep(0.005)


def left(view: View) -> list[int]:
    return [node.free.cpu_millis for node in view.nodes]


async def test_pods_come_and_go_and_what_is_left_of_nodes_follows() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.put_for_test("pods", a_pod("one", "a"), namespace="")
        async with watching(api) as picture:
            await until(picture, lambda view: left(view) == [3000])
            api.put_for_test("pods", a_pod("two", "a", cpu="500m"), namespace="")
            await until(picture, lambda view: left(view) == [2500])
            put_node(api, "b")
            api.put_for_test("pods", a_pod("three", "b"), namespace="")
            await until(picture, lambda view: left(view) == [2500, 3000])
            api.remove_for_test("pods", "one", namespace="")
            await until(picture, lambda view: left(view) == [3500, 3000])


async def test_nothing_is_said_before_both_were_listed() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        async with api.kube() as kube:
            picture = Picture(kube, NodeWatch(kube, persistence=QUICK), namespaces=(NAMESPACE,), persistence=QUICK)
            assert picture.view() is None


async def test_a_list_after_a_gap_forgets_what_went_in_it() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.put_for_test("pods", a_pod("one", "a"), namespace="")
        async with watching(api) as picture:
            await until(picture, lambda view: left(view) == [3000])
            api.remove_for_test("pods", "one", is_seen=False, namespace="")
            api.forget_versions_for_test()
            await until(picture, lambda view: left(view) == [4000])


async def test_without_the_right_to_see_all_pods_our_own_are_counted() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.fail_for_test(403, times=1, verb="list pods")
        api.put_for_test("pods", a_pod("one", "a"))
        async with watching(api) as picture:
            await until(picture, lambda view: left(view) == [3000])


async def test_then_those_of_each_of_our_namespaces_are_counted_and_a_gap_in_one_forgets_none_of_the_other() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.fail_for_test(403, times=1, verb="list pods")
        api.put_for_test("pods", a_pod("one", "a"))
        api.put_for_test("pods", a_pod("slot", "a", cpu="500m"), namespace="held")
        async with watching(api, namespaces=(NAMESPACE, "held")) as picture:
            await until(picture, lambda view: left(view) == [2500])
            api.remove_for_test("pods", "one", is_seen=False)
            api.forget_versions_for_test()
            await until(picture, lambda view: left(view) == [3500])


async def test_a_right_to_see_all_pods_that_is_given_later_is_used_then() -> None:
    asked_again = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await (asked_again.wait() if seconds == ASK_AGAIN_SECONDS else asyncio.sleep(0.01))

    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.fail_for_test(403, times=1, verb="list pods")
        api.put_for_test("pods", a_pod("one", "a"))
        for name, cpu in (("one", "1"), ("of-others", "500m")):  # "" is where the fake keeps those of all
            api.put_for_test("pods", a_pod(name, "a", cpu=cpu), namespace="")
        async with watching(api, persistence=replace(QUICK, sleep=sleep)) as picture:
            await until(picture, lambda view: left(view) == [3000])
            asked_again.set()
            await until(picture, lambda view: left(view) == [2500])


async def test_the_image_of_what_has_ended_is_on_its_node_until_the_node_itself_must_have_told() -> None:
    now = [0.0]
    async with FakeKubernetes() as api:
        put_node(api, "a")
        ran = a_pod("one", "a", containers=[{"name": "c", "image": IMAGE}])
        ran["status"]["containerStatuses"] = [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]
        api.put_for_test("pods", ran, namespace="")
        async with watching(api, persistence=replace(QUICK, clock=lambda: now[0])) as picture:
            await until(picture, lambda view: view.with_image(IMAGE) == 1 and view.nodes[0].placed != ())
            api.remove_for_test("pods", "one", namespace="")
            await until(picture, lambda view: view.with_image(IMAGE) == 1 and view.nodes[0].placed == ())
            now[0] = REMEMBERED_SECONDS
            await until(picture, lambda view: view.with_image(IMAGE) == 0)
            api.put_for_test("pods", ran, namespace="")
            await until(picture, lambda view: view.with_image(IMAGE) == 1)
            api.remove_for_test("pods", "one", namespace="")
            await until(picture, lambda view: view.with_image(IMAGE) == 1 and view.nodes[0].placed == ())
            put_node(api, "a", image="another@sha256:cc")
            await until(picture, lambda view: view.with_image(IMAGE) == 0)


async def test_a_pod_that_waits_takes_nothing_until_it_is_told_where_it_goes() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.put_for_test("pods", a_pod("one", ""), namespace="")
        async with watching(api) as picture:
            await until(picture, lambda view: left(view) == [4000])
            api.change_for_test("pods", "one", {"status": {"nominatedNodeName": "a"}}, namespace="")
            await until(picture, lambda view: left(view) == [3000])


async def test_when_our_workspaces_likely_end_is_known_and_changes() -> None:
    ends = {"one": END}
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.fail_for_test(403, times=1, verb="list pods")  # the fake server's own pods have a namespace
        api.put_for_test("pods", a_pod("one", "a"))
        async with watching(api, likely_ends=lambda: ends) as picture:
            await until(picture, lambda view: [pod.ends_at for pod in view.nodes[0].placed] == [END])
            api.change_for_test("pods", "one", {"metadata": {"annotations": {"x": "y"}}})
            ends["one"] = END + timedelta(hours=1)
            await until(picture, lambda view: [pod.ends_at for pod in view.nodes[0].placed] == [ends["one"]])


async def test_a_taint_that_comes_is_noticed_though_kinds_are_remembered() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        ours = hardware("ours", tolerations=(Toleration(key="team"),))
        async with watching(api) as picture:
            view = await until(picture, lambda view: bool(view.nodes))
            assert picture.room_for(SMALL, view).free == 1
            put_node(api, "a", taint="team")
            view = await until(picture, lambda view: bool(view.nodes[0].facts.taints))
            assert (picture.room_for(SMALL, view).free, picture.room_for(ours, view).free) == (0, 1)


async def test_a_node_that_goes_leaves_its_place_to_one_that_comes() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        put_node(api, "b")
        async with watching(api) as picture:
            view = await until(picture, lambda view: left(view) == [4000, 4000])
            assert picture.room_for(SMALL, view).free == 0b11
            assert picture.with_image(IMAGE, view) == 0
            api.remove_for_test("nodes", "a", namespace="")
            view = await until(picture, lambda view: left(view) == [0, 4000])
            assert picture.room_for(SMALL, view).free == 0b10
            put_node(api, "c", image=IMAGE)
            view = await until(picture, lambda view: left(view) == [4000, 4000])
            assert (picture.room_for(SMALL, view).free, picture.with_image(IMAGE, view)) == (0b11, 0b01)
            put_node(api, "d")
            await until(picture, lambda view: left(view) == [4000] * 3)
            picture.keep_only((), ())
            view = await until(picture, lambda view: True)
            assert picture.room_for(SMALL, view).free == 0b111


def asks(cpu: str, **more: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu, **more}}}


@pytest.mark.parametrize(
    ("spec", "amount"),
    [
        pytest.param({}, Amount(pods=1), id="nothing asked"),
        pytest.param(
            {"containers": [asks("1", memory="1Gi"), asks("500m")]},
            Amount(cpu_millis=1500, memory_bytes=GIB, pods=1),
            id="containers run together",
        ),
        pytest.param(
            {"initContainers": [asks("2"), asks("3")], "containers": [asks("1")]},
            Amount(cpu_millis=3000, pods=1),
            id="those that come first run one after the other",
        ),
        pytest.param(
            {"initContainers": [{**asks("1"), "restartPolicy": "Always"}, asks("2")], "containers": [asks("1")]},
            Amount(cpu_millis=3000, pods=1),
            id="a sidecar stays",
        ),
        pytest.param(
            {"containers": [asks("1")], "overhead": {"cpu": "250m"}}, Amount(cpu_millis=1250, pods=1), id="overhead"
        ),
        pytest.param(
            {"containers": [{"resources": {"requests": {GPU: "2"}}}]}, Amount(devices=((GPU, 2),), pods=1), id="GPUs"
        ),
    ],
)
def test_a_pod_takes_what_the_scheduler_counts(spec: dict[str, Any], amount: Amount) -> None:
    assert placed_of({"spec": spec}).asks == amount


def test_a_pod_gives_way_by_its_priority_and_ends_by_its_deadline() -> None:
    spec = {"priority": -10, "activeDeadlineSeconds": 60}
    found = placed_of({"spec": spec, "status": {"startTime": "2026-11-27T14:19:00Z"}})
    assert (found.gives_way, found.ends_at) == (True, END)
    assert placed_of({"spec": {"activeDeadlineSeconds": 60}}).ends_at is None


@pytest.mark.parametrize(
    ("state", "images"), [({"running": {}}, (IMAGE,)), ({"waiting": {"reason": "ContainerCreating"}}, ())]
)
def test_an_image_is_there_once_its_container_has_run(state: dict[str, Any], images: tuple[str, ...]) -> None:
    raw = {"spec": {"containers": [{"image": IMAGE}]}, "status": {"containerStatuses": [{"state": state}]}}
    assert placed_of(raw).images == images


@pytest.mark.parametrize("gives_way", [True, False])
async def test_a_warm_pod_counts_as_what_gives_way_for_who_asks_that_until_it_is_somebody_s(*, gives_way: bool) -> None:
    async with FakeKubernetes() as api:
        put_node(api, "node1")
        warm = a_pod("warm", "node1")
        warm["metadata"]["labels"] = {KIND_LABEL: WARM}
        api.put_for_test("pods", warm)
        api.fail_for_test(403, times=1, verb="list pods")
        async with watching(api, warm_gives_way=gives_way) as picture:
            view = await until(picture, lambda view: left(view) == [3000])
            assert [node.could_free.cpu_millis for node in view.nodes] == [4000 if gives_way else 3000]
            api.change_for_test("pods", "warm", {"metadata": {"labels": {KIND_LABEL: WORKSPACE}}})
            await until(picture, lambda view: [node.could_free.cpu_millis for node in view.nodes] == [3000])
