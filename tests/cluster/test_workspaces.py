"""A workspace on a real cluster: it starts, answers, ends, and says why it could not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.cluster.errors import ProgramFailedError
from spawner.cluster import WorkspaceSpawner
from spawner.ending import EndingKind
from spawner.progress import Phase, PhaseState
from studiolo.names import pod_name
from tests.cluster.cluster_commands import kubectl
from tests.cluster.kube import Kube
from tests.cluster.workspaces import SMALL, ClusterHub, catalog, cluster_hub


@pytest.fixture(autouse=True)
def _kubespawner_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would open a connection of its own, as a hub in a pod does; nothing of ours uses it."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: None)


@pytest.fixture
async def hub(kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> AsyncIterator[ClusterHub]:
    async with cluster_hub(kubeconfig, restricted, catalog(images)) as found:
        yield found


def manifest_of(hub: ClusterHub, server: str = "", kind: str = "Pod") -> dict[str, Any]:
    name = pod_name("alice", server)
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": hub.installation.namespace}}


async def test_a_workspace_starts_answers_and_goes_without_a_trace(hub: ClusterHub, kube: Kube) -> None:
    spawner = await hub.start({**SMALL, "env": {"MODEL": "$(HOME) $$ $HOME"}})
    assert all(spawner.progress_now().of(phase).state is PhaseState.DONE for phase in Phase)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(f"{spawner.server.url}api")
    assert answer.is_success
    pod = await kube.get(manifest_of(hub))
    secret = await kube.get(manifest_of(hub, kind="Secret"))
    assert spawner.api_token not in str(pod)
    assert secret["metadata"]["ownerReferences"][0]["uid"] == pod["metadata"]["uid"]
    assert await spawner.poll() is None
    await hub.user.stop("")
    await kube.until_gone(manifest_of(hub, kind="Secret"))
    assert spawner.ending().kind is EndingKind.STOPPED


async def test_a_server_that_answers_gets_the_cores_of_its_hardware(hub: ClusterHub, kube: Kube) -> None:
    """It started with two."""
    await hub.start(SMALL)

    def cores(pod: Mapping[str, Any]) -> str:
        (status,) = pod["status"]["containerStatuses"]
        found: str = status.get("resources", {}).get("limits", {}).get("cpu", "")
        return found

    resized = await kube.until(manifest_of(hub), lambda pod: cores(pod) == "201m")
    assert resized["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_the_same_workspace_starts_again(hub: ClusterHub) -> None:
    for _ in range(2):
        await hub.start(SMALL)
        await hub.user.stop("")


async def test_what_an_earlier_start_left_behind_is_replaced(hub: ClusterHub, kube: Kube) -> None:
    await hub.start(SMALL)
    before = (await kube.get(manifest_of(hub)))["metadata"]["uid"]
    hub.spawner().stop_polling()
    hub.orm_user.orm_spawners[""].server = None
    hub.db.commit()
    await hub.begin()
    await hub.start(SMALL)
    assert (await kube.get(manifest_of(hub)))["metadata"]["uid"] != before


async def test_a_running_workspace_survives_the_hub(hub: ClusterHub, kube: Kube) -> None:
    url = (await hub.start(SMALL)).server.url
    before = await kube.get(manifest_of(hub))
    await hub.begin()
    spawner = hub.spawner()
    spawner.load_state(spawner.orm_spawner.state)
    assert await spawner.poll() is None
    assert await spawner.get_url() == url
    assert (await kube.get(manifest_of(hub)))["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_start_that_was_stopped_leaves_nothing(hub: ClusterHub, kube: Kube) -> None:
    begun = asyncio.ensure_future(hub.start(SMALL))
    await kube.until(manifest_of(hub), lambda _: True)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    await kube.until_gone(manifest_of(hub))


async def test_hardware_that_fits_nowhere_is_said_at_once_with_what_does(hub: ClusterHub, kube: Kube) -> None:
    async with asyncio.timeout(60):
        while hub.nodes.nodes() is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    refused, spawner = await hub.fails({"environment": "minimal", "hardware": "enormous"})
    assert "Enormous" in refused.jupyterhub_message
    assert spawner.failure.code == "never_fits"
    assert [offer.label for offer in spawner.failure.offers] == ["Start on Small", "Start on Tiny"]
    await kube.until_gone(manifest_of(hub))


async def test_a_quota_says_what_is_used_and_allowed(hub: ClusterHub, kube: Kube) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "memory", "namespace": hub.installation.namespace},
        "spec": {"hard": {"limits.memory": "512Mi"}},
    }
    await kube.create(quota)
    await kube.until(quota, lambda found: "used" in found.get("status", {}))
    _, spawner = await hub.fails(SMALL)
    assert spawner.failure.code == "quota_exceeded"


@pytest.fixture
async def image_is_missing(kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> AsyncIterator[ClusterHub]:
    digest = "sha256:" + "0" * 64
    offered = catalog({"minimal": f"{images['minimal'].partition('@')[0].rpartition(':')[0]}@{digest}"})
    async with cluster_hub(kubeconfig, restricted, offered) as found:
        yield found


async def test_an_image_that_is_not_there_is_said_at_once(image_is_missing: ClusterHub) -> None:
    _, spawner = await image_is_missing.fails(SMALL)
    assert spawner.failure.code == "image_not_found"
    assert spawner.progress_now().failed_phase.phase is Phase.SOFTWARE


@pytest.fixture
async def server_exits(kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> AsyncIterator[ClusterHub]:
    """An image whose program has nothing to serve: it says so and ends."""
    async with cluster_hub(kubeconfig, restricted, catalog({"minimal": images["proxy"]})) as found:
        yield found


async def test_a_server_that_ends_before_it_answers_shows_its_last_words(server_exits: ClusterHub) -> None:
    _, spawner = await server_exits.fails(SMALL)
    assert spawner.failure.code == "server_exited"
    assert "--help" in "\n".join(spawner.failure.log_tail)


async def _ended(spawner: WorkspaceSpawner) -> int:
    async with asyncio.timeout(60):
        while (code := await spawner.poll()) is None:  # noqa: ASYNC110 - as JupyterHub does
            await asyncio.sleep(0.1)
    return code


@pytest.mark.parametrize("how", ["deleted", "killed"])
async def test_how_a_workspace_ended_is_known_at_the_next_visit(how: str, hub: ClusterHub, kube: Kube) -> None:
    spawner = await hub.start(SMALL)
    spawner.stop_polling()
    if how == "deleted":
        await kube.delete(manifest_of(hub), grace_seconds=0)
    else:
        words = ("-n", hub.installation.namespace, "exec", pod_name("alice", ""), "--", "sh", "-c", "kill -9 -1")
        with suppress(ProgramFailedError):  # it ends the shell that it was typed in, too
            await asyncio.to_thread(kubectl, *words)
    assert await _ended(spawner) != 0
    ending = spawner.ending()
    assert ending.kind in {EndingKind.LOST, EndingKind.TAKEN_AWAY, EndingKind.SIGNALLED}
    assert hub.spawner().get_state()["ending"]
