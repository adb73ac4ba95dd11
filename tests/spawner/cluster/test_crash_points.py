"""The hub dies before or after each thing it writes to Kubernetes: the next start puts it right, and nothing is left.

A hub that is killed cleans nothing up, so from that moment on its every question fails.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from spawner.cluster_pods import remove_pod
from spawner.kube import Kube, KubeAway
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, Cluster, run


class HubDied(BaseException):
    """Nothing in the hub catches its own end."""


@dataclass
class DyingHub:
    """A door to Kubernetes of a hub that dies at its nth write, before the server has it or just after."""

    kube: Kube
    write: int
    is_after: bool
    written: int = 0
    is_dead: bool = False

    async def create(self, path: str, body: Any) -> Any:
        return await self._write(self.kube.create(path, body))

    async def delete(self, path: str, **options: Any) -> None:
        await self._write(self.kube.delete(path, **options))

    async def text(self, path: str, query: Any = None) -> str:
        return await self.kube.text(path, query)

    async def _write(self, doing: Any) -> Any:
        self.written += 1
        if self.is_dead or (self.written == self.write and not self.is_after):
            doing.close()
            self._die()
        answer = await doing
        if self.written == self.write:
            self._die()
        return answer

    def _die(self) -> None:
        if self.is_dead:
            raise KubeAway("The hub is no more.")
        self.is_dead = True
        raise HubDied


WRITES_OF_A_START = {"pod": 1, "Secret": 2}


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", WRITES_OF_A_START.values(), ids=WRITES_OF_A_START)
async def test_a_hub_that_dies_in_a_start_leaves_one_pod_after_the_next(
    cluster: Cluster, write: int, is_after: bool
) -> None:
    dying = DyingHub(kube=cluster.kube, write=write, is_after=is_after)
    with pytest.raises(HubDied):
        await cluster.start(kube=dying).run()  # type: ignore[arg-type]  # what a start writes with
    left = cluster.names()
    assert left == ([] if (write, is_after) == (1, False) else [NAME])

    old = uid_of(cluster)
    begun = asyncio.create_task(cluster.start().run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_whole(cluster) or uid_of(cluster) == old:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    cluster.is_running()
    assert await begun
    assert is_whole(cluster)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_hub_that_dies_in_a_stop_leaves_none_after_the_next(cluster: Cluster, is_after: bool) -> None:
    begun = await run(cluster)
    cluster.is_running()
    await begun
    dying = DyingHub(kube=cluster.kube, write=1, is_after=is_after)
    with pytest.raises(HubDied):
        await remove_pod(dying, cluster.pods, INSTALLATION, NAME)  # type: ignore[arg-type]  # what a stop writes with
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        kubelet = group.create_task(cluster.kubelet())
        await remove_pod(cluster.kube, cluster.pods, INSTALLATION, NAME)
        kubelet.cancel()
    assert cluster.names() == []


def uid_of(cluster: Cluster) -> str:
    pod = cluster.api.objects_for_test("pods").get(NAME)
    return str(pod["metadata"]["uid"]) if pod else ""


def is_whole(cluster: Cluster) -> bool:
    """One pod, and one Secret that belongs to it."""
    pods, secrets = cluster.api.objects_for_test("pods"), cluster.api.objects_for_test("secrets")
    if set(pods) != {NAME} or set(secrets) != {NAME}:
        return False
    return bool(secrets[NAME]["metadata"]["ownerReferences"][0]["uid"] == pods[NAME]["metadata"]["uid"])
