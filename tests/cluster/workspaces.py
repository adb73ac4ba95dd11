"""JupyterHub's own user and database around the spawner for Kubernetes, on the real cluster."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from spawner.cluster import WorkspaceSpawner
from spawner.cluster_parts import ClusterParts
from spawner.installation import Installation
from spawner.kube import Kube
from spawner.kube_feed import Persistence
from spawner.node_watch import NodeWatch
from spawner.pod_watch import PodWatch
from studiolo.catalog import Catalog, CpuShare, Environment, Hardware
from tests.fakes.hub_objects import HubObjects
from tests.spawner.local.conftest import RememberedStarts

log = logging.getLogger(__name__)

GIB = 1024**3
SMALL = {"environment": "minimal", "hardware": "small"}


def catalog(images: Mapping[str, str], **more: Hardware) -> Catalog:
    """The pushed environments, and hardware that a machine of two cores has room for."""

    def hardware(name: str, cores: float, gib: float) -> Hardware:
        share = CpuShare(request=cores, limit=cores)
        return Hardware(name=name, title=name.capitalize(), cpu=share, memory_bytes=int(gib * GIB))

    environments = [Environment(name=name, title=name, image=image) for name, image in images.items()]
    return Catalog(
        environments=tuple(environments),
        hardware=(
            hardware("small", 0.2, 1),
            hardware("tiny", 0.1, 0.25),
            hardware("enormous", 64, 512),
            *more.values(),
        ),
    )


class ClusterHub(HubObjects[WorkspaceSpawner]):
    """Alice's hub, whose workspaces are pods of one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str, offered: Catalog, **more: Any) -> None:
        super().__init__(WorkspaceSpawner)
        self.kubeconfig = kubeconfig
        self.catalogs = SimpleNamespace(current=offered)
        self.starts = RememberedStarts()
        self.installation = Installation(
            namespace=namespace, release=f"test-{secrets.token_hex(3)}", homes=None, stop_seconds=3, **more
        )
        self._watching: asyncio.Future[Any] | None = None

    async def begin(self) -> None:
        """Connects, and knows the pods that are there: also after a restart, when nothing is known but the database."""
        await self.end()
        self.kube = await Kube.connect(self.kubeconfig)
        self.pods = PodWatch(
            self.kube,
            namespace=self.installation.namespace,
            labels=self.installation.labels,
            persistence=Persistence(log=log),
        )
        self.nodes = NodeWatch(self.kube, persistence=Persistence(log=log))
        self._watching = asyncio.gather(self.pods.run(), self.nodes.run())
        assert await self.pods.wait_synced(30)
        WorkspaceSpawner.parts = ClusterParts(
            catalogs=self.catalogs,  # type: ignore[arg-type]  # a catalog that does not change
            starts=self.starts,
            kube=self.kube,
            pods=self.pods,
            nodes=self.nodes,
            installation=self.installation,
        )
        self.restart()

    async def end(self) -> None:
        """As when the hub's process ends: no pod is touched."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
            await self.kube.close()


@asynccontextmanager
async def cluster_hub(kubeconfig: Path, namespace: str, offered: Catalog, **more: Any) -> AsyncIterator[ClusterHub]:
    """A hub for the time of a test; what it leaves goes with the namespace."""
    hub = ClusterHub(kubeconfig, namespace, offered, **more)
    await hub.begin()
    try:
        yield hub
    finally:
        for server in list(hub.user.orm_user.orm_spawners):
            hub.spawner(server).stop_polling()
        await hub.end()
        await hub.close()
