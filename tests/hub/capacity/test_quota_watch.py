"""Quotas are listed once and then followed, and nobody knows of any where they may not be seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.capacity import quota_watch
from hub.capacity.quota_watch import QuotaWatch
from spawner.kube_feed import Pauses, Persistence
from tests.fakes.fake_kubernetes import NAMESPACE, PATIENCE_SECONDS, FakeKubernetes

QUICK = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))


def put_quota(api: FakeKubernetes, name: str, *, used: int, scope: str = "NotTerminating") -> None:
    status = {"hard": {"pods": "4"}, "used": {"pods": str(used)}}
    api.put_for_test("resourcequotas", {"metadata": {"name": name}, "spec": {"scopes": [scope]}, "status": status})


@asynccontextmanager
async def watching(api: FakeKubernetes) -> AsyncIterator[QuotaWatch]:
    async with api.kube() as kube:
        watch = QuotaWatch(kube, namespace=NAMESPACE, priority_class=None, persistence=QUICK)
        task = asyncio.create_task(watch.run())
        yield watch
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(watch: QuotaWatch, **left: int) -> None:
    wanted = [(f'the quota "{name}"', count) for name, count in left.items()]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [(one.title, one.left.pods) for one in watch.quotas()] != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_quotas_come_change_and_go() -> None:
    async with FakeKubernetes() as api:
        put_quota(api, "people", used=1)
        put_quota(api, "jobs", used=4, scope="Terminating")
        async with watching(api) as watch:
            await until(watch, people=3)
            put_quota(api, "another", used=0)
            await until(watch, another=4, people=3)
            put_quota(api, "people", used=4)
            await until(watch, another=4, people=0)
            api.remove_for_test("resourcequotas", "another")
            await until(watch, people=0)


async def test_a_list_after_a_gap_forgets_what_went_in_it() -> None:
    async with FakeKubernetes() as api:
        put_quota(api, "people", used=1)
        async with watching(api) as watch:
            await until(watch, people=3)
            api.remove_for_test("resourcequotas", "people", is_seen=False)
            put_quota(api, "new", used=0)
            api.forget_versions_for_test()
            await until(watch, new=4)


async def test_none_is_known_without_the_right_and_all_once_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_watch, "ASK_AGAIN_SECONDS", 0.01)
    async with FakeKubernetes() as api:
        put_quota(api, "people", used=1)
        api.fail_for_test(403, times=3, verb="list resourcequotas")
        async with watching(api) as watch:
            assert watch.quotas() == ()
            await until(watch, people=3)
