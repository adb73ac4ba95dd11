"""PostgreSQL goes away under a hub whose workspaces are pods: no pod is touched, and nobody is refused for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.cluster.databases import PostgresServer
from tests.cluster.kube import Kube
from tests.cluster.real_hub import SMALL, RealHub

UNAVAILABLE = httpx.codes.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class Scene:
    """A hub on a PostgreSQL of its own, and one workspace."""

    hub: RealHub
    postgres: PostgresServer
    token: str

    @property
    def pod(self) -> dict[str, Any]:
        metadata = {"name": pod_name(ADMIN, ""), "namespace": self.hub.namespace}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}

    def workspace(self) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.get(f"{self.hub.base_url}/user/{ADMIN}/api/status", headers=headers, trust_env=False, timeout=30)

    def servers(self) -> httpx.Response:
        with self.hub.api(self.token) as api:
            return api.get(f"users/{ADMIN}")


@pytest.fixture
def scene(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[Scene]:
    with PostgresServer() as postgres:
        overrides = {"hub.database.url": postgres.new_database()}
        where = {"kubeconfig": kubeconfig, "namespace": restricted, "images": images}
        with RealHub(tmp_path, overrides=overrides, **where) as hub:
            token = hub.token(ADMIN, hub.admin_password)
            hub.start_workspace(token, ADMIN, **SMALL)
            yield Scene(hub=hub, postgres=postgres, token=token)


def stays_away(scene: Scene, seconds: float) -> None:
    """Asks all the time, as people and programs do."""

    def health() -> str:
        answer = httpx.get(f"{scene.hub.settings.hub_url}health", trust_env=False, timeout=10)
        return str(answer.raise_for_status().json()["status"])

    def refuses() -> None:
        answer = scene.servers()
        assert (answer.status_code, answer.headers.get("Retry-After")) == (UNAVAILABLE, "5"), answer.text

    refuses()  # already the first question
    scene.hub.until(lambda: health() == "degraded", what="the hub notices")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        refuses()
        assert health() == "degraded"
        assert scene.workspace().is_success
        time.sleep(0.5)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("go", "come_back"),
    [
        pytest.param(PostgresServer.hold, PostgresServer.release, id="silent"),
        pytest.param(PostgresServer.kill, PostgresServer.start, id="killed"),
    ],
)
async def test_while_postgresql_is_away_pods_run_on_and_the_hub_answers_503_and_recovers(
    scene: Scene,
    kube: Kube,
    go: Callable[[PostgresServer], None],
    come_back: Callable[[PostgresServer], None],
    seconds: float,
) -> None:
    assert (await asyncio.to_thread(scene.workspace)).is_success
    before = (await kube.get(scene.pod))["metadata"]["uid"]
    go(scene.postgres)
    try:
        await asyncio.to_thread(stays_away, scene, seconds)
    finally:
        await asyncio.to_thread(come_back, scene.postgres)
    await asyncio.to_thread(scene.hub.until, lambda: scene.servers().is_success, what="the hub answers again")
    pod = await kube.get(scene.pod)
    assert pod["metadata"]["uid"] == before
    assert "deletionTimestamp" not in pod["metadata"]
    assert scene.servers().json()["servers"][""]["ready"]
    assert "appears to have stopped" not in scene.hub.log(HUB)
    # It starts and stops as before.
    await asyncio.to_thread(scene.hub.stop_workspace, scene.token, ADMIN)
    await kube.until_gone(scene.pod)
