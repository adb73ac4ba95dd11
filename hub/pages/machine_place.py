"""One machine as pages see it: what fits into what nobody holds, and which environments are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.pages.actions import log_address
from hub.pages.admin_view import EnvironmentFacts, GpuFacts, machine_figures, parked_figure
from hub.pages.cards import MachineFacts, SoftwareFacts
from hub.pages.spawn_view import Offer
from spawner.admission import what_fits
from spawner.environments import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.capacity.board import ForecastBoard, PlanOf
    from hub.pages.admin_view import Figure
    from spawner.parts import SpawnerParts
    from studiolo.catalog import Environment


class MachinePlace:
    """The machine that the hub runs on."""

    title = "This machine"

    def __init__(self, parts: SpawnerParts, forecasts: ForecastBoard) -> None:
        """`parts` are what its spawner works with."""
        self._parts = parts
        self.forecasts = forecasts
        self.catalogs = parts.catalogs
        self.starts = parts.starts

    def offer_to(self, teams: Collection[str], plan_of: PlanOf | None = None) -> Offer:
        """All that is on offer to people in these teams, and whether it fits now."""
        catalog, machine = self.catalogs.current, self._parts.machine
        state = machine.state()
        hardware = catalog.offered_hardware(teams)
        return Offer(
            software=tuple(self._software(environment) for environment in catalog.offered_environments(teams)),
            hardware=hardware,
            machine=MachineFacts(
                state=state,
                verdicts=what_fits(hardware, state),
                memory_is_enforced=machine.memory_is_enforced,
                cpu_is_enforced=machine.cpu_is_enforced,
            ),
            currency=catalog.currency,
            default=catalog.default_choice(teams),
            data=catalog.offered_data(teams),
            knows_estimates=not self.starts.is_away,
            forecasts=self.forecasts.forecasts(teams, plan_of),
            timezone=catalog.timezone,
        )

    def figures(self) -> tuple[Figure, ...]:
        """Memory, cores, GPUs, how many workspaces run, and which servers wait to become one."""
        waiting = tuple(each.memory_bytes() for each in self._parts.parked.all())
        return (*machine_figures(self._parts.machine.state(), self._gpu_facts()), parked_figure(waiting))

    def environments_on_disk(self) -> tuple[EnvironmentFacts, ...]:
        """The environments that are built on this machine."""
        catalog = self.catalogs.current
        titles = {environment.name: environment.title for environment in catalog.environments}
        return tuple(
            EnvironmentFacts(
                names=tuple(titles.get(name, name) for name in built.names) if built.is_named else (),
                digest=built.digest,
                size_bytes=built.bytes,
                built_at=built.built_at,
                last_used=built.last_used,
                is_in_use=built.in_use,
            )
            for built in self._parts.environments.on_disk(catalog.environments)
        )

    def log_address(self, user: str, server: str) -> str:
        """The services process reads it from the data directory."""
        return log_address(user, server)

    def _gpu_facts(self) -> GpuFacts:
        gpus = self._parts.gpus
        names = dict.fromkeys(gpu.name if gpu.is_healthy else f"{gpu.name} (lost)" for gpu in gpus.gpus())
        return GpuFacts(names=tuple(names), problem=gpus.problem)

    def _software(self, environment: Environment) -> SoftwareFacts:
        store = self._parts.environments
        try:
            is_ready = store.is_ready(environment)
        except BuildFailed as error:
            return SoftwareFacts(environment=environment, is_ready=False, problem=str(error))
        return SoftwareFacts(
            environment=environment, is_ready=is_ready, missing_programs=store.missing_programs(environment)
        )
