"""A start against a fake API server over real HTTP, with a real server in the place of the pod's."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from spawner import cluster_pods, cluster_start
from spawner.cluster_start import ClusterStart
from spawner.installation import Installation
from spawner.kube import Kube
from spawner.kube_feed import Pauses, Persistence
from spawner.plan import LaunchPlan, make_plan
from spawner.pod_watch import PodWatch
from spawner.progress import StartProgress
from spawner.progress_board import ProgressBoard
from studiolo.catalog import Catalog
from studiolo.choice import Choice
from tests.fakes.fake_kubernetes import NAMESPACE, FakeKubernetes

PATIENCE_SECONDS = 30.0
NAME = "ws-alice--default"
INSTALLATION = Installation(namespace=NAMESPACE, release="test", homes=None, stop_seconds=1)
SECRETS = {"JUPYTERHUB_API_TOKEN": "the-token"}
SCHEDULED = {"conditions": [{"type": "PodScheduled", "status": "True"}]}


@dataclass
class Cluster:
    """A fake API server, the hub's picture of it, and a server that would run in the pod."""

    api: FakeKubernetes
    kube: Kube
    pods: PodWatch
    plan: LaunchPlan
    board: ProgressBoard = field(default_factory=lambda: ProgressBoard(StartProgress()))

    def start(self, *, seconds: float = PATIENCE_SECONDS, kube: Kube | None = None, **more: Any) -> ClusterStart:
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": INSTALLATION.labels},
            "spec": {"containers": [{"name": "notebook", "image": "x"}]},
        }
        return ClusterStart(
            kube=kube or self.kube,
            pods=self.pods,
            plan=self.plan,
            installation=INSTALLATION,
            manifest=manifest,
            secrets=SECRETS,
            board=self.board,
            probe_path="/user/alice/api",
            seconds=seconds,
            **more,
        )

    def fits_nowhere(self) -> None:
        """The scheduler tells that no node will ever do."""
        said = (
            "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: "
            "1 Preemption is not helpful for scheduling."
        )
        scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
        self.api.change_for_test("pods", NAME, {"status": {"phase": "Pending", "conditions": [scheduled]}})

    def is_running(self) -> None:
        """The kubelet tells that the container runs."""
        running = {"name": "notebook", "ready": True, "state": {"running": {"startedAt": "2026-11-26T14:00:00Z"}}}
        status = {**SCHEDULED, "phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [running]}
        self.api.change_for_test("pods", NAME, {"spec": {"nodeName": "node1"}, "status": status})

    def has_ended(self, code: int) -> None:
        """The kubelet tells that the container has ended."""
        ended = {"name": "notebook", "state": {"terminated": {"exitCode": code, "reason": "Error"}}}
        status = {**SCHEDULED, "phase": "Failed", "containerStatuses": [ended]}
        self.api.change_for_test("pods", NAME, {"spec": {"nodeName": "node1"}, "status": status})

    async def kubelet(self) -> None:
        """Ends what is to end, as the node's kubelet does once the container has exited."""
        while True:
            pod = self.api.objects_for_test("pods").get(NAME, {})
            if "deletionTimestamp" in pod.get("metadata", {}):
                self.api.remove_for_test("pods", NAME)
            await asyncio.sleep(0.01)

    def names(self, resource: str = "pods") -> list[str]:
        return sorted(self.api.objects_for_test(resource))


@pytest.fixture
async def cluster(sample_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"version": "2"})

    app = web.Application()
    app.router.add_get("/user/alice/api", answer)
    monkeypatch.setattr(cluster_start, "API_PAUSE_SECONDS", 0.01)
    async with TestServer(app) as server, FakeKubernetes() as api, api.kube() as kube:
        monkeypatch.setattr(cluster_pods, "PORT", server.port)
        quick = Persistence(log=logging.getLogger(__name__), pauses=Pauses(first_seconds=0.01, most_seconds=0.05))
        pods = PodWatch(kube, namespace=NAMESPACE, labels=INSTALLATION.labels, persistence=quick)
        watching = asyncio.create_task(pods.run())
        assert await pods.wait_synced(PATIENCE_SECONDS)
        choice = Choice(environment="python", hardware="small")
        plan = make_plan(choice, catalog=sample_catalog, user="alice", server="", teams=())
        yield Cluster(api=api, kube=kube, pods=pods, plan=plan)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def refusal(status: int, reason: str, message: str) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "code": status}).encode()


async def run(cluster: Cluster, **options: Any) -> asyncio.Task[str]:
    """A start that has come to the point where the kubelet is waited for."""
    begun = asyncio.create_task(cluster.start(**options).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (cluster.names() and cluster.names("secrets")) and not begun.done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
    return begun
