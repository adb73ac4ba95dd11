"""A node with a warm pod, the API server that shows it, and agents for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.node_agent.actions import Agent
from hub.node_agent.keeper import Keeper
from hub.node_agent.mounts import mounted_pods, opened_seat
from hub.node_agent.record import Step, load_record
from hub.node_agent.watch import NodePods
from spawner.identity import Delivered, Order, Refusal, Why
from spawner.kube_feed import Persistence
from tests.fakes.fake_kubernetes import PATIENCE_SECONDS, FakeKubernetes
from tests.hub.node_agent.samples import NOW, order, raw_pod

if TYPE_CHECKING:
    from tests.hub.node_agent.conftest import Node


class Died(BaseException):
    """The agent, by kill -9."""


class Claims:
    """A node with a pod that was claimed, or was not, and the agent of that node."""

    def __init__(self, node: Node, kubernetes: FakeKubernetes, kube: Any) -> None:
        self.node = node
        self.kubernetes = kubernetes
        self.pods = NodePods(
            kube, namespace="lab", node="node-1", persistence=Persistence(log=logging.getLogger("test"))
        )
        self.time = 0.0
        self.uid = ""

    def agent(self, *, now: datetime = NOW) -> Agent:
        """A new one, which remembers nothing."""
        return Agent(self.node.places(), self.pods, clock=lambda: self.time, now=lambda: now)

    async def keep(self) -> None:
        """A look of a keeper that remembers nothing."""
        await Keeper(self.node.places(), self.pods, self.agent(), clock=lambda: self.time).look_once()

    def put_pod(self, claimed_by: Order | None = None) -> None:
        raw = raw_pod(claimed_by)
        raw["spec"]["nodeName"] = "node-1"
        self.uid = self.kubernetes.put_for_test("pods", raw)["metadata"]["uid"]

    async def claim(self, **change: Any) -> Order:
        """The pod is claimed by an order, and the agent has seen it."""
        claimed = order(pod_uid=self.uid, **change)
        self.kubernetes.change_for_test(
            "pods", "warm-1", {"metadata": raw_pod(claimed)["metadata"] | {"uid": self.uid}}
        )
        await self.until(lambda: bool(self.pods.pods) and self.pods.pods[self.uid].is_claimed)
        return claimed

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await self.pods.wait_changed(PATIENCE_SECONDS)

    @property
    def mounted(self) -> frozenset[str]:
        return mounted_pods(self.node.places())

    def step(self) -> Step | None:
        with opened_seat(self.node.places(), self.uid) as seat:
            record = load_record(seat)
            return record and record.step


def refused(answer: Delivered | Refusal) -> Why:
    assert isinstance(answer, Refusal), answer
    return answer.why


Body = Callable[[Claims], Awaitable[None]]


def runner(node: Node) -> Callable[[Body], None]:
    """Runs the body of a test where the node's mounts are seen, with a warm pod that nobody has claimed."""
    node.make_home("alice")
    (node.homes / "alice" / "shared" / "vision").mkdir(parents=True)
    node.make_team("vision")

    async def run(body: Body) -> None:
        async with FakeKubernetes() as kubernetes, kubernetes.kube() as kube:
            claims = Claims(node, kubernetes, kube)
            claims.put_pod()
            node.make_seat(claims.uid)
            following = asyncio.create_task(claims.pods.run())
            try:
                await claims.until(lambda: bool(claims.pods.pods))
                await body(claims)
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    return lambda body: node.inside(asyncio.run, run(body))
