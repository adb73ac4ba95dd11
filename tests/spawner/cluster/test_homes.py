"""The home comes before the pod; without a home there is no pod, and a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from spawner.errors import HomeNotUsable, HomesAway
from spawner.homes import HomeService
from spawner.refusals import to_spawn_exception
from tests.spawner.cluster.conftest import PATIENCE_SECONDS, Cluster, run


@dataclass
class Asked:
    """A home service that notes what pods there are when it is asked."""

    cluster: Cluster
    status: int = 200
    message: str = ""
    homes: list[tuple[str, list[str]]] = field(default_factory=list)

    async def ensure(self, request: web.Request) -> web.Response:
        self.homes.append((request.match_info["home"], self.cluster.names()))
        return web.json_response({"message": self.message}, status=self.status)


@asynccontextmanager
async def service_of(asked: Asked) -> AsyncIterator[HomeService]:
    app = web.Application()
    app.router.add_post("/homes/{home}", asked.ensure)
    async with (
        TestServer(app) as server,
        HomeService(f"http://127.0.0.1:{server.port}", "token", seconds=PATIENCE_SECONDS) as homes,
    ):
        yield homes


async def test_the_home_is_made_before_the_pod(cluster: Cluster) -> None:
    asked = Asked(cluster)
    async with service_of(asked) as homes:
        begun = await run(cluster, homes=homes)
        cluster.is_running()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun
    assert asked.homes == [("alice", [])]


async def fails(cluster: Cluster, homes: Any) -> Exception:
    with pytest.raises((HomesAway, HomeNotUsable)) as failed:
        await cluster.start(homes=homes).run()
    assert cluster.names() == []
    assert cluster.names("secrets") == []
    return failed.value


async def test_a_home_that_does_not_answer_ends_the_start_with_a_sentence_and_an_offer(cluster: Cluster) -> None:
    async with HomeService("http://127.0.0.1:9", "token", seconds=0.1) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomesAway)
    assert "Your home directory does not answer" in error.text
    assert "did not answer within 0.1 s" in error.text
    assert [offer.label for offer in error.offers] == ["Try again"]
    assert to_spawn_exception(error).status_code == 503


async def test_a_home_that_cannot_be_made_ends_the_start_with_the_reason(cluster: Cluster) -> None:
    async with service_of(Asked(cluster, status=500, message="No space left on device.")) as homes:
        error = await fails(cluster, homes)
    assert isinstance(error, HomeNotUsable)
    assert "No space left on device." in error.text
    assert [offer.label for offer in error.offers] == ["Try again"]
