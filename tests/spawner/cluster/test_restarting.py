"""The hub starts again: JupyterHub's own look at what it finds in its database, against a fake API server.

What it finds runs, was starting, or was about to be stopped when the last hub died.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm
from jupyterhub.app import JupyterHub

from spawner import cluster_resume, cluster_start
from spawner.cluster import WorkspaceSpawner
from spawner.cluster_parts import ClusterParts
from spawner.ending import Ending, EndingKind
from studiolo.catalog import Catalog, Environment
from tests.fakes.fake_kubernetes import NAMESPACE
from tests.fakes.hub_objects import HubObjects
from tests.spawner.cluster.conftest import INSTALLATION, NAME, PATIENCE_SECONDS, SCHEDULED, Cluster
from tests.spawner.local.conftest import RememberedStarts

log = logging.getLogger(__name__)


@dataclass
class RememberedRoutes:
    """What the proxy was told."""

    added: list[str] = field(default_factory=list)

    async def add_user(self, user: Any, server: str) -> None:
        assert not user.spawners[server].pending
        self.added.append(server)

    async def delete_user(self, _user: Any, server: str) -> None:
        self.added.remove(server)


class RestartedHub(HubObjects[WorkspaceSpawner]):
    """A hub that has just started, and the database of the one before."""

    def __init__(self, cluster: Cluster, offered: Catalog) -> None:
        super().__init__(WorkspaceSpawner)
        self.cluster = cluster
        self.proxy = RememberedRoutes()
        WorkspaceSpawner.parts = ClusterParts(
            catalogs=SimpleNamespace(current=offered),  # type: ignore[arg-type]  # a catalog that does not change
            starts=RememberedStarts(),
            kube=cluster.kube,
            pods=cluster.pods,
            installation=INSTALLATION,
        )

    async def remembers(self, *, ip: str = "", ending: EndingKind | None = None) -> None:
        """A workspace that ran (`ip`) or was starting, and a pod of the name as far as the kubelet is with it."""
        self.restart()
        row = self.orm_user.orm_spawners[""]
        server = orm.Server(base_url="/user/alice/", ip=ip, port=1)
        self.db.add(server)
        self.db.commit()
        row.server = server
        spawner = self.spawner()
        if ending is not None:
            spawner._ending = Ending(kind=ending, ended_at=cluster_moment())
        row.state = spawner.get_state()
        self.db.commit()
        self.restart()
        self.user.settings["proxy"] = self.proxy

    def put_pod(self, **status: Any) -> None:
        labels = INSTALLATION.labels
        spec = {"nodeName": "node1"} if status else {}
        pod = {"metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels}, "spec": spec, "status": status}
        self.cluster.api.put_for_test("pods", pod)

    async def look(self) -> WorkspaceSpawner:
        """What JupyterHub does with each workspace when it starts."""

        class Users(dict[Any, Any]):
            def count_active_users(self) -> dict[str, int]:
                return {"active": 1}

        hub = SimpleNamespace(
            log=log,
            log_level=logging.INFO,
            db=self.db,
            users=Users({self.orm_user: self.user}),
            authenticator=SimpleNamespace(blocked_users=set()),
            proxy=self.proxy,
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            await JupyterHub.init_spawners(hub)
        return self.spawner()

    @property
    def is_kept(self) -> bool:
        """Whether JupyterHub still has it as one that runs."""
        return self.orm_user.orm_spawners[""].server is not None


def cluster_moment() -> Any:
    """Some time."""
    return orm.utcnow()


RUNNING = {
    **SCHEDULED,
    "phase": "Running",
    "podIP": "127.0.0.1",
    "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {}}}],
}
ENDED = {
    **SCHEDULED,
    "phase": "Failed",
    "containerStatuses": [{"name": "notebook", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
}
NO_SECRET = {
    **SCHEDULED,
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "notebook",
            "state": {
                "waiting": {"reason": "CreateContainerConfigError", "message": f'secret "{NAME}" not found'},
            },
        }
    ],
}


@pytest.fixture
async def hub(
    cluster: Cluster, sample_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RestartedHub]:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: None)
    monkeypatch.setattr(cluster_resume, "ANSWER_SECONDS", 0.3)
    found = RestartedHub(cluster, sample_catalog)
    kubelet = asyncio.create_task(cluster.kubelet())
    yield found
    kubelet.cancel()
    found.spawner().stop_polling()
    await found.close()


def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's port is one where nobody listens."""
    monkeypatch.setattr("spawner.cluster_pods.PORT", 9)


async def seen(hub: RestartedHub) -> None:
    """The hub's picture has the pod as it is."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while hub.cluster.names() and hub.cluster.pods.get(NAME) is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_a_workspace_that_runs_is_kept(hub: RestartedHub) -> None:
    hub.put_pod(**RUNNING)
    await hub.remembers(ip="127.0.0.1")
    spawner = await hub.look()
    assert spawner.ready
    assert hub.cluster.names() == [NAME]


async def test_a_server_that_runs_and_does_not_answer_is_kept(
    hub: RestartedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that swaps is slow, and comes back; unsaved work does not."""
    deaf(monkeypatch)
    hub.put_pod(**RUNNING)
    await hub.remembers(ip="127.0.0.1")
    spawner = await hub.look()
    assert spawner.ready
    assert hub.cluster.names() == [NAME]
    assert await spawner.poll() is None


