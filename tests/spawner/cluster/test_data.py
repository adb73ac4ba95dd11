"""A pod mounts the data that was chosen, and a slip in the catalog opens nobody's home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from spawner.cluster import WorkspaceSpawner
from spawner.errors import DataNotUsable
from spawner.installation import HomesVolume
from studiolo.catalog import Catalog, DataFolder, Environment
from studiolo.choice import Choice
from tests.spawner.cluster.conftest import PATIENCE_SECONDS, Cluster
from tests.spawner.cluster.test_credentials import IMAGE, SMALL, ClusterHub

DATA = (
    DataFolder(name="iris", title="Iris", mount="/data/iris", claim="datasets", folder="iris"),
    DataFolder(name="people", title="People", mount="/data/people", claim="homes", folder="users/bob"),
)

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


@pytest.fixture
async def hub(cluster: Cluster, sample_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterHub]:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: SimpleNamespace())
    python = Environment(name="python", title="Python", image=IMAGE)
    hub = ClusterHub(cluster, Catalog(environments=(python,), hardware=sample_catalog.hardware, data=DATA))
    installation = replace(WorkspaceSpawner.parts.installation, homes=HomesVolume(claim="homes", folder="users"))
    WorkspaceSpawner.parts = replace(WorkspaceSpawner.parts, installation=installation)
    kubelet = asyncio.create_task(cluster.kubelet())
    yield hub
    spawner = hub.spawner()
    spawner.stop_polling()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await spawner.stop(now=True)
    kubelet.cancel()
    await asyncio.gather(kubelet, return_exceptions=True)
    await hub.close()


async def test_a_pod_mounts_the_data_that_was_chosen_and_it_is_remembered(hub: ClusterHub) -> None:
    pod, begun = await hub.begin({**SMALL, "data": ["iris"]})
    mounts = {mount["mountPath"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["/data/iris"]["subPath"] == "iris"
    assert mounts["/data/iris"]["readOnly"] is True
    hub.cluster.is_running()
    async with asyncio.timeout(PATIENCE_SECONDS):
        spawner = await begun
    assert spawner.user_options["data"] == ["iris"]


async def test_data_that_lies_among_the_homes_is_mounted_for_nobody(hub: ClusterHub) -> None:
    _, spawner = await hub.fails({**SMALL, "data": ["iris", "people"]})
    assert hub.cluster.names() == []
    assert isinstance(spawner.failure, DataNotUsable)
    assert spawner.failure.text.startswith('Your workspace cannot have the data "People".')
    assert [offer.choice for offer in spawner.failure.offers] == [
        Choice(environment="python", hardware="small", data=("iris",))
    ]
