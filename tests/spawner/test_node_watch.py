"""The picture of the nodes: complete, up to date, and absent where an installation may not see them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from spawner import node_watch
from spawner.kube_feed import Pauses, Persistence
from spawner.node_watch import NodeWatch
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes

QUICK = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))


def put_node(api: FakeKubernetes, name: str, *, is_ready: bool = True) -> None:
    conditions = [{"type": "Ready", "status": "True" if is_ready else "False"}]
    api.put_for_test("nodes", {"metadata": {"name": name}, "status": {"conditions": conditions}}, namespace="")


@asynccontextmanager
async def watching(api: FakeKubernetes) -> AsyncIterator[NodeWatch]:
    async with api.kube() as kube:
        watch = NodeWatch(kube, persistence=QUICK)
        task = asyncio.create_task(watch.run())
        yield watch
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(watch: NodeWatch, *expected: tuple[str, bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [(node.name, node.is_ready) for node in watch.nodes() or ()] != list(expected):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_nodes_come_change_and_go() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        async with watching(api) as watch:
            await until(watch, ("a", True))
            put_node(api, "b")
            await until(watch, ("a", True), ("b", True))
            put_node(api, "a", is_ready=False)
            await until(watch, ("a", False), ("b", True))
            api.remove_for_test("nodes", "a", namespace="")
            await until(watch, ("b", True))


async def test_a_watch_that_has_grown_too_old_begins_with_a_list() -> None:
    async with FakeKubernetes() as api:
        put_node(api, "a")
        async with watching(api) as watch:
            await until(watch, ("a", True))
            api.forget_versions_for_test()
            put_node(api, "b")
            await until(watch, ("a", True), ("b", True))


async def test_nothing_is_known_without_the_right_and_everything_once_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_watch, "ASK_AGAIN_SECONDS", 0.01)
    async with FakeKubernetes() as api:
        put_node(api, "a")
        api.fail_for_test(403, times=3, verb="list nodes")
        async with watching(api) as watch:
            assert watch.nodes() is None
            await until(watch, ("a", True))
            assert api.requests_for_test["list nodes"] == 4
