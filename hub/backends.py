"""What makes workspaces: processes of this machine, or pods. Everything that differs between the two in the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from hub.archives.hub_steps import HomeKeeper
    from hub.pages.place import Place
    from hub.settings import Settings
    from hub.starts.history import StartHistory
    from hub.workspace_rows import WorkspaceRow
    from spawner.credentials import CredentialSource
    from spawner.homes import HomeUsage
    from spawner.packages import PackageSource
    from spawner.pod_watch import PodWatch
    from studiolo.client import Studiolo


class Backend(Protocol):
    """One way to run workspaces."""

    @property
    def place(self) -> Place:
        """The same as pages see it."""

    @property
    def pods(self) -> PodWatch | None:
        """What is known of pods; None where workspaces are none, or before `open`."""

    @property
    def measure_home(self) -> Callable[[str], Awaitable[HomeUsage]] | None:
        """What a home holds, by its name on disk; None where nobody measures homes."""

    @property
    def homes(self) -> HomeKeeper | None:
        """Puts homes aside and brings them back; None where nobody can."""

    @property
    def next_hub_goes_on(self) -> bool:
        """Whether starts and stops that this hub leaves, at whatever step, are taken up by the next one."""

    def ends_from(self, likely_ends: Callable[[], Mapping[WorkspaceRow, datetime]]) -> None:
        """Who says when workspaces likely end; before anything asks for a forecast."""

    async def open(self) -> None:
        """Before anything asks for a spawner. Never waits long: a hub without its cluster still answers people."""

    async def settle(self, known: Callable[[], frozenset[WorkspaceRow]]) -> None:
        """Once, when the hub has looked at all workspaces it knows: ends what nobody knows."""

    def watched(self, known: Callable[[], frozenset[WorkspaceRow]]) -> Mapping[str, Callable[[], Awaitable[Any]]]:
        """What runs beside the hub as long as it does, by what it is."""

    async def close(self) -> None:
        """Lets go of connections; workspaces go on."""


def make_backend(
    settings: Settings,
    *,
    starts: StartHistory,
    credentials: CredentialSource,
    packages: PackageSource,
    services: Studiolo,
    log: logging.Logger,
) -> Backend:
    """The one that the settings ask for. Raises CatalogError where the catalogs cannot be used."""
    # Only the one that is used: on one machine a hub starts without the 0.4 s of what speaks to Kubernetes.
    if settings.kubernetes is None:
        from hub.machine_backend import MachineBackend  # noqa: PLC0415 - see above

        return MachineBackend(settings, starts=starts, credentials=credentials, packages=packages, log=log)
    kubernetes = settings.kubernetes
    from hub.cluster_backend import ClusterBackend  # noqa: PLC0415 - see above

    return ClusterBackend(
        settings, kubernetes, starts=starts, credentials=credentials, packages=packages, services=services, log=log
    )
