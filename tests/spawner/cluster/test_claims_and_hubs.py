"""A workspace in a claimed pod is as any other for JupyterHub; a hub that is killed at any step leaves one or none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.workspace_rows import active_rows
from spawner import cluster_resume
from spawner.claim import Claims
from spawner.claim_rules import Answer, Miss
from spawner.cluster import WorkspaceSpawner
from spawner.cluster_orphans import end_orphan_pods
from spawner.home_state import HomeState
from spawner.identity import ORDER_ANNOTATION, SEAT_LABEL, USER_LABEL
from spawner.kube import Kube, KubeAway
from spawner.kube_feed import Pauses, Persistence
from spawner.meter import NoMeter
from spawner.pod_facts import NodeFacts
from spawner.pod_watch import PodWatch
from studiolo.catalog import Catalog
from tests.fakes.fake_kubernetes import NAMESPACE
from tests.spawner.cluster.claiming import SHAPE, WARM_LABELS, FakeAgents, Warmth, until
from tests.spawner.cluster.conftest import PATIENCE_SECONDS, Cluster
from tests.spawner.cluster.test_restarting import RestartedHub

SMALL = {"environment": "python", "hardware": "small"}
OWN = "ws-alice--default"


class Homes:
    """A home service at which all is well."""

    async def ensure(self, *_: Any) -> HomeState:
        return HomeState.OK

    async def share(self, *_: Any) -> None:
        return None


class Counted(NoMeter):
    """How claims ended."""

    def __init__(self) -> None:
        self.claims: list[Miss | None] = []
        self.seconds: list[float | None] = []

    def claim_ended(self, miss: Miss | None, seconds: float | None) -> None:
        self.claims.append(miss)
        self.seconds.append(seconds)


class HubDied(BaseException):
    """Nothing in the hub catches its own end."""


class DyingHub:
    """What a hub writes with, until it dies: before or after one step of a claim."""

    def __init__(self, kube: Kube, agents: FakeAgents, step: str) -> None:
        self._kube, self._agents, self._step = kube, agents, step
        self._is_dead = False

    async def merge(self, path: str, body: Any, **more: Any) -> Any:
        return await self._do("patch", lambda: self._kube.merge(path, body, **more))

    def knock(self, node: str, *, with_broker: bool) -> Any:
        return self._agents.knock(node, with_broker=with_broker)

    async def give(self, order: Any, node: str) -> Any:
        return await self._do("order", lambda: self._agents.give(order, node))

    async def delete(self, path: str, **more: Any) -> None:
        await self._do("delete", lambda: self._kube.delete(path, **more))

    async def create(self, path: str, body: Any) -> Any:
        return await self._do("create", lambda: self._kube.create(path, body))

    def as_json(self, thing: Any) -> Any:
        return self._kube.as_json(thing)

    async def text(self, *_: Any) -> str:
        return ""

    async def _do(self, name: str, do: Any) -> Any:
        if self._is_dead:
            raise KubeAway("The hub is no more.")
        if self._step == f"before {name}":
            self._die()
        done = await do()
        if self._step == f"after {name}":
            self._die()
        return done

    def _die(self) -> None:
        self._is_dead = True
        raise HubDied


class ClaimingHub(RestartedHub):
    """A hub where pods wait."""

    def __init__(self, cluster: Cluster, warmth: Warmth) -> None:
        super().__init__(cluster, Catalog(environments=(SHAPE.environment,), hardware=(SHAPE.hardware,)))
        self.warmth = warmth
        self.counted = Counted()
        WorkspaceSpawner.meter = self.counted
        self.lives(kube=cluster.kube, agents=warmth.agents)

    def lives(self, *, kube: Any, agents: Any) -> None:
        self.warmth.claims.agents = agents
        parts = replace(WorkspaceSpawner.parts, kube=kube, claims=self.warmth.claims, homes=Homes())
        WorkspaceSpawner.parts = parts
        self.restart()
        self.user.settings["proxy"] = self.proxy

    async def sweep(self) -> None:
        """The look for pods that no workspace knows."""
        known = {row.pod for row in active_rows(self.db, [self.user])}
        later = datetime.now(UTC) + timedelta(minutes=5)
        await end_orphan_pods(
            self.cluster.kube, self.cluster.pods, known=known, now=later, log=logging.getLogger(__name__)
        )

    def alive(self) -> list[str]:
        """Pods that are alice's."""
        pods = self.cluster.api.objects_for_test("pods")
        return [name for name, one in pods.items() if one["metadata"]["labels"].get(USER_LABEL, "") != ""]


