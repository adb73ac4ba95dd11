"""The proxy keeps its routes in memory: when it comes back without them, the hub puts them back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from hub.proxy_watch import ProxyWatch, ServiceRoute


class FakeProxy:
    """Has its routes, or was restarted, or is down."""

    def __init__(self) -> None:
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(200, json={})
        self.restored = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/routes/services/studiolo"
        assert request.headers["Authorization"] == "token the-proxy-token"
        return self.answer()

    async def restore(self) -> None:
        self.restored += 1
        self.answer = lambda: httpx.Response(200, json={})


def is_down() -> httpx.Response:
    raise httpx.ConnectError("connection refused")


@pytest.mark.parametrize(
    ("answer", "restored"),
    [
        pytest.param(lambda: httpx.Response(200, json={}), 0, id="routes are there"),
        pytest.param(lambda: httpx.Response(404), 1, id="routes are gone"),
        pytest.param(is_down, 0, id="the proxy is down: nobody to tell"),
        pytest.param(lambda: httpx.Response(500), 0, id="the proxy is in trouble: no verdict"),
        pytest.param(lambda: httpx.Response(403), 0, id="the proxy refuses our token: no verdict"),
    ],
)
async def test_routes_are_put_back_when_they_are_known_to_be_gone(
    answer: Callable[[], httpx.Response], restored: int
) -> None:
    proxy = FakeProxy()
    proxy.answer = answer
    async with httpx.AsyncClient(transport=httpx.MockTransport(proxy)) as client:
        route = ServiceRoute(client, "http://127.0.0.1:8001", "the-proxy-token")
        watch = ProxyWatch(
            ask=route.is_there, restore=proxy.restore, every=timedelta(seconds=1), log=logging.getLogger("test")
        )
        await watch.look_once()
        assert proxy.restored == restored
        await watch.look_once()
        assert proxy.restored == restored


async def test_with_a_domain_for_each_person_the_route_is_below_its_host() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        route = ServiceRoute(client, "http://127.0.0.1:8001", "the-proxy-token", domain="studiolo.test")
        assert await route.is_there()
    assert asked == ["/api/routes/studiolo.test/services/studiolo"]
