"""JupyterHub with our spawner for Kubernetes and nothing else: `python -m bench.cluster_hub_app FOLDER -f FILE`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from jupyterhub.app import JupyterHub

from hub.database import settle_sqlite
from spawner.cluster import WorkspaceSpawner
from spawner.cluster_parts import ClusterParts
from spawner.installation import Installation
from spawner.kube import Kube
from spawner.kube_feed import Persistence
from spawner.parts import NoHistory
from spawner.pod_watch import PodWatch
from studiolo.catalog import Catalog, CpuShare, Environment, Hardware
from studiolo.catalog_model import Toleration


class BenchHub(JupyterHub):  # type: ignore[misc]  # untyped upstream
    """The stock hub with our spawner's parts."""

    name = "jupyterhub"

    def init_db(self) -> None:
        """With our hub's settings for SQLite."""
        super().init_db()
        settle_sqlite(self.session_factory.kw["bind"])

    async def init_spawners(self) -> None:
        """Connects before anything asks for a spawner."""
        installation = Installation(namespace=FACTS["namespace"], release="bench", homes=None)
        kube = await Kube.connect(Path(os.environ["KUBECONFIG"]))
        pods = PodWatch(
            kube, namespace=installation.namespace, labels=installation.labels, persistence=Persistence(log=self.log)
        )
        self._watching = asyncio.create_task(pods.run())
        await pods.wait_synced(30)
        label = FACTS["node_label"]
        small = Hardware(
            name="small",
            title="Small",
            cpu=CpuShare(request=0.2, limit=2),
            memory_bytes=10**9,
            node_selector=((label, "true"),) if label else (),
            tolerations=(Toleration(key=label, value="true", effect="NoSchedule"),) if label else (),
        )
        catalog = Catalog(
            environments=(Environment(name="bench", title="Bench", image=FACTS["image"]),), hardware=(small,)
        )
        WorkspaceSpawner.parts = ClusterParts(
            catalogs=SimpleNamespace(current=catalog),  # type: ignore[arg-type]  # one that never changes
            starts=NoHistory(),
            kube=kube,
            pods=pods,
            installation=installation,
        )
        await super().init_spawners()


if __name__ == "__main__":
    FACTS = json.loads(Path(sys.argv.pop(1), "installation.json").read_text())
    BenchHub.spawner_class.default_value = WorkspaceSpawner
    BenchHub.launch_instance()
