"""The API server is away, hangs, lies or loses answers: no workspace is declared gone, no pod is deleted, starts go on.

The bound is 15 seconds after the fault; what is waited for here gets several times that on a loaded machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from spawner.cluster import WorkspaceSpawner
from spawner.ending import EndingKind
from studiolo.names import pod_name
from tests.cluster.in_between import InBetween, in_between
from tests.cluster.kube import Kube
from tests.cluster.kube_faults import (
    AnswersTooLate,
    Away,
    EmptyLists,
    Fault,
    Forgetful,
    Hangs,
    LosesTheAnswer,
    Throttles,
    WatchesCutSilently,
)
from tests.cluster.surrounded_hub import surrounded_hub
from tests.cluster.workspaces import SMALL, ClusterHub, catalog, cluster_hub

PATIENCE_SECONDS = 150.0
SHORT_SECONDS = 8.0
"""An API server that is restarted. A start asks again for a minute."""


@pytest.fixture(autouse=True)
def _kubespawner_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would open a connection of its own, as a hub in a pod does; nothing of ours uses it."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: None)


@pytest.fixture
async def between(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[InBetween]:
    async with in_between(kubeconfig, tmp_path) as found:
        yield found


@pytest.fixture
async def hub(between: InBetween, restricted: str, images: Mapping[str, str]) -> AsyncIterator[ClusterHub]:
    async with cluster_hub(between.kubeconfig, restricted, catalog(images)) as found:
        yield found
        await between.end()


def manifest_of(hub: ClusterHub, server: str = "") -> dict[str, Any]:
    name = pod_name("alice", server)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": hub.installation.namespace}}


async def uid_of(hub: ClusterHub, kube: Kube, server: str = "") -> str:
    pod = await kube.get(manifest_of(hub, server))
    assert "deletionTimestamp" not in pod["metadata"]
    uid: str = pod["metadata"]["uid"]
    return uid


async def started(hub: ClusterHub, server: str = "") -> WorkspaceSpawner:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await hub.start(SMALL, server)


async def stays(spawner: WorkspaceSpawner, seconds: float) -> None:
    """It is taken to run, however often that is asked."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        assert await spawner.poll() is None
        await asyncio.sleep(0.2)


async def fault_and_start(hub: ClusterHub, between: InBetween, kube: Kube, fault: Fault, seconds: float) -> None:
    """One workspace runs and another is started while the fault lasts; afterwards both run."""
    spawner = await started(hub)
    before = await uid_of(hub, kube)
    await between.begin(fault)
    other = asyncio.ensure_future(started(hub, "other"))
    await stays(spawner, seconds)
    await between.end()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await other
    assert await spawner.poll() is None
    assert await other.result().poll() is None
    assert await uid_of(hub, kube) == before
    await uid_of(hub, kube, "other")
    assert between.asked["delete pods"] == 0


@pytest.mark.parametrize("fault", [Away, Hangs, Throttles], ids=["away", "hangs", "throttles"])
async def test_workspaces_run_on_and_starts_go_on_after_an_api_server_that_does_not_answer(
    fault: type[Fault], hub: ClusterHub, between: InBetween, kube: Kube
) -> None:
    await fault_and_start(hub, between, kube, fault(), SHORT_SECONDS)


@pytest.mark.parametrize("fault", [Forgetful, EmptyLists], ids=["410", "an empty list with 200"])
async def test_workspaces_run_on_and_starts_go_on_whatever_an_api_server_has_forgotten(
    fault: type[Fault], hub: ClusterHub, between: InBetween, kube: Kube
) -> None:
    await fault_and_start(hub, between, kube, fault(), SHORT_SECONDS)
    assert between.asked["list pods"] >= 2


async def test_a_start_goes_on_after_its_watch_was_cut_silently(
    hub: ClusterHub, between: InBetween, kube: Kube
) -> None:
    """Noticed within half a minute, because an API server that lives says something sooner."""
    begun = asyncio.ensure_future(started(hub))
    await kube.until(manifest_of(hub), lambda _: True)
    await between.begin(WatchesCutSilently())
    async with asyncio.timeout(PATIENCE_SECONDS):
        spawner = await begun
    assert await spawner.poll() is None
    assert between.asked["delete pods"] == 0


@pytest.mark.long
async def test_workspaces_outlive_an_api_server_that_is_away_for_90_seconds(
    tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str], kube: Kube
) -> None:
    """With a hub that answers its servers all the while; a start that is asked for meanwhile ends with the reason."""
    async with surrounded_hub(
        tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images, kube=kube
    ) as surrounded:
        await surrounded.starts()
        (before,) = await kube.list_all("v1", "Pod", namespace=restricted)
        loop = asyncio.get_running_loop()
        back_at = loop.time() + 90
        await surrounded.between["kubernetes"].begin(Away())
        with pytest.raises(AssertionError, match="did not start"):
            await surrounded.starts("other")
        while loop.time() < back_at:
            assert await surrounded.is_ready()
            await asyncio.sleep(1)
        await surrounded.between["kubernetes"].end()
        await surrounded.starts("other")
        assert await surrounded.is_ready()
        after = await kube.list_all("v1", "Pod", namespace=restricted)
        assert len(after) == 2
        assert before["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in after}


@pytest.mark.parametrize("lost", ["create pods", "create secrets"])
@pytest.mark.parametrize("fault", [LosesTheAnswer, AnswersTooLate], ids=["reset", "silence"])
async def test_a_lost_answer_to_a_creation_leaves_exactly_one_pod_the_one_that_was_made(
    fault: type[LosesTheAnswer], lost: str, hub: ClusterHub, between: InBetween, kube: Kube
) -> None:
    loses = fault(what=lost)
    await between.begin(loses)
    async with asyncio.timeout(PATIENCE_SECONDS):
        spawner = await started(hub)
    assert loses.lost == 1
    assert await spawner.poll() is None
    assert between.asked["delete pods"] == 0
    assert len(await kube.list_all("v1", "Pod", namespace=hub.installation.namespace)) == 1


@pytest.mark.parametrize("fault", [Away(), LosesTheAnswer(what="delete pods")], ids=["away", "the answer is lost"])
async def test_a_stop_goes_on_until_the_pod_is_gone(
    fault: Fault, hub: ClusterHub, between: InBetween, kube: Kube
) -> None:
    spawner = await started(hub)
    await between.begin(fault)
    stopping = asyncio.ensure_future(hub.user.stop(""))
    await asyncio.wait([stopping], timeout=3)
    await between.end()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await stopping
    await kube.until_gone(manifest_of(hub))
    ending = spawner.ending()
    assert ending is not None
    assert ending.kind is EndingKind.STOPPED
