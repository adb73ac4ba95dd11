"""Forecasts for whoever asks: pages and programs get all, a start its own, a failed start the best of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from hub.capacity.forecast import best_offers, forecast, normal_stages, stage_spread, with_offers
from spawner.plan import Shape
from spawner.stages import Stage
from spawner.start_forecast import StartForecast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hub.capacity.forecast import Forecast
    from hub.capacity.quotas import Quota
    from hub.capacity.rooms import Rooms
    from hub.capacity.stage_times import StageTimes
    from spawner.catalogs import CatalogHolder
    from spawner.plan import LaunchPlan
    from studiolo.catalog import Environment, Hardware

    PlanOf = Callable[[Shape], LaunchPlan]
    """What somebody would start, on whatever software and hardware."""


class WarmLook(Protocol):
    """The warm pods of one moment: one look serves a whole page."""

    def is_for(self, plan: LaunchPlan) -> bool:
        """Whether one waits that this start would claim."""


class WarmPods(Protocol):
    """Says which starts would claim one."""

    def look(self) -> WarmLook:
        """At those that are there now."""

    def may_claim(self, plan: LaunchPlan) -> bool:
        """Whether a start could claim one if there was one."""


class NoWarmPods:
    """Where none are kept."""

    def look(self) -> WarmLook:
        """None."""
        return self

    def is_for(self, plan: LaunchPlan) -> bool:  # noqa: ARG002 - the protocol's
        """None."""
        return False

    def may_claim(self, plan: LaunchPlan) -> bool:  # noqa: ARG002 - the protocol's
        """Never."""
        return False


class ForecastBoard:
    """Forecasts from what is known at this moment. Waits for nobody, and never keeps a start from going on."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        catalogs: CatalogHolder,
        times: Callable[[], StageTimes],
        quotas: Callable[[], Sequence[Quota]] = tuple,
        warm: WarmPods | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`times`: what is known of earlier starts. `quotas`: those that hold for everybody's workspaces."""
        self._rooms = rooms
        self._catalogs = catalogs
        self._times = times
        self._quotas = quotas
        self._warm = warm or NoWarmPods()
        self._wall = wall

    @property
    def now(self) -> datetime:
        """The time on the wall."""
        return self._wall()

    def forecasts(self, teams: Collection[str], plan_of: PlanOf | None = None) -> tuple[Forecast, ...]:
        """One for each environment and hardware on offer to somebody in these teams, each with its best offer.

        `plan_of`: what they would start. None: as if no warm pod waited.
        """
        catalog = self._catalogs.current
        hardware = catalog.offered_hardware(teams)
        return with_offers(self._forecasts(catalog.offered_environments(teams), hardware, plan_of), hardware)

    def may_claim(self, plan: LaunchPlan) -> bool:
        """Whether this start would claim a warm pod if one of its shape waited."""
        return self._warm.may_claim(plan)

    def at_click(self, plan: LaunchPlan) -> StartForecast:
        """What will come of this start."""
        times, warm = self._times(), self._warm.look()
        ((asked, room),) = self._rooms.look((plan.shape.environment,), (plan.shape.hardware,), times)
        found = forecast(asked, room, times, quotas=self._quotas(), is_awaited=warm.is_for(plan))
        stages = tuple((entry.stage, entry.seconds) for entry in found.stages)
        normal = normal_stages(asked, room, times)
        return StartForecast(
            kind=found.kind.value,
            seconds=found.seconds,
            stages=stages or normal,
            otherwise=normal if found.is_claim else (),
            spreads={stage: stage_spread(asked, room.groups, times, stage) for stage in Stage},
        )

    def instead(self, plan: LaunchPlan) -> tuple[Hardware, ...]:
        """Hardware that starts the same software for the same person, best first."""
        environment, asked = plan.shape.environment, plan.shape.hardware
        hardware = self._catalogs.current.offered_hardware(plan.identity.teams)
        known = dict.fromkeys((*hardware, asked))
        found = self._forecasts((environment,), hardware, lambda shape: replace(plan, shape=shape))
        names = best_offers(
            environment.name, asked.name, [entry for entry in found if entry.is_room_known], list(known)
        )
        entries = {entry.name: entry for entry in hardware}
        return tuple(entries[name] for name in names)

    def _forecasts(
        self, environments: Sequence[Environment], hardware: Sequence[Hardware], plan_of: PlanOf | None
    ) -> tuple[Forecast, ...]:
        times, quotas, warm = self._times(), self._quotas(), self._warm.look()
        shapes = (Shape(environment=environment, hardware=entry) for environment in environments for entry in hardware)
        return tuple(
            forecast(
                asked,
                room,
                times,
                quotas=quotas,
                is_awaited=plan_of is not None and warm.is_for(plan_of(shape)),
            )
            for shape, (asked, room) in zip(shapes, self._rooms.look(environments, hardware, times), strict=True)
        )
