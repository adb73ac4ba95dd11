"""The hub's ways out: to the services process, to its database, and to the lease that keeps others away."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hub.database_watch import DatabaseWatch
from hub.keys import keys_for
from hub.starts.history import LIMIT
from studiolo.client import Studiolo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from logging import Logger

    from hub.lease import LeaseThread
    from hub.settings import Settings
    from spawner.kube import Kube as KubeDoor


def services_client(settings: Settings) -> Studiolo:
    """The services process as the hub reaches it: directly, not through the proxy, and never waited for long."""
    return Studiolo(settings.services.url, keys_for(settings).hub_token, timeout=LIMIT.total_seconds())


def hub_database_watch(settings: Settings, *, log: Logger) -> DatabaseWatch:
    """What looks whether JupyterHub's database answers, and takes it for this hub alone."""
    return DatabaseWatch(settings.hub_database_url, what="The hub's database", is_exclusive=True, log=log)


def lease_thread(settings: Settings, *, log: Logger) -> LeaseThread | None:
    """The lease of a hub whose workspaces are pods. On one machine `studiolo up` keeps a second one away."""
    kubernetes = settings.kubernetes
    if kubernetes is None:
        return None
    # As in hub/backends.py: what speaks to Kubernetes is loaded only where it is spoken to.
    from hub.lease import LeaseName, LeaseThread  # noqa: PLC0415 - see above
    from spawner.kube import Kube  # noqa: PLC0415 - see above

    @asynccontextmanager
    async def connect() -> AsyncIterator[KubeDoor]:
        kube = await Kube.connect(kubernetes.kubeconfig)
        try:
            yield kube
        finally:
            await kube.close()

    which = LeaseName(
        namespace=kubernetes.namespace,
        name=f"{kubernetes.release}-hub",
        # In a pod the name is the pod's own; outside, two hubs of one machine have two ports.
        me=f"{socket.gethostname()}:{settings.hub.port}",
    )
    return LeaseThread(connect, which, log=log)
