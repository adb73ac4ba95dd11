"""Builds in a cluster: the only part of slow builds that asks Kubernetes, and only through `spawner.kube`."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.builder.slow.derived_base import LONGEST_LOG, Seen
from hub.builder.slow.errors import ClusterAway, ClusterRefuses
from hub.builder.slow.job import job_manifest, without_user_namespaces
from hub.builder.slow.observed import observe
from spawner.kube import Kube, KubeAway, KubeConflict, KubeError, KubeExpired, KubeNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hub.builder.slow.derived_base import DerivedBase
    from hub.builder.slow.job import BuildPlace
    from hub.builder.slow.recipe import Recipe

LOG_LINES: Final = 60
"""Of the end of a log that are asked for."""


@contextmanager
def _as_ours() -> Iterator[None]:
    """Whoever uses this need not load Kubernetes' client to know what can go wrong."""
    try:
        yield
    except (KubeAway, KubeExpired) as error:
        raise ClusterAway from error
    except KubeError as error:
        raise ClusterRefuses(f"The cluster says no: {str(error)[:500]}") from error


class BuildCluster:
    """The builds of one installation. Everything raises ClusterAway or ClusterRefuses."""

    def __init__(self, connect: Callable[[], Awaitable[Kube]], place: BuildPlace) -> None:
        """Connects when it is first asked something."""
        self._connect = connect
        self._place = place
        self._kube: Kube | None = None
        self._connecting = asyncio.Lock()

    async def why_not(self) -> str:
        """Why its nodes cannot build; "" where they can."""
        with _as_ours():
            kube = await self._connected()
            nodes = [one async for page in kube.pages("/api/v1/nodes") for one in page["items"]]
        return without_user_namespaces(nodes, self._place.node_selector)

    async def create(self, base: DerivedBase, recipe: Recipe) -> None:
        """There is a Job for it, also where there was one already."""
        with _as_ours():
            kube = await self._connected()
            try:
                await kube.create(self._jobs, job_manifest(base, recipe, self._place))
            except KubeConflict:
                return  # of this very attempt: this process, or another, was ended before it wrote that down

    async def look(self, job: str) -> Seen:
        """What becomes of it."""
        with _as_ours():
            kube = await self._connected()
            try:
                found = await kube.get(f"{self._jobs}/{job}")
            except KubeNotFound:
                return Seen(is_there=False)
            pods = await kube.get(f"{self._core}/pods", {"labelSelector": f"batch.kubernetes.io/job-name={job}"})
        observed = observe(found, pods["items"], self._place)
        if not observed.step:
            return observed.seen
        return replace(observed.seen, log=await self._log(observed.pod, observed.step))

    async def remove(self, job: str) -> None:
        """Its Job and its pod end."""
        with _as_ours():
            kube = await self._connected()
            try:
                await kube.delete(f"{self._jobs}/{job}", propagation="Background")
            except KubeNotFound:
                return

    async def close(self) -> None:
        """Let go of connections; builds go on."""
        if self._kube is not None:
            await self._kube.close()

    async def _log(self, pod: str, step: str) -> str:
        kube = await self._connected()
        query = {"container": step, "tailLines": str(LOG_LINES)}
        try:
            return (await kube.text(f"{self._core}/pods/{pod}/log", query))[-LONGEST_LOG:]
        except KubeError:
            return ""  # the reason is known, and the log is gone with its node

    async def _connected(self) -> Kube:
        async with self._connecting:
            if self._kube is None:
                self._kube = await self._connect()
            return self._kube

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._place.namespace}/jobs"

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self._place.namespace}"
