"""Several hubs that know nothing of each other, and the services' keeper, around a few warm pods of a real API server.

Each hub has its own connection and its own pictures, as processes would. Pods are those of a `StandInNode`; the agents
of nodes are one that looks at the API server itself, as the real one does, and takes down whose identity went where.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.capacity.pool import PoolKeeper
from spawner.claim import Claimed, Claims, ClusterClaim, Wanted
from spawner.claim_rules import Answer, Miss, may_be_claimed
from spawner.cluster_start import ClusterStart
from spawner.identity import CLAIMED, ORDER_ANNOTATION, PARKED, SEAT_LABEL, USER_LABEL, HomeFolder, Identity, Order
from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE, Installation
from spawner.knock import settled
from spawner.knock_rules import Knocked
from spawner.kube import Json, Kube, KubeNotFound
from spawner.kube_feed import Persistence
from spawner.node_agents import Given
from spawner.plan import Shape, make_plan
from spawner.pod_watch import PodWatch
from spawner.progress import StartProgress
from spawner.progress_board import ProgressBoard
from spawner.warm_pod import WARM, make, warm_pod
from studiolo.catalog import Catalog, CpuShare, Environment, Hardware
from studiolo.catalog_model import Warm
from studiolo.choice import Choice
from tests.cluster.stand_in_node import PATIENCE_SECONDS, StandInNode, stand_in_node, until

LOG = logging.getLogger(__name__)
IMAGE = "registry.invalid/python@sha256:" + "0" * 64
POOL = ("python", "small")


@dataclass
class WatchfulAgents:
    """Has an order carried out where the API server shows its claim, and remembers for whom."""

    kube: Kube
    had: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By uid of a pod, to whom it was given."""

    def is_on(self, node: str) -> bool:
        return bool(node)

    def knock(self, node: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        assert node
        return settled(Knocked.THERE)

    async def give(self, order: Order, node: str) -> Given:
        found = (await self.kube.get(f"/api/v1/namespaces/{order.namespace}/pods/{order.pod}"))["metadata"]
        shown = {name: found["annotations"].get(name) for name in order.marks()}
        assert found["uid"] == order.pod_uid
        assert node
        if found["labels"][SEAT_LABEL] != CLAIMED or shown != order.marks() or "deletionTimestamp" in found:
            return Given(answer=Answer.REFUSED, said="it is not theirs")
        assert found["labels"][KIND_LABEL] == WORKSPACE
        assert found["labels"][USER_LABEL] == order.user
        self.had[order.pod_uid].append(order.user)
        return Given(answer=Answer.DELIVERED)


@dataclass(kw_only=True)
class RacingHub:
    """What one hub has of the cluster."""

    kube: Kube
    pods: PodWatch
    warm: PodWatch
    claims: Claims


class Race:
    """The hubs, the node, the keeper, and what people got."""

    def __init__(self, kube: Kube, node: StandInNode, installation: Installation, hubs: list[RacingHub]) -> None:
        self.kube, self.node, self.installation, self.hubs = kube, node, installation, hubs
        self.agents = WatchfulAgents(kube)
        self.room = 0
        hardware = Hardware(
            name="small",
            title="Small",
            cpu=CpuShare(request=0.01, limit=0.1),
            memory_bytes=64 << 20,
            node_selector=tuple(node.selector.items()),
            warm=Warm(slots=1, at_most=100),
        )
        environment = Environment(name="python", title="Python", image=IMAGE)
        self.catalog = Catalog(environments=(environment,), hardware=(hardware,))
        self.shape = Shape(environment=environment, hardware=hardware)
        self.saved: dict[str, tuple[str, str]] = {}
        """By person, which pod of which order may be theirs: what was taken down last."""
        for hub in hubs:
            hub.claims.agents = self.agents

    def keeper(self) -> PoolKeeper:
        """A keeper for whom minutes pass between two looks: it refills as soon as it may."""
        moment = datetime.now(UTC)

        def now() -> datetime:
            nonlocal moment
            moment += timedelta(minutes=1)
            return moment

        async def rates(_: datetime) -> Mapping[tuple[str, str], float]:
            return {POOL: 100_000.0}

        return PoolKeeper(
            self.kube,
            self.installation,
            catalog=lambda: self.catalog,
            rates=rates,
            room=lambda: {"small": self.room},
            log=LOG,
            now=now,
        )

    async def park(self, count: int) -> None:
        """So many wait, and every hub knows each as it is now."""
        await asyncio.gather(*(self._make() for _ in range(count)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(await self.raw(PARKED)) != count or not await self.is_known():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)

    async def _make(self) -> None:
        await self.kube.create(self._path, warm_pod(f"warm-{secrets.token_hex(8)}", self.shape, self.installation))

    async def is_known(self) -> bool:
        """Whether every hub has those that wait in its picture, ready, as the API server has them."""
        there = {pod["metadata"]["uid"]: pod["metadata"]["resourceVersion"] for pod in await self.raw(PARKED)}
        return all(there == self._claimable(hub) for hub in self.hubs)

    def _claimable(self, hub: RacingHub) -> dict[str, str]:
        wanted = make(self.shape, self.installation)
        return {pod.uid: pod.resource_version for pod in hub.warm.pods() if may_be_claimed(pod, wanted)}

    async def raw(self, seat: str) -> list[Json]:
        """Pods as the API server has them, but those that end."""
        query = {"labelSelector": f"{SEAT_LABEL}={seat}"}
        found = (await self.kube.get(self._path, query))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def workspaces(self) -> dict[str, str]:
        """Whose each workspace is, by the pod's name."""
        found = (await self.kube.get(self._path, {"labelSelector": f"{KIND_LABEL}={WORKSPACE}"}))["items"]
        return {one["metadata"]["name"]: one["metadata"]["labels"][USER_LABEL] for one in found}

    async def clear(self) -> None:
        """No pod is left, and every hub knows."""
        for pod in (await self.kube.get(self._path))["items"]:
            with suppress(KubeNotFound):
                await self.kube.delete(f"{self._path}/{pod['metadata']['name']}", grace_seconds=0)
        await until(lambda: not any(hub.pods.pods() or hub.warm.pods() for hub in self.hubs), "no pod is left")
        self.agents.had.clear()
        self.saved.clear()
        self.node.rename()

    def claim(self, user: str, hub: RacingHub, manifest: Json | None = None) -> ClusterClaim:
        """One person's, by one hub."""
        return ClusterClaim(
            claims=hub.claims,
            kube=hub.kube,
            pods=hub.pods,
            installation=self.installation,
            wanted=Wanted(
                make=make(self.shape, self.installation),
                manifest=manifest or self.manifest(user),
                home=HomeFolder(name=user, uid=1000, gid=1000),
                identity=Identity(env={"HOME": "/home/jovyan"}, cwd="/home/jovyan"),
                teams=(),
                probe_path=f"/user/{user}/api",
            ),
            save=lambda name, order: self.saved.update({user: (name, order)}),
            log=LOG,
        )

    def manifest(self, user: str) -> Json:
        """The pod that a normal start makes; this one has nothing of a home."""
        made = warm_pod(f"ws-{user}--default", self.shape, self.installation)
        made["metadata"]["labels"] = {**self.installation.labels, USER_LABEL: user}
        made["spec"]["schedulerName"] = "nobody"  # the cluster's own would tell the start that it fits nowhere
        return made

    async def claims(self, people: list[str]) -> dict[str, Claimed | Miss]:
        """All at once, the hubs in turn."""
        running = {user: self.claim(user, self.hubs[at % len(self.hubs)]).run() for at, user in enumerate(people)}
        return dict(zip(people, await asyncio.gather(*running.values()), strict=True))

    def start(self, user: str, hub: RacingHub) -> ClusterStart:
        """A whole start: a claim, and the normal way where that comes to nothing."""
        choice = Choice(environment="python", hardware="small")
        return ClusterStart(
            kube=hub.kube,
            pods=hub.pods,
            plan=make_plan(choice, catalog=self.catalog, user=user, server="", teams=()),
            installation=self.installation,
            manifest=self.manifest(user),
            secrets={"JUPYTERHUB_API_TOKEN": "of nobody"},
            claim=lambda manifest, _: self.claim(user, hub, manifest),
            board=ProgressBoard(StartProgress()),
            probe_path=f"/user/{user}/api",
            seconds=PATIENCE_SECONDS,
        )

    async def holds(self, outcomes: Mapping[str, Claimed | Miss]) -> list[str]:
        """Who won. Each has a pod of their own and nobody else anything; no pod had more than one identity."""
        winners = sorted(user for user, found in outcomes.items() if isinstance(found, Claimed))
        claimed = {pod["metadata"]["labels"][USER_LABEL]: pod["metadata"] for pod in await self.raw(CLAIMED)}
        assert sorted(claimed) == winners
        assert len(await self.raw(CLAIMED)) == len(winners)
        for user in outcomes:
            mine = claimed.get(user)
            shown = (mine["name"], mine["annotations"][ORDER_ANNOTATION]) if mine else ("", "")
            assert self.saved.get(user, ("", "")) == shown
        assert all(len(people) == 1 for people in self.agents.had.values()), self.agents.had
        given = {uid: people[0] for uid, people in self.agents.had.items()}
        assert given == {mine["uid"]: user for user, mine in claimed.items()}
        assert not any(hub.claims.aimed for hub in self.hubs)
        return winners

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.installation.namespace}/pods"


@asynccontextmanager
async def racing_hubs(kubeconfig: Path, namespace: str, *, hubs: int, **limits: Any) -> AsyncIterator[Race]:
    """For the time of a test. `limits`: of the claims, where they are not the product's."""
    installation = Installation(namespace=namespace, release="race", homes=None, stop_seconds=1)
    async with AsyncExitStack() as stack:

        async def connected() -> Kube:
            kube = await Kube.connect(kubeconfig)
            stack.push_async_callback(kube.close)
            return kube

        async def watching(kube: Kube, labels: Mapping[str, str]) -> PodWatch:
            pods = PodWatch(kube, namespace=namespace, labels=labels, persistence=Persistence(log=LOG))
            task = asyncio.create_task(pods.run())
            stack.push_async_callback(_ended, task)
            assert await pods.wait_synced(PATIENCE_SECONDS)
            return pods

        found = []
        for _ in range(hubs):
            kube = await connected()
            warm = await watching(kube, {RELEASE_LABEL: installation.release, KIND_LABEL: WARM})
            pods = await watching(kube, installation.labels)
            claims = Claims(warm=warm, agents=WatchfulAgents(kube), **limits)
            found.append(RacingHub(kube=kube, pods=pods, warm=warm, claims=claims))
        node = await stack.enter_async_context(stand_in_node(await connected(), namespace))
        race = Race(await connected(), node, installation, found)
        try:
            yield race
        finally:
            await race.clear()  # nobody else would end them


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
