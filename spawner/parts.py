"""What a spawner works with: made once when the hub starts, and handed to every workspace's spawner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from spawner.credentials import NO_CREDENTIALS
from spawner.home_checks import HomeChecks
from spawner.packages import NO_PACKAGES
from spawner.parked_servers import NothingParked
from spawner.start_forecast import UNKNOWN_FORECAST
from studiolo.wire import StartRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from spawner.catalogs import CatalogHolder
    from spawner.credentials import CredentialSource
    from spawner.data_directory import DataDirectory
    from spawner.environments import EnvironmentStore
    from spawner.gpu_watch import WatchedGpus
    from spawner.machine import Machine
    from spawner.packages import PackageSource
    from spawner.parked_servers import ParkedServers
    from spawner.plan import LaunchPlan
    from spawner.start_forecast import StartForecast
    from studiolo.catalog import Hardware

__all__ = ["Forecasts", "NoForecasts", "NoHistory", "SpawnerParts", "StartHistory", "StartRecord", "no_quota"]


def no_quota(_teams: Collection[str]) -> int | None:
    """What a home may hold where nobody set a quota: there is none."""
    return None


class StartHistory(Protocol):
    """What is known of earlier starts. Never raises and never waits: a start goes on the same without it."""

    @property
    def is_away(self) -> bool:
        """Whether nobody answers, so that a page can say that estimates are missing."""

    def record(self, start: StartRecord) -> None:
        """Remembers a start that became ready or failed."""


class NoHistory:
    """Knows of no earlier start and remembers none: for a spawner without the services process."""

    is_away = True

    def record(self, start: StartRecord) -> None:
        """Forgets it."""


class Forecasts(Protocol):
    """Who says how long a start will take. Never raises and never waits: a start goes on the same without it."""

    def at_click(self, plan: LaunchPlan) -> StartForecast:
        """What will come of this start."""

    def instead(self, plan: LaunchPlan) -> tuple[Hardware, ...]:
        """Hardware that starts the same software for the same person, best first; nothing where nobody knows."""


class NoForecasts:
    """Promises nothing: for a spawner without a hub."""

    def at_click(self, plan: LaunchPlan) -> StartForecast:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return UNKNOWN_FORECAST

    def instead(self, plan: LaunchPlan) -> tuple[Hardware, ...]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerParts:
    """Everything outside JupyterHub that a start needs."""

    data: DataDirectory
    catalogs: CatalogHolder
    machine: Machine
    environments: EnvironmentStore
    starts: StartHistory
    gpus: WatchedGpus
    credentials: CredentialSource = NO_CREDENTIALS
    packages: PackageSource = NO_PACKAGES
    quota_of: Callable[[Collection[str]], int | None] = no_quota
    """How many bytes the home of somebody in these teams may hold."""
    package_index: str | None = None
    """Where pip and uv in a workspace find packages. None: where they always do."""
    forecasts: Forecasts = field(default_factory=NoForecasts)
    home_checks: HomeChecks = field(default_factory=HomeChecks)
    parked: ParkedServers = field(default_factory=NothingParked)
    """On one machine: servers that wait for somebody."""
