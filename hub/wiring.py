"""Our parts of the hub process, made from the settings; each receives what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.keys import ensure_keys
from hub.starts.history import LIMIT
from spawner.catalogs import CatalogHolder
from spawner.environments import EnvironmentStore
from spawner.gpu_watch import WatchedGpus
from spawner.gpus import NvmlGpus, SimulatedGpus
from spawner.limits import find_scope
from spawner.machine import Machine, ThisMachine, running_records
from spawner.parts import SpawnerParts
from studiolo.client import Studiolo

if TYPE_CHECKING:
    import logging

    from hub.settings import Settings
    from spawner.parts import StartHistory


def build_parts(settings: Settings, *, starts: StartHistory, log: logging.Logger) -> SpawnerParts:
    """What spawner and pages work with. Raises CatalogError when the catalogs cannot be used."""
    data = settings.data
    gpus = WatchedGpus(SimulatedGpus(settings.gpus.simulate) if settings.gpus.simulate else NvmlGpus())
    machine = Machine(
        ThisMachine(gpus, memory_reserve_bytes=settings.workspaces.memory_reserve),
        cpu_overcommit=settings.workspaces.cpu_overcommit,
        scope=find_scope(),
    )
    # Workspaces outlive the hub: what they hold is known before the first new start is admitted.
    machine.restore(record.held for record in running_records(data))
    return SpawnerParts(
        data=data,
        catalogs=CatalogHolder(settings.catalog_directory, log=log),
        machine=machine,
        environments=EnvironmentStore(
            data.environments, index_url=settings.packages.index_url, workspaces=data.workspaces, log=log
        ),
        starts=starts,
        gpus=gpus,
    )


def services_client(settings: Settings) -> Studiolo:
    """The services process as the hub reaches it: directly, not through the proxy, and never waited for long."""
    token = ensure_keys(settings.data).hub_token
    return Studiolo(settings.services.url, token, timeout=LIMIT.total_seconds())
