"""Workspaces as processes of this machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.capacity.board import ForecastBoard
from hub.capacity.rooms import MachineRooms
from hub.homes.wiring import HomesHere, measurements_here
from hub.pages.machine_place import MachinePlace
from spawner.catalogs import CatalogHolder
from spawner.credential_refresh import EVERY_SECONDS, refresh_credentials
from spawner.environment_studiolo import own_wheels
from spawner.environments import EnvironmentStore
from spawner.gpu_watch import WatchedGpus
from spawner.gpus import NvmlGpus, SimulatedGpus
from spawner.limits import find_scope
from spawner.local import LocalWorkspaceSpawner
from spawner.machine import Machine, ThisMachine, running_records
from spawner.orphans import end_orphans
from spawner.parked_servers import NothingParked, ParkedServers
from spawner.parts import SpawnerParts
from studiolo.names import workspace_key

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from hub.settings import Settings
    from hub.starts.history import StartHistory
    from hub.workspace_rows import WorkspaceRow
    from spawner.credentials import CredentialSource
    from spawner.homes import HomeUsage
    from spawner.limits import Scope
    from spawner.packages import PackageSource


class MachineBackend:
    """One machine, its GPUs, and the environments built on it."""

    pods: None = None
    """Workspaces are processes."""

    def __init__(
        self,
        settings: Settings,
        *,
        starts: StartHistory,
        credentials: CredentialSource,
        packages: PackageSource,
        log: logging.Logger,
    ) -> None:
        """Knows at once what runs already. Raises CatalogError where the catalogs cannot be used."""
        self._log = log
        if settings.auth.oidc.uid_claim:
            log.warning("auth.oidc.uidClaim has no effect on one machine: every workspace runs as the user of the hub.")
        self._likely_ends: Callable[[], Mapping[str, datetime]] = dict
        parts = _parts(settings, starts=starts, credentials=credentials, packages=packages, log=log)
        forecasts = ForecastBoard(
            MachineRooms(parts, likely_ends=self._ends_now),
            catalogs=parts.catalogs,
            times=lambda: starts.stage_times,
        )
        self._parts = replace(parts, forecasts=forecasts)
        self.place = MachinePlace(self._parts, forecasts)
        self._measurements = measurements_here(settings.data) if settings.homes.has_quota else None
        self._homes = HomesHere(settings.data)
        LocalWorkspaceSpawner.parts = self._parts

    @property
    def measure_home(self) -> Callable[[str], Awaitable[HomeUsage]] | None:
        """Looks at the folder, where there is a quota to compare with."""
        return None if self._measurements is None else self._measurements.of

    @property
    def homes(self) -> HomesHere:
        """The folders themselves."""
        return self._homes

    @property
    def next_hub_goes_on(self) -> bool:
        """Only with a server that runs: what installs software is a child of the hub."""
        return False

    def ends_from(self, likely_ends: Callable[[], Mapping[WorkspaceRow, datetime]]) -> None:
        """By their keys in the ledger."""
        self._likely_ends = lambda: {workspace_key(row.user, row.server): end for row, end in likely_ends().items()}

    def _ends_now(self) -> Mapping[str, datetime]:
        return self._likely_ends()

    async def open(self) -> None:
        """Ends what was parked for a hub that was killed together with its keepers."""
        await asyncio.to_thread(self._parts.parked.sweep)

    async def settle(self, known: Callable[[], frozenset[WorkspaceRow]]) -> None:
        """Ends processes that nobody knows."""
        keys = {workspace_key(row.user, row.server) for row in known()}
        ended = await end_orphans(self._parts, known=keys, log=self._log)
        LocalWorkspaceSpawner.meter.orphans_ended(len(ended))

    def watched(self, known: Callable[[], frozenset[WorkspaceRow]]) -> Mapping[str, Callable[[], Awaitable[Any]]]:
        """The GPUs: one may fall off the bus. And credentials, which their owners may change or remove."""

        async def refresh() -> None:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                for row in known():
                    folder = self._parts.data.workspace(row.user, row.server).credentials
                    await refresh_credentials(folder, user=row.user, server=row.server, source=self._parts.credentials)

        return {
            "Watching the GPUs": self._parts.gpus.watch,
            "Keeping the files of credentials as they should be": refresh,
        }

    async def close(self) -> None:
        """Begins no further look at homes, and ends what is parked."""
        self._parts.parked.close()
        if self._measurements is not None:
            self._measurements.close()


def _parts(
    settings: Settings,
    *,
    starts: StartHistory,
    credentials: CredentialSource,
    packages: PackageSource,
    log: logging.Logger,
) -> SpawnerParts:
    data = settings.data
    gpus = WatchedGpus(SimulatedGpus(settings.gpus.simulate) if settings.gpus.simulate else NvmlGpus())
    scope = find_scope()
    machine = Machine(
        ThisMachine(gpus, memory_reserve_bytes=settings.workspaces.memory_reserve),
        cpu_overcommit=settings.workspaces.cpu_overcommit,
        scope=scope,
    )
    # Workspaces outlive the hub: what they hold is known before the first new start is admitted.
    machine.restore(record.held for record in running_records(data))
    return SpawnerParts(
        data=data,
        catalogs=CatalogHolder(settings.catalog_directory, log=log),
        machine=machine,
        environments=EnvironmentStore(
            data.environments,
            index_url=settings.packages.index_url,
            workspaces=data.workspaces,
            wheels=own_wheels(settings.packages.index_url),
            log=log,
        ),
        starts=starts,
        gpus=gpus,
        credentials=credentials,
        packages=packages,
        quota_of=settings.homes.quota_of,
        package_index=settings.packages.index_url,
        parked=_parked(settings, scope, log=log),
    )


def _parked(settings: Settings, scope: Scope | None, *, log: logging.Logger) -> ParkedServers:
    wanted = settings.workspaces
    if not wanted.parked_servers:
        return NothingParked()
    return ParkedServers(settings.data.parked, log=log, has_kernel=wanted.parked_kernels, scope=scope)
