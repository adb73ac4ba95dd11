"""The pods of this node, as the API server tells: the agent's own look, which no caller can bend."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from hub.node_agent.pods import seat_pod
from spawner.kube import KubeAway, KubeNotFound
from spawner.kube_feed import Feed, list_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from hub.node_agent.pods import SeatPod
    from spawner.kube import Json
    from spawner.kube_feed import KubeReader, Persistence


class NodePods:
    """Pods of the workspaces' namespace on one node, by uid."""

    def __init__(self, kube: KubeReader, *, namespace: str, node: str, persistence: Persistence) -> None:
        """Knows nothing until `run` runs."""
        self._kube = kube
        self.namespace = namespace
        """Pods elsewhere are another installation's, whose own agent looks after them."""
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._selector = {"fieldSelector": f"spec.nodeName={node}"}
        self._feed = Feed("pods of this node", persistence)
        self._pods: dict[str, SeatPod] | None = None
        self._changed = asyncio.Event()

    async def run(self) -> NoReturn:
        """Keeps the picture up to date for ever; end it by cancelling."""
        await self._feed.forever(self._follow)

    @property
    def pods(self) -> Mapping[str, SeatPod] | None:
        """All that are known; None before the first list was read."""
        return self._pods

    async def until(self, holds: Callable[[SeatPod | None], bool], uid: str, *, seconds: float) -> SeatPod | None:
        """The pod as soon as that holds for it, or as it is when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while not holds(self._get(uid)):
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self._get(uid)

    async def wait_changed(self, seconds: float) -> None:
        """Until something is told of any pod, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def is_gone(self, name: str, uid: str) -> bool:
        """The truth about a pod that the picture lacks. Raises KubeError where nobody tells it."""
        try:
            found = seat_pod(await self._kube.get(f"{self._path}/{name}"))
        except KubeNotFound as error:
            if error.reason != "NotFound":  # a proxy with no server behind it says 404 of everything
                raise KubeAway(f"The answer is not of Kubernetes: {error}", status=error.status) from error
            return True
        return found.uid != uid

    def _get(self, uid: str) -> SeatPod | None:
        return (self._pods or {}).get(uid)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _follow(self) -> None:
        if not self._feed.version:
            self._feed.version = await self._list()
        await self._feed.follow(self._kube, self._path, self._selector, self._take)

    async def _list(self) -> str:
        listed: dict[str, SeatPod] = {}
        version = ""
        async with aclosing(self._kube.pages(self._path, self._selector)) as pages:
            async for page in pages:
                version = version or list_version(page)
                listed.update((pod.uid, pod) for pod in map(seat_pod, page["items"] or ()))
        self._pods = listed
        self._tell()
        return version

    def _take(self, kind: str, raw: Json) -> None:
        if self._pods is None or kind not in {"ADDED", "MODIFIED", "DELETED"}:
            return
        pod = seat_pod(raw)
        if kind == "DELETED":
            self._pods.pop(pod.uid, None)
        else:
            self._pods[pod.uid] = pod
        self._tell()
