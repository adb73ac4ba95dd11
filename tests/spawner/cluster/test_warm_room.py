"""A start that a quota refuses gets what a warm pod has of it, over real HTTP; and nobody's workspace ends for that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from spawner.errors import StartError
from spawner.identity import CLAIMED, SEAT_LABEL
from spawner.kube import KubeRefused
from spawner.verdicts.create_refusals import QuotaExceeded, QuotaShare
from spawner.warm_room import WarmRoom
from tests.spawner.cluster.claiming import Warmth, until, warmth_of
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, Cluster

SAID = (
    'pods "ws" is forbidden: exceeded quota: team, requested: requests.memory=2Gi, used: requests.memory=2Gi, '
    "limited: requests.memory=3Gi"
)
SHARE = QuotaShare(resource="requests.memory", asked="2Gi", used="2Gi", limit="3Gi")
EXCEEDED = QuotaExceeded(quota="team", shares=(SHARE,))


@pytest.fixture
async def warmth(cluster: Cluster) -> AsyncIterator[Warmth]:
    async with warmth_of(cluster, claim_seconds=PATIENCE_SECONDS) as made:
        yield made


def room(warmth: Warmth, **more: Any) -> WarmRoom:
    return WarmRoom(
        **{
            "claims": warmth.claims,
            "kube": warmth.kube,
            "installation": INSTALLATION,
            "hardware": "small",
            "log": logging.getLogger(__name__),
            **more,
        }
    )


class Quota:
    """Refuses pods for as long as as many are there."""

    def __init__(self, cluster: Cluster, most: int) -> None:
        self.cluster, self.most = cluster, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cluster.kube, name)

    async def create(self, path: str, body: Any) -> Any:
        if path.endswith("/pods") and len(self.cluster.names("pods")) >= self.most:
            raise KubeRefused(SAID, status=403, reason="Forbidden")
        return await self.cluster.kube.create(path, body)


async def test_one_pod_after_the_other_gives_its_share(warmth: Warmth) -> None:
    await warmth.park(2)
    assert await room(warmth).give(EXCEEDED)
    assert len(warmth.names()) == 1
    assert await room(warmth).give(EXCEEDED)
    assert warmth.names() == []
    assert not await room(warmth).give(EXCEEDED)
    assert warmth.claims.aimed == set()


async def test_one_that_is_claimed_in_that_moment_is_somebodys_and_another_goes(warmth: Warmth) -> None:
    await warmth.park(2)
    real = warmth.kube.delete
    claimed: list[str] = []

    class Late:
        async def delete(self, path: str, **conditions: Any) -> None:
            if not claimed:
                claimed.append(path.rpartition("/")[2])
                change = {"metadata": {"labels": {SEAT_LABEL: CLAIMED}}}
                warmth.api.change_for_test("pods", claimed[0], change)
            await real(path, **conditions)

    assert await room(warmth, kube=Late()).give(EXCEEDED)
    assert warmth.names() == claimed


async def test_a_start_that_a_quota_refuses_goes_on_once_a_warm_pod_is_gone(cluster: Cluster, warmth: Warmth) -> None:
    await warmth.park(2)
    kube: Any = Quota(cluster, most=2)
    starting = asyncio.create_task(cluster.start(kube=kube, make_room=room(warmth).give).run())
    await until(lambda: NAME in cluster.names("pods"))
    assert len(cluster.names("pods")) == 2
    cluster.is_running()
    await starting


async def test_where_nothing_gives_way_it_ends_with_the_quotas_words(cluster: Cluster, warmth: Warmth) -> None:
    kube: Any = Quota(cluster, most=0)
    with pytest.raises(StartError, match="quota"):
        await cluster.start(kube=kube, make_room=room(warmth).give).run()
