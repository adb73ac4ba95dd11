"""Forecasts for whoever asks: pages and programs get all, a start its own, a failed start the best of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.capacity.forecast import best_offers, forecast, stage_spread, with_offers
from spawner.stages import Stage
from spawner.start_forecast import UNKNOWN_FORECAST, StartForecast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hub.capacity.forecast import Forecast
    from hub.capacity.quotas import Quota
    from hub.capacity.rooms import Rooms
    from hub.capacity.stage_times import StageTimes
    from spawner.catalogs import CatalogHolder
    from studiolo.catalog import Environment, Hardware
    from studiolo.choice import Choice


class ForecastBoard:
    """Forecasts from what is known at this moment. Waits for nobody, and never keeps a start from going on."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        catalogs: CatalogHolder,
        times: Callable[[], StageTimes],
        quotas: Callable[[], Sequence[Quota]] = tuple,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`times`: what is known of earlier starts. `quotas`: those that hold for everybody's workspaces."""
        self._rooms = rooms
        self._catalogs = catalogs
        self._times = times
        self._quotas = quotas
        self._wall = wall

    @property
    def now(self) -> datetime:
        """The time on the wall."""
        return self._wall()

    def forecasts(self, teams: Collection[str]) -> tuple[Forecast, ...]:
        """One for each environment and hardware on offer to somebody in these teams, each with its best offer."""
        catalog = self._catalogs.current
        hardware = catalog.offered_hardware(teams)
        return with_offers(self._forecasts(catalog.offered_environments(teams), hardware), hardware)

    def at_click(self, choice: Choice, teams: Collection[str]) -> StartForecast:  # noqa: ARG002 - the protocol's
        """What will come of this choice; nothing where the catalog has changed since."""
        catalog = self._catalogs.current
        environment, hardware = catalog.environment(choice.environment), catalog.hardware_named(choice.hardware)
        if environment is None or hardware is None:
            return UNKNOWN_FORECAST
        times = self._times()
        ((asked, room),) = self._rooms.look((environment,), (hardware,), times)
        found = forecast(asked, room, times, quotas=self._quotas())
        return StartForecast(
            kind=found.kind.value,
            seconds=found.seconds,
            stages=tuple((entry.stage, entry.seconds) for entry in found.stages),
            spreads={stage: stage_spread(asked, room.groups, times, stage) for stage in Stage},
        )

    def instead(self, choice: Choice, teams: Collection[str]) -> tuple[Hardware, ...]:
        """Hardware that starts the same software, best first."""
        catalog = self._catalogs.current
        environment, hardware = catalog.environment(choice.environment), catalog.offered_hardware(teams)
        asked = catalog.hardware_named(choice.hardware)
        if environment is None or asked is None:
            return ()
        known = dict.fromkeys((*hardware, asked))
        forecasts = [entry for entry in self._forecasts((environment,), hardware) if entry.is_room_known]
        names = best_offers(choice.environment, asked.name, forecasts, tuple(known))
        entries = {entry.name: entry for entry in hardware}
        return tuple(entries[name] for name in names)

    def _forecasts(self, environments: Sequence[Environment], hardware: Sequence[Hardware]) -> tuple[Forecast, ...]:
        times, quotas = self._times(), self._quotas()
        return tuple(
            forecast(asked, room, times, quotas=quotas)
            for asked, room in self._rooms.look(environments, hardware, times)
        )