async def test_a_workspace_is_kept_while_the_api_server_is_away(
    hub: RestartedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf(monkeypatch)
    hub.put_pod(**RUNNING)
    await hub.cluster.api.refuse_for_test()
    await hub.remembers(ip="127.0.0.1")
    spawner = await hub.look()
    assert spawner.ready
    await hub.cluster.api.accept_for_test()
    assert hub.cluster.names() == [NAME]


async def test_a_pod_that_ended_meanwhile_is_told_at_the_next_visit(hub: RestartedHub) -> None:
    hub.put_pod(**ENDED)
    await hub.remembers(ip="127.0.0.1")
    await seen(hub)
    await hub.look()
    assert not hub.is_kept
    ending = hub.spawner().ending()
    assert ending is not None
    assert (ending.kind, ending.exit_code) == (EndingKind.EXITED, 3)


async def test_a_start_that_was_cut_off_goes_on_and_gets_its_route(hub: RestartedHub) -> None:
    hub.put_pod()
    await hub.remembers()
    await seen(hub)
    looking = asyncio.create_task(hub.look())
    await asyncio.sleep(0)
    hub.cluster.is_running()
    spawner = await looking
    assert spawner.ready
    assert spawner.server.ip == "127.0.0.1"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not hub.proxy.added:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_a_start_that_was_cut_off_and_goes_on_can_be_stopped(hub: RestartedHub) -> None:
    hub.put_pod()
    await hub.remembers()
    await seen(hub)
    looking = asyncio.create_task(hub.look())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not hub.spawner().is_resumed:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    hub.spawner().stop_resumed()
    await looking
    assert not hub.is_kept
    assert hub.cluster.names() == []
    ending = hub.spawner().ending()
    assert ending is not None
    assert ending.kind is EndingKind.STOPPED


async def test_a_start_that_was_cut_off_keeps_a_server_that_runs_and_never_answers(
    hub: RestartedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf(monkeypatch)
    hub.put_pod(**RUNNING)
    await hub.remembers()
    hub.spawner().start_timeout = 1
    await seen(hub)
    spawner = await hub.look()
    assert spawner.ready
    assert hub.cluster.names() == [NAME]


@pytest.mark.parametrize("left", ["nothing", "no secret", "ended"])
async def test_a_start_that_came_to_nothing_says_start_again_and_leaves_no_pod(hub: RestartedHub, left: str) -> None:
    if left != "nothing":
        hub.put_pod(**(NO_SECRET if left == "no secret" else ENDED))
    await hub.remembers()
    await seen(hub)
    await hub.look()
    assert not hub.is_kept
    assert left == "ended" or hub.cluster.names() == []
    ending = hub.spawner().ending()
    assert ending is not None
    assert ending.kind is (EndingKind.EXITED if left == "ended" else EndingKind.CUT_OFF)


async def test_a_stop_that_was_cut_off_goes_on(hub: RestartedHub) -> None:
    hub.put_pod(**RUNNING)
    await hub.remembers(ip="127.0.0.1", ending=EndingKind.STOPPED)
    await seen(hub)
    await hub.look()
    assert not hub.is_kept
    assert hub.cluster.names() == []
    ending = hub.spawner().ending()
    assert ending is not None
    assert ending.kind is EndingKind.STOPPED


async def test_a_bug_in_looking_ends_no_workspace(hub: RestartedHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put_pod(**RUNNING)
    await hub.remembers(ip="127.0.0.1")
    monkeypatch.setattr(type(hub.cluster.pods), "get", lambda *_: 1 / 0)
    assert await hub.spawner().poll() is None


async def test_a_start_ends_with_its_reason_while_the_api_server_is_away(
    hub: RestartedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait until what it may have left can be removed: who asked wants to know."""
    monkeypatch.setattr(cluster_start, "API_SECONDS", 0.1)
    image = "registry.example.org/python@sha256:" + 64 * "0"
    parts = hub.spawner_class.parts
    python = Environment(name="python", title="Python", image=image)
    offered = Catalog(environments=(python,), hardware=parts.catalogs.current.hardware)
    hub.spawner_class.parts = replace(parts, catalogs=SimpleNamespace(current=offered))  # type: ignore[arg-type]  # as above
    hub.restart()
    await hub.cluster.api.refuse_for_test()
    async with asyncio.timeout(PATIENCE_SECONDS):
        refused, spawner = await hub.fails({"environment": "python", "hardware": "small"})
    assert "The cluster does not answer" in refused.jupyterhub_message
    assert spawner.failure is not None
    assert spawner.failure.code == "cluster_away"
    await hub.cluster.api.accept_for_test()
