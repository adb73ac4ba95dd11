"""Warm pods on the fake API server, an agent that believes it alone, and people who claim them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from spawner.claim import Claimed, Claims, ClusterClaim, Wanted
from spawner.claim_rules import Answer, Miss
from spawner.identity import CLAIMED, SEAT_LABEL, USER_LABEL, HomeFolder, Identity, Order
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from spawner.knock import settled
from spawner.knock_rules import Knocked
from spawner.kube import Kube
from spawner.kube_feed import Pauses, Persistence
from spawner.node_agents import Given
from spawner.plan import Shape
from spawner.pod_watch import PodWatch
from spawner.warm_pod import make, warm_pod
from studiolo.catalog import CpuShare, Environment, Hardware
from tests.fakes.fake_kubernetes import NAMESPACE, FakeKubernetes
from tests.spawner.cluster.conftest import INSTALLATION, PATIENCE_SECONDS, Cluster

SHAPE = Shape(
    environment=Environment(name="python", title="Python", image="example.org/python@sha256:" + "0" * 64),
    hardware=Hardware(name="small", title="Small", cpu=CpuShare(request=0.5, limit=1), memory_bytes=2 << 30),
)
PARKED = {
    "phase": "Running",
    "podIP": "127.0.0.1",
    "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {}}}],
}


@dataclass
class FakeAgents:
    """Has an identity delivered where the API server shows the claim; or fails as it is told to."""

    api: FakeKubernetes
    answers: list[Answer] = field(default_factory=list)
    """Of the next orders, in place of what is true."""
    shows_others: bool = True
    """Whether its disk shows a home's numbers as others."""
    orders: list[str] = field(default_factory=list)
    """Ids of all that were given."""
    knocked: dict[str, asyncio.Future[Knocked]] = field(default_factory=dict)
    """By node, in place of an agent that is there, what is said of it, whenever that is."""
    knocks: list[tuple[str, bool]] = field(default_factory=list)
    """At which nodes, and whether the broker was needed."""
    had: dict[str, str] = field(default_factory=dict)
    """By uid of a pod, whose identity it got: also where nobody was told so."""

    def is_on(self, node: str) -> bool:
        return node == "node1"

    def knock(self, node: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        self.knocks.append((node, with_broker))
        return self.knocked.get(node) or settled(Knocked.THERE)

    async def give(self, order: Order, node: str) -> Given:
        assert node not in self.knocked
        await asyncio.sleep(0)
        self.orders.append(order.id)
        if not self.shows_others and order.home.uid != INSTALLATION.uid:
            return Given(answer=Answer.REFUSED, said="numbers", shows_no_numbers=True)
        answer = self.answers.pop(0) if self.answers else Answer.DELIVERED
        if answer in {Answer.UNREACHED, Answer.REFUSED}:
            return Given(answer=answer, said="told to")
        found = self.api.objects_for_test("pods").get(order.pod, {"metadata": {"uid": ""}})["metadata"]
        assert found["uid"] == order.pod_uid
        assert found["labels"][SEAT_LABEL] == CLAIMED
        assert found["labels"][KIND_LABEL] == WORKSPACE
        assert found["labels"][USER_LABEL] == order.user
        assert {name: found["annotations"][name] for name in order.marks()} == order.marks()
        assert order.pod_uid not in self.had, "an identity was sent to a pod that has one"
        self.had[order.pod_uid] = order.user
        return Given(answer=answer)


@dataclass
class Warmth:
    """All of it."""

    api: FakeKubernetes
    kube: Kube
    pods: PodWatch
    claims: Claims
    agents: FakeAgents
    saved: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By person: what was taken down, in its order."""

    async def park(self, count: int, shape: Shape = SHAPE, *, node: str = "node1", **status: Any) -> None:
        """So many pods more wait, and the hub knows them."""
        there = len(self.claims.warm.pods())
        for number in range(there, there + count):
            body = warm_pod(f"warm-{shape.hardware.name}-{number}", shape, INSTALLATION)
            body["metadata"]["uid"] = str(uuid.uuid4())
            spec = {**body["spec"], "nodeName": node}
            self.api.put_for_test("pods", {**body, "spec": spec, "status": {**PARKED, **status}})
        await until(lambda: len(self.claims.warm.pods()) >= there + count)

    def wanted(self, user: str = "alice", uid: int = INSTALLATION.uid) -> Wanted:
        labels = {**INSTALLATION.labels, USER_LABEL: user}
        return Wanted(
            make=make(SHAPE, INSTALLATION),
            manifest={"metadata": {"name": f"ws-{user}--default", "labels": labels, "annotations": {"a": "b"}}},
            home=HomeFolder(name=user, uid=uid, gid=1000),
            is_renumbered=uid != INSTALLATION.uid,
            identity=Identity(env={"HOME": "/home/jovyan", "JUPYTERHUB_API_TOKEN": f"of {user}"}, cwd="/home/jovyan"),
            teams=("vision",),
            probe_path="/user/alice/api",
        )

    def claim(
        self,
        user: str = "alice",
        *,
        kube: Any = None,
        claims: Claims | None = None,
        uid: int = INSTALLATION.uid,
        **more: Any,
    ) -> ClusterClaim:
        return ClusterClaim(
            claims=claims or self.claims,
            kube=kube or self.kube,
            pods=self.pods,
            installation=INSTALLATION,
            wanted=self.wanted(user, uid),
            save=lambda name, order: self.saved.setdefault(user, []).append((name, order)),
            log=logging.getLogger(__name__),
            **more,
        )

    async def run(self, user: str = "alice") -> Claimed | Miss:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.claim(user).run()

    async def kubelet(self) -> None:
        """Ends what is to end."""
        while True:
            for name, pod in self.api.objects_for_test("pods").items():
                if "deletionTimestamp" in pod["metadata"]:
                    self.api.remove_for_test("pods", name)
            await asyncio.sleep(0.01)

    def owners(self) -> dict[str, str]:
        """Of the pods that are somebody's, by name."""
        labels = {name: one["metadata"]["labels"] for name, one in self.api.objects_for_test("pods").items()}
        return {name: found[USER_LABEL] for name, found in labels.items() if found.get(SEAT_LABEL) == CLAIMED}

    def names(self) -> list[str]:
        return sorted(self.api.objects_for_test("pods"))


WARM_LABELS = {RELEASE_LABEL: INSTALLATION.release, KIND_LABEL: "warm"}


@asynccontextmanager
async def warmth_of(cluster: Cluster, *, claim_seconds: float) -> AsyncIterator[Warmth]:
    """Where no pod waits yet."""
    quick = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))
    warm = PodWatch(cluster.kube, namespace=NAMESPACE, labels=WARM_LABELS, persistence=quick)
    watching = asyncio.create_task(warm.run())
    assert await warm.wait_synced(PATIENCE_SECONDS)
    agents = FakeAgents(cluster.api)
    claims = Claims(warm=warm, agents=agents, claim_seconds=claim_seconds)
    made = Warmth(api=cluster.api, kube=cluster.kube, pods=cluster.pods, claims=claims, agents=agents)
    kubelet = asyncio.create_task(made.kubelet())
    yield made
    for task in (watching, kubelet):
        task.cancel()
    await asyncio.gather(watching, kubelet, return_exceptions=True)


async def until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
