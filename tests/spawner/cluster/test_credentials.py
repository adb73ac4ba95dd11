"""A pod gets its person's credentials by reference; what asks for them is the hub, which never has a value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from spawner.cluster import WorkspaceSpawner
from spawner.cluster_parts import ClusterParts
from spawner.credential_choice import AWAY
from spawner.credentials import CredentialKind, CredentialValues, KnownCredentials, MountedCredential
from studiolo.catalog import Catalog, Environment
from tests.fakes.hub_objects import HubObjects
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, Cluster
from tests.spawner.local.conftest import RememberedStarts

HUB = MountedCredential(
    name="hub", kind=CredentialKind.ENV, secret="credential-alice--hub", env=("HF_TOKEN",), always=True
)
FORGE = MountedCredential(name="forge", kind=CredentialKind.GIT, secret="credential-alice--forge", files=("git/forge",))
SMALL = {"environment": "python", "hardware": "small"}
IMAGE = "registry.example.org/python@sha256:" + 64 * "0"

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


@dataclass
class Services:
    """What knows of credentials. Asked for a value, it fails the test: on Kubernetes nobody may."""

    is_away: bool = False
    told: list[tuple[str, ...]] = field(default_factory=list)

    async def known(self, user: str) -> KnownCredentials | None:
        return None if self.is_away or user != "alice" else KnownCredentials(credentials=(HUB, FORGE))

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        raise AssertionError("a value was asked for")

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        self.told.append(names)


class ClusterHub(HubObjects[WorkspaceSpawner]):
    """JupyterHub's objects around the spawner for pods."""

    def __init__(self, cluster: Cluster, catalog: Catalog) -> None:
        super().__init__(WorkspaceSpawner)
        self.cluster = cluster
        self.services = Services()
        WorkspaceSpawner.parts = ClusterParts(
            catalogs=SimpleNamespace(current=catalog),  # type: ignore[arg-type]  # a catalog that does not change
            starts=RememberedStarts(),
            kube=cluster.kube,
            pods=cluster.pods,
            installation=INSTALLATION,
            credentials=self.services,
        )
        self.restart()

    async def begin(self, options: dict[str, Any]) -> tuple[dict[str, Any], asyncio.Task[Any]]:
        """The pod that a start makes, and the start, which waits for its kubelet."""
        begun = asyncio.create_task(_awaited(self.start(options)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self.cluster.names() and self.cluster.names("secrets")) and not begun.done():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
        return self.cluster.api.objects_for_test("pods")[NAME], begun


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


@pytest.fixture
async def hub(cluster: Cluster, sample_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterHub]:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: SimpleNamespace())
    python = Environment(name="python", title="Python", image=IMAGE)
    hub = ClusterHub(cluster, Catalog(environments=(python,), hardware=sample_catalog.hardware))
    kubelet = asyncio.create_task(cluster.kubelet())
    yield hub
    spawner = hub.spawner()
    spawner.stop_polling()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await spawner.stop(now=True)
    kubelet.cancel()
    await asyncio.gather(kubelet, return_exceptions=True)
    await hub.close()


async def test_a_pod_refers_to_its_person_s_secrets_and_those_who_keep_them_learn_of_it(hub: ClusterHub) -> None:
    pod, begun = await hub.begin({**SMALL, "credentials": ["hub", "forge"]})
    env = {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
    assert env["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == HUB.secret
    assert "value" not in env["HF_TOKEN"]
    assert FORGE.secret in json.dumps(pod["spec"]["volumes"])
    hub.cluster.is_running()
    async with asyncio.timeout(PATIENCE_SECONDS):
        spawner = await begun
    assert hub.services.told == [("hub", "forge")]
    assert spawner.orm_spawner.user_options["credentials"] == ["hub", "forge"]


async def test_what_is_marked_always_comes_along_and_nothing_else(hub: ClusterHub) -> None:
    pod, begun = await hub.begin(SMALL)
    assert HUB.secret in json.dumps(pod)
    assert FORGE.secret not in json.dumps(pod)
    hub.cluster.is_running()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun


async def test_a_pod_starts_without_services_and_its_person_is_told(hub: ClusterHub) -> None:
    hub.services.is_away = True
    pod, begun = await hub.begin(SMALL)
    variables = {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
    assert AWAY in variables.pop("STUDIOLO_NOTICES")["value"]
    assert "credential" not in json.dumps([*variables.values(), pod["spec"]["volumes"]])
    hub.cluster.is_running()
    async with asyncio.timeout(PATIENCE_SECONDS):
        spawner = await begun
    assert spawner.progress_now().notices == (AWAY,)