@pytest.fixture
async def hub(cluster: Cluster, sample_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClaimingHub]:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: None)
    monkeypatch.setattr("spawner.claim.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(cluster_resume, "ANSWER_SECONDS", 0.3)
    before = WorkspaceSpawner.meter
    quick = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))
    warm = PodWatch(cluster.kube, namespace=NAMESPACE, labels=WARM_LABELS, persistence=quick, with_events=False)
    watching = asyncio.create_task(warm.run())
    assert await warm.wait_synced(PATIENCE_SECONDS)
    agents = FakeAgents(cluster.api)
    claims = Claims(warm=warm, agents=agents, claim_seconds=PATIENCE_SECONDS)
    warmth = Warmth(api=cluster.api, kube=cluster.kube, pods=cluster.pods, claims=claims, agents=agents)
    kubelet = asyncio.create_task(warmth.kubelet())
    found = ClaimingHub(cluster, warmth)
    yield found
    WorkspaceSpawner.meter = before
    for task in (kubelet, watching):
        task.cancel()
    await asyncio.gather(kubelet, watching, return_exceptions=True)
    found.spawner().stop_polling()
    await found.close()


async def test_a_start_claims_what_waits_and_its_stop_ends_it(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    spawner = await hub.start(SMALL)
    assert hub.counted.claims == [None]
    assert hub.alive() == ["warm-small-0"] == [spawner.pod_name]
    assert hub.cluster.names("secrets") == []  # its token is in no Secret
    assert await spawner.poll() is None
    await until(lambda: WorkspaceSpawner.parts.starts.told)
    assert [one.outcome for one in WorkspaceSpawner.parts.starts.told] == ["claimed"]
    await hub.user.stop("")
    assert hub.warmth.names() == []
    assert spawner.pod_name == OWN


async def test_what_it_is_sent_is_what_its_pod_would_have_had(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    sent: list[Any] = []

    class Listening(FakeAgents):
        async def give(self, order: Any, node: str) -> Any:
            sent.append(order)
            return await super().give(order, node)

    hub.lives(kube=hub.cluster.kube, agents=Listening(hub.cluster.api))
    spawner = await hub.start({**SMALL, "env": {"PRICE": "5 $ or $(HOME) or $$"}})
    [order] = sent
    env = order.identity.env
    assert env["JUPYTERHUB_API_TOKEN"] == spawner.api_token
    assert env["PRICE"] == "5 $ or $(HOME) or $$"
    assert (env["HOME"], order.identity.cwd, order.identity.arguments) == ("/home/jovyan", "/home/jovyan", ())
    assert (order.home.name, order.home.uid, order.home.gid) == ("alice", 1000, 1000)
    await hub.user.stop("")


async def test_without_a_warm_pod_a_start_is_a_normal_one(hub: ClaimingHub) -> None:
    starting = asyncio.create_task(hub.start(SMALL))
    await until(lambda: hub.cluster.names("pods") == [OWN] and hub.cluster.names("secrets") == [OWN])
    hub.cluster.is_running()
    spawner = await starting
    assert spawner.pod_name == OWN
    assert hub.counted.claims == [Miss.NO_POD]
    await hub.user.stop("")


async def test_what_waits_on_a_node_that_is_emptied_is_not_claimed(hub: ClaimingHub) -> None:
    class Emptied:
        def get(self, name: str) -> NodeFacts:
            return NodeFacts(name=name, is_ready=True, is_cordoned=True)

        def nodes(self) -> None:
            """Nobody sees all of them."""

    await hub.warmth.park(1)
    WorkspaceSpawner.parts = replace(WorkspaceSpawner.parts, nodes=Emptied())  # type: ignore[arg-type]  # in its place
    starting = asyncio.create_task(hub.start(SMALL))
    await until(lambda: OWN in hub.cluster.names("pods"))
    hub.cluster.is_running()
    await starting
    assert hub.counted.claims == [Miss.NO_POD]
    await hub.user.stop("")


async def test_after_a_failed_claim_the_normal_start_is_the_only_workspace(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    hub.warmth.agents.answers = [Answer.UNSURE]
    starting = asyncio.create_task(hub.start(SMALL))
    await until(lambda: hub.cluster.names("pods") == [OWN] and hub.cluster.names("secrets") == [OWN])
    hub.cluster.is_running()
    await starting
    assert hub.alive() == [OWN]
    assert hub.counted.claims == [Miss.AGENT]
    await hub.user.stop("")


async def test_a_hub_that_restarts_keeps_it(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    await hub.start(SMALL)
    hub.lives(kube=hub.cluster.kube, agents=hub.warmth.agents)
    spawner = await hub.look()
    assert spawner.ready
    assert spawner.pod_name == "warm-small-0"
    await hub.sweep()
    assert hub.alive() == ["warm-small-0"]
    await hub.user.stop("")
    assert hub.warmth.names() == []


async def test_a_pod_of_that_name_that_became_another_s_is_not_it_and_not_ended(hub: ClaimingHub) -> None:
    await hub.warmth.park(1)
    await hub.start(SMALL)
    change = {"metadata": {"annotations": {ORDER_ANNOTATION: "another"}}}
    hub.cluster.api.change_for_test("pods", "warm-small-0", change)
    pods = hub.cluster.pods
    await until(lambda: (pod := pods.get("warm-small-0")) is not None and pod.annotation(ORDER_ANNOTATION) == "another")
    assert await hub.spawner().poll() is not None
    await hub.user.stop("")
    assert hub.warmth.names() == ["warm-small-0"]


STEPS = ("before patch", "after patch", "before order", "after order")


@pytest.mark.parametrize("step", STEPS)
async def test_a_hub_that_is_killed_in_a_claim_leaves_one_workspace_or_none(
    hub: ClaimingHub, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.warmth.park(2)
    dying = DyingHub(hub.cluster.kube, hub.warmth.agents, step)
    hub.lives(kube=dying, agents=dying)
    with pytest.raises(HubDied):
        await hub.start(SMALL)
    if not hub.warmth.agents.had:  # who has no identity answers nothing
        monkeypatch.setattr("spawner.cluster_pods.PORT", 9)
        monkeypatch.setattr("spawner.cluster.SERVE_SECONDS", 0.2)
    hub.db.rollback()
    hub.lives(kube=hub.cluster.kube, agents=hub.warmth.agents)
    spawner = await hub.look()
    await hub.sweep()
    await until(lambda: len(hub.alive()) == (1 if hub.is_kept else 0))
    assert hub.is_kept is (step == "after order")
    if hub.is_kept:
        assert spawner.ready
        await hub.user.stop("")
    # What was nobody's still is, and waits.
    waiting = list(hub.cluster.api.objects_for_test("pods").values())
    assert len(waiting) == (2 if step == "before patch" else 1)
    assert {pod["metadata"]["labels"][SEAT_LABEL] for pod in waiting} == {"parked"}


@pytest.mark.parametrize("step", ["after patch", "after order"])
async def test_the_next_start_ends_what_a_killed_hub_left_before_it_begins(
    hub: ClaimingHub, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.warmth.park(2)
    dying = DyingHub(hub.cluster.kube, hub.warmth.agents, step)
    hub.lives(kube=dying, agents=dying)
    with pytest.raises(HubDied):
        await hub.start(SMALL)
    hub.db.rollback()
    [left] = hub.alive()
    hub.orm_user.orm_spawners[""].server = None  # as if a database had lost that it runs
    hub.db.commit()
    hub.lives(kube=hub.cluster.kube, agents=hub.warmth.agents)
    await hub.start(SMALL)
    [now] = hub.alive()
    assert now != left
    await hub.user.stop("")
