"""A registry with a base, a cluster whose nodes can build, and a services process with slow builds on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.builder.places import Places, Standing
from hub.builder.slow.actions import DerivedBases
from hub.builder.slow.cluster import BuildCluster
from hub.builder.slow.derived_base import DerivedBase, State
from hub.builder.slow.job import BUILD, FETCH, PUSH, build_place
from hub.builder.slow.loop import SlowBuildLoop
from hub.credentials.credential import Owner
from hub.database import Database
from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from spawner.kube import Kube
from studiolo.packaging.images import Base
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes
from tests.hub.builder.slow.pushed_images import push_derived
from tests.hub.conftest import free_port
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

BUILDS = "lab-builds"
IMAGE = f"registry.example.org/buildah@sha256:{'e' * 64}"
USER_NAMESPACES = {"status": {"runtimeHandlers": [{"name": "", "features": {"userNamespaces": True}}]}}
ENVIRONMENTS = """\
environments:
  python: {{title: Python, requirements: python.lock, image: {image}, default: true}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path) as running:
        yield running


def repository(registry: RealRegistry, name: str) -> RegistryStore:
    return RegistryStore(RegistryPlace(host=registry.host, allow_http=True), name)


@pytest.fixture
async def base(registry: RealRegistry) -> AsyncIterator[Base]:
    store = repository(registry, "images/python")
    yield await put_base(store)
    await store.close()


@pytest.fixture
def catalog(registry: RealRegistry, base: Base, tmp_path: Path) -> Path:
    place = tmp_path / "catalog"
    place.mkdir()
    image = f"{registry.host}/images/python@{base.digest}"
    (place / "environments.yaml").write_text(ENVIRONMENTS.format(image=image))
    (place / "hardware.yaml").write_text(
        "hardware: {small: {title: S, cpu: {request: 1, limit: 1}, memory: 1Gi, default: true}}\n"
    )
    (place / "python.lock").write_text("")
    return place


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as running:
        running.put_for_test("nodes", {"metadata": {"name": "node1"}, **USER_NAMESPACES}, namespace="")
        yield running


@pytest.fixture
def kubeconfig(kubernetes: FakeKubernetes, tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: one, clusters: [{name: one, cluster: {server: '"
        + kubernetes.url
        + "'}}], users: [{name: one, user: {token: x}}], contexts: [{name: one, context: {cluster: one, user: one}}]}\n"
    )
    return path


@pytest.fixture
def settings(data: DataDirectory, registry: RealRegistry, catalog: Path, kubeconfig: Path) -> Settings:
    return effective(
        data.root,
        {
            "hub.port": free_port(),
            "services.url": f"http://127.0.0.1:{free_port()}",
            "proxy.port": 1024,
            "catalogDirectory": catalog,
            "kubernetes": {"namespace": "lab", "release": "studiolo", "kubeconfig": str(kubeconfig)},
            "models.registry.host": registry.host,
            "models.registry.allowHttp": True,
            "models.slowBuild": {
                "enabled": True, "namespace": BUILDS, "image": IMAGE, "registrySecret": "pushes", "perDay": 3,
            },
        },
    )  # fmt: skip


@dataclass
class Clock:
    """Time that a test owns."""

    now: datetime = datetime(2026, 11, 27, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class World:
    """A cluster, a registry and a database that outlive each process of the services."""

    settings: Settings
    database: Database
    kubernetes: FakeKubernetes
    registry: RealRegistry
    base: Base
    clock: Clock
    bases: DerivedBases
    places: Places
    new_process: Callable[[], DerivedBases]

    async def restart(self) -> None:
        """The services process is killed and another one is started."""
        await self.bases.close()
        self.bases = self.new_process()

    async def look(self) -> timedelta:
        """What the loop does once."""
        return await SlowBuildLoop(self.bases, log=logging.getLogger(__name__)).look()

    async def standing(self) -> Standing:
        return await self.places.standing("python", ())

    async def ask(self, person: str = "alice", *, apt: tuple[str, ...] = ("g++",), team: str = "") -> DerivedBase:
        standing = await self.standing()
        recipe = self.bases.recipe(standing, apt=apt, sources="")
        owner = Owner.of_team(team) if team else Owner.person(person)
        return await self.bases.ask(person, owner, recipe, standing)

    def jobs(self) -> dict[str, Any]:
        return self.kubernetes.objects_for_test("jobs", namespace=BUILDS)

    def pod(self, job: str, **status: Any) -> None:
        """What its kubelet tells."""
        labels = {"batch.kubernetes.io/job-name": job}
        pod = {"metadata": {"name": f"{job}-x", "labels": labels}, "status": status}
        self.kubernetes.put_for_test("pods", pod, namespace=BUILDS)

    def fails(self, job: str, log: str) -> None:
        codes = ((FETCH, 0), (BUILD, 100))
        self.pod(
            job, initContainerStatuses=[{"name": name, "state": {"terminated": {"exitCode": n}}} for name, n in codes]
        )
        self.kubernetes.logs_for_test[f"{job}-x/{BUILD}"] = log
        self._conditions(job, "Failed")

    def succeeds(self, job: str, digest: str) -> None:
        ended = {"name": PUSH, "state": {"terminated": {"exitCode": 0, "message": digest}}}
        self.pod(job, containerStatuses=[ended])
        self._conditions(job, "Complete")

    async def pushes(self, key: str, **config: Any) -> str:
        store = repository(self.registry, "models/bases")
        try:
            return await push_derived(store, self.base, base_repository="images/python", tag=key, **config)
        finally:
            await store.close()

    def _conditions(self, job: str, kind: str) -> None:
        done = {"status": {"conditions": [{"type": kind, "status": "True"}]}}
        self.kubernetes.change_for_test("jobs", job, done, namespace=BUILDS)

    async def state(self, key: str) -> State:
        return (await self.bases.named("alice", key)).state


@pytest.fixture
async def world(
    settings: Settings, kubernetes: FakeKubernetes, registry: RealRegistry, base: Base
) -> AsyncIterator[World]:
    database = Database(settings.database_url)
    await asyncio.to_thread(database.upgrade)
    clock, places = Clock(), Places(settings)

    def new_process() -> DerivedBases:
        async def connect() -> Any:
            assert settings.kubernetes is not None
            return await Kube.connect(settings.kubernetes.kubeconfig)

        cluster = BuildCluster(connect, build_place(settings))
        return DerivedBases(database, places, settings, cluster, clock=clock)

    world = World(
        settings=settings, database=database, kubernetes=kubernetes, registry=registry, base=base, clock=clock,
        bases=new_process(), places=places, new_process=new_process,
    )  # fmt: skip
    async with asyncio.timeout(3 * PATIENCE_SECONDS):
        yield world
        await world.bases.close()
    await places.close()
    database.close()
