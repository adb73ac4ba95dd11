"""The enforcer between an API server and a firewall, both made up: events, and what happens when they do not come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio import client

from deploy.cluster.network_policy.enforcer import Enforcer
from deploy.cluster.network_policy.firewall import RulesRefusedError
from deploy.cluster.network_policy.rules import PodNetwork
from tests.deploy.cluster.network_policy_cases import pod_manifest

NETWORK = PodNetwork(ranges=(IPv4Network("10.244.0.0/16"),), bridges=())
PODS, NAMESPACES = "/api/v1/pods", "/api/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
DEADLINE_SECONDS = 20.0


class FakeApiServer:
    """Three lists, and whoever watches them."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {PODS: {}, NAMESPACES: {}, POLICIES: {}}
        self.is_away: set[str] = set()
        self.has_turned_away = asyncio.Event()
        self._version = 0
        self._history: dict[str, list[tuple[int, str]]] = {path: [] for path in self.objects}
        self._watching: dict[str, list[asyncio.Queue[str | None]]] = {path: [] for path in self.objects}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        for path in self.objects:
            app.router.add_get(path, self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            for path in self.objects:
                self.end_watches(path)
            await runner.cleanup()

    def put(self, path: str, one: dict[str, Any], *, kind: str = "MODIFIED", quietly: bool = False) -> str:
        """Create or change an object, or delete it. Quietly: no watch tells of it."""
        self._version += 1
        one["metadata"] |= {"uid": one["metadata"]["name"], "resourceVersion": str(self._version)}
        if kind == "DELETED":
            del self.objects[path][one["metadata"]["name"]]
        else:
            self.objects[path][one["metadata"]["name"]] = one
        if not quietly:
            self._tell(path, {"type": kind, "object": one})
        return str(self._version)

    def forget_history(self, path: str) -> None:
        """What etcd's compaction does to a watch that is behind."""
        self._version += 1
        gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        self._tell(path, {"type": "ERROR", "object": gone})

    def end_watches(self, path: str) -> None:
        for queue in self._watching[path]:
            queue.put_nowait(None)

    def _tell(self, path: str, event: dict[str, Any]) -> None:
        line = json.dumps(event) + "\n"
        self._history[path].append((self._version, line))
        for queue in self._watching[path]:
            queue.put_nowait(line)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in self.is_away:
            self.has_turned_away.set()
            return web.json_response({"message": "starting"}, status=503)
        if not request.query.get("watch"):
            items = list(self.objects[path].values())
            return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        for version, line in self._history[path]:
            if version > int(request.query["resourceVersion"]):
                queue.put_nowait(line)
        self._watching[path].append(queue)
        while (event := await queue.get()) is not None:
            await response.write(event.encode())
        self._watching[path].remove(queue)
        return response


class FakeFirewall:
    """Remembers what is in force; refuses when it is told to."""

    def __init__(self) -> None:
        self.in_force = ""
        self.refusals_left = 0
        self._changed = asyncio.Condition()

    async def replace(self, ruleset: str) -> None:
        async with self._changed:
            if self.refusals_left:
                self.refusals_left -= 1
                raise RulesRefusedError("no")
            self.in_force = ruleset
            self._changed.notify_all()

    async def until(self, holds: Callable[[str], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: holds(self.in_force))


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def firewall() -> FakeFirewall:
    return FakeFirewall()


@pytest.fixture
async def enforcing(server: FakeApiServer, firewall: FakeFirewall) -> AsyncIterator[None]:
    """An enforcer that runs for the time of a test."""
    async with server.serving() as url, client.ApiClient(client.Configuration(host=url)) as api:
        running = asyncio.ensure_future(Enforcer(api, NETWORK, apply=firewall.replace).run())
        yield
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def pod(address: str) -> dict[str, Any]:
    return {**pod_manifest("red/web"), "status": {"phase": "Running", "podIP": address}}


def policy(name: str = "closed") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "red"}, "spec": {"podSelector": {}}}


async def test_nothing_is_in_force_before_all_three_kinds_are_known(
    server: FakeApiServer, firewall: FakeFirewall, enforcing: None
) -> None:
    """Rules made of pods without policies would open what is closed."""
    server.is_away = {POLICIES}
    server.put(PODS, pod("10.244.0.7"))
    server.put(POLICIES, policy())
    await asyncio.wait_for(server.has_turned_away.wait(), DEADLINE_SECONDS)
    assert not firewall.in_force
    server.is_away = set()
    await firewall.until(bool)
    assert "10.244.0.7 : jump ingress_" in firewall.in_force


async def test_each_event_is_in_force_in_turn(server: FakeApiServer, firewall: FakeFirewall, enforcing: None) -> None:
    await firewall.until(lambda rules: "10.244.0.7" not in rules and bool(rules))
    server.put(PODS, pod("10.244.0.7"))
    await firewall.until(lambda rules: "10.244.0.7" in rules and "jump ingress_" not in rules)
    version = server.put(POLICIES, policy())
    await firewall.until(lambda rules: "10.244.0.7 : jump ingress_" in rules and f'version {version}"' in rules)
    server.put(PODS, pod("10.244.0.8"))
    await firewall.until(lambda rules: "10.244.0.8 : jump ingress_" in rules and "10.244.0.7" not in rules)
    server.put(POLICIES, policy(), kind="DELETED")
    await firewall.until(lambda rules: "jump ingress_" not in rules)


async def test_a_watch_that_has_missed_events_is_made_good_by_a_new_list(
    server: FakeApiServer, firewall: FakeFirewall, enforcing: None
) -> None:
    server.put(PODS, pod("10.244.0.7"))
    await firewall.until(lambda rules: "10.244.0.7" in rules)
    server.put(POLICIES, policy(), quietly=True)
    server.forget_history(POLICIES)
    await firewall.until(lambda rules: "10.244.0.7 : jump ingress_" in rules)


async def test_while_the_api_server_is_away_the_rules_stay(
    server: FakeApiServer, firewall: FakeFirewall, enforcing: None
) -> None:
    server.put(PODS, pod("10.244.0.7"))
    server.put(POLICIES, policy())
    await firewall.until(lambda rules: "10.244.0.7 : jump ingress_" in rules)
    before = firewall.in_force
    server.is_away = set(server.objects)
    for path in server.objects:
        server.end_watches(path)
    server.put(POLICIES, policy("another"))
    server.put(PODS, pod("10.244.0.9"))
    await asyncio.wait_for(server.has_turned_away.wait(), DEADLINE_SECONDS)
    assert firewall.in_force == before
    server.is_away = set()
    await firewall.until(lambda rules: "10.244.0.9 : jump ingress_" in rules)


async def test_rules_that_were_refused_are_tried_again(
    server: FakeApiServer, firewall: FakeFirewall, enforcing: None
) -> None:
    firewall.refusals_left = 2
    server.put(PODS, pod("10.244.0.7"))
    await firewall.until(lambda rules: "10.244.0.7" in rules)
    assert firewall.refusals_left == 0
