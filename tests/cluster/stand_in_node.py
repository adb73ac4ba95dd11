"""A node that is not there: its kubelet is a few lines here, and tells the real API server of pods that never run.

For races. What they are about is real: preconditions, watches, objects that end with a grace. Only containers are not,
so that a hundred pods are there in a moment, and none of them takes anything from a machine that others use. No node
object is made either, which others' schedulers and DaemonSets would see: the pods are bound to a name.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from spawner.kube import Json, Kube, KubeAway, KubeConflict, KubeExpired, KubeNotFound

PATIENCE_SECONDS = 120.0


class StandInNode:
    """The kubelet of one namespace's pods."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.name = f"nobody-{secrets.token_hex(3)}"
        self.selector = {"studiolo.test/node": self.name}
        """No node has it: the cluster's own scheduler leaves alone whatever asks for it."""
        self._kube = kube
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._addresses = 0
        self._busy: set[str] = set()

    def rename(self) -> None:
        """For the pods to come. Kubernetes collects pods of a name without a node, once it has known it for 40 s."""
        self.name = f"nobody-{secrets.token_hex(3)}"

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as works:
            while True:
                with suppress(KubeExpired, KubeAway):
                    page = await self._kube.get(self._pods)
                    for pod in page["items"]:
                        works.create_task(self._see(pod))
                    version = page["metadata"]["resourceVersion"]
                    async for event in self._kube.watch(self._pods, {"resourceVersion": version}):
                        if event["type"] in {"ADDED", "MODIFIED"}:
                            works.create_task(self._see(event["object"]))

    async def _see(self, pod: Json) -> None:
        """One step towards what a kubelet would have told; the next event brings the next."""
        metadata = pod["metadata"]
        key = f"{metadata['uid']} {metadata.get('deletionTimestamp', '')} {pod['spec'].get('nodeName', '')}"
        if key in self._busy:
            return
        self._busy.add(key)
        path = f"{self._pods}/{metadata['name']}"
        with suppress(KubeConflict, KubeNotFound):
            if "deletionTimestamp" in metadata:
                await self._kube.delete(path, uid=metadata["uid"], grace_seconds=0)
            elif not pod["spec"].get("nodeName"):
                target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
                name = {"name": metadata["name"], "uid": metadata["uid"]}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": name, "target": target}
                await self._kube.create(f"{path}/binding", binding)
            else:
                await self._kube.merge(
                    f"{path}/status", {"metadata": {"uid": metadata["uid"]}, "status": self._runs(pod)}
                )

    def _runs(self, pod: Json) -> dict[str, Any]:
        self._addresses += 1
        address = f"127.77.{self._addresses // 250}.{self._addresses % 250 + 1}"  # this machine's, as all of 127/8
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        (container,) = pod["spec"]["containers"]
        told = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        return {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Ready")],
            "containerStatuses": [{**told, "ready": True, "started": True, "state": {"running": {"startedAt": now}}}],
        }


@asynccontextmanager
async def stand_in_node(kube: Kube, namespace: str) -> AsyncIterator[StandInNode]:
    """For the time of a test."""
    node = StandInNode(kube, namespace)
    running = asyncio.create_task(node.run())
    try:
        yield node
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool], what: str) -> None:
    """Waits for what somebody's picture of the cluster will show."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not in {PATIENCE_SECONDS:.0f} s: {what}") from None
