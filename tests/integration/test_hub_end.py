"""A real hub is told to end (SIGTERM), as by an upgrade or for a node that is emptied, while a start is under way.

Its cluster is a fake API server, and the pod's server one of this test: nothing here waits for a kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml
from aiohttp import web

from deploy.local.plans import HUB
from deploy.local.throwaway import PATIENCE_SECONDS, POLL_SECONDS, ThrowawayHub
from hub.passwords import ADMIN
from spawner.manifest import PORT
from studiolo.names import pod_name
from tests.fakes.fake_kubernetes import NAMESPACE, FakeKubernetes

pytestmark = pytest.mark.integration

IMAGE = f"example.org/lab@sha256:{'0' * 64}"


@pytest.fixture
async def api() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as api:
        yield api


@pytest.fixture
async def hub(api: FakeKubernetes, tmp_path: Path) -> AsyncIterator[ThrowawayHub]:
    """Proxy and hub, whose workspaces would be pods."""
    environments = {"minimal": {"title": "Minimal", "image": IMAGE, "default": True}}
    hardware = {"small": {"title": "Small", "cpu": 1, "memory": "1Gi", "default": True}}
    (tmp_path / "environments.yaml").write_text(yaml.safe_dump({"environments": environments}))
    (tmp_path / "hardware.yaml").write_text(yaml.safe_dump({"hardware": hardware}))
    (tmp_path / "kubeconfig").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "fake", "cluster": {"server": api.url}}],
                "users": [{"name": "hub", "user": {}}],
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "hub"}}],
                "current-context": "fake",
            }
        )
    )
    settings = {
        "catalogDirectory": tmp_path,
        "kubernetes.kubeconfig": tmp_path / "kubeconfig",
        "kubernetes.namespace": NAMESPACE,
        "kubernetes.release": "test",
    }
    hub = ThrowawayHub(tmp_path / "data", settings, services=False)
    try:
        await asyncio.to_thread(hub.__enter__)
        yield hub
    finally:
        await asyncio.to_thread(hub.close)


@dataclass
class PodServers:
    """The servers of all pods, behind one address that no other test of this machine has."""

    address: str = field(default_factory=lambda: ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in "abc")]))
    asked: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """The first one at once, which the spawner asks for; JupyterHub's own look comes next, and has to wait."""
        is_first = request.path not in self.asked
        self.asked.append(request.path)
        if not is_first:
            await self.may_answer.wait()
        return web.json_response({"version": "2"})


@pytest.fixture
async def servers() -> AsyncIterator[PodServers]:
    servers = PodServers()
    app = web.Application()
    app.router.add_get("/user/{rest:.*}", servers.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, servers.address, PORT).start()
    yield servers
    await runner.cleanup()


@dataclass
class Person:
    """Who starts workspaces. What waits for the hub waits in a thread, beside the cluster of this loop."""

    hub: ThrowawayHub
    token: str

    async def start(self, name: str) -> None:
        """Ask for it; the hub may be gone before it answers."""
        with contextlib.suppress(httpx.HTTPError):
            await asyncio.to_thread(self._ask, "POST", name)

    async def stop(self, name: str) -> int:
        """The answer to asking for its end."""
        return (await asyncio.to_thread(self._ask, "DELETE", name)).status_code

    async def sees(self, what: str, *names: str) -> bool:
        """Whether these workspaces are `ready` or `pending`."""
        found = [await asyncio.to_thread(self._ask, "GET", name) for name in names]
        return all(each.raise_for_status().json()[what] for each in found)

    def _ask(self, method: str, name: str) -> httpx.Response:
        with self.hub.api(self.token) as client:
            return client.request(method, f"users/{ADMIN}/servers/{name}")


async def _until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await happened():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"Not within {PATIENCE_SECONDS:.0f} s: {what}") from None


def _uids(api: FakeKubernetes) -> dict[str, str]:
    """What pods and Secrets there are."""
    found = {**api.objects_for_test("pods"), **{f"Secret {n}": s for n, s in api.objects_for_test("secrets").items()}}
    return {name: one["metadata"]["uid"] for name, one in found.items()}


async def test_starts_that_are_under_way_when_the_hub_is_told_to_end_become_ready_in_the_next_one(
    hub: ThrowawayHub, api: FakeKubernetes, servers: PodServers
) -> None:
    person = Person(hub, await asyncio.to_thread(hub.token, ADMIN, hub.admin_password))

    def kubelet_runs(name: str) -> None:
        running = {"name": "notebook", "ready": True, "state": {"running": {"startedAt": "2026-11-26T14:00:00Z"}}}
        status = {
            "phase": "Running",
            "podIP": servers.address,
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [running],
        }
        api.change_for_test("pods", pod_name(ADMIN, name), {"spec": {"nodeName": "node1"}, "status": status})

    async def are_made() -> bool:
        return len(api.objects_for_test("secrets")) == len(names)

    async def jupyterhub_looks() -> bool:
        return len(servers.asked) > 1

    names = ("early", "late", "unwanted")
    starting = [asyncio.create_task(person.start(name)) for name in names]
    await _until(are_made, "all pods have their Secrets")
    kubelet_runs("late")
    await _until(jupyterhub_looks, "JupyterHub looks at the server that answered us")
    before = _uids(api)

    process = hub._processes[HUB]
    await asyncio.to_thread(hub.stop, HUB)
    assert process.returncode == 0
    await asyncio.gather(*starting)
    assert _uids(api) == before
    assert "did not start" not in hub.log(HUB)

    servers.may_answer.set()
    await asyncio.to_thread(hub.start, HUB)
    assert await person.sees("pending", "early", "unwanted")
    kubelet_runs("early")
    await _until(lambda: person.sees("ready", "early", "late"), "both starts have come to their ends")
    assert _uids(api) == before

    # And one that nobody wants any more is stopped, as any other.
    assert await person.stop("unwanted") in {httpx.codes.NO_CONTENT, httpx.codes.ACCEPTED}
    await _until(lambda: person.sees("stopped", "unwanted"), "it has stopped")
    assert pod_name(ADMIN, "unwanted") not in api.objects_for_test("pods")
