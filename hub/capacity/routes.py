"""What programs ask of forecasts: `GET /hub/api/studiolo/capacity/forecast`, of the hub, which alone knows its room."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from hub.capacity.forecast_words import words_of
from hub.pages.wished_start import planned
from hub.roles import ACCESS_SERVICE
from spawner.credential_choice import choose_credentials
from studiolo.wire import ChoiceForecast, ChoiceForecasts

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from hub.capacity.forecast import Forecast


class ForecastApi(APIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """For people and their workspaces: what is on offer to the person who asks, and to nobody else."""

    async def get(self) -> None:
        """One forecast for each environment and hardware; `environment` and `hardware` pick some by name.

        Of a start with nothing but what is marked "always": whoever wants more may wait longer.
        """
        person = getattr(self.current_user, "orm_user", None)  # a service has none, and no teams
        if person is None:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "Sign in, or send a token of a person or of their workspace.")
        if not {ACCESS_SERVICE, "access:services"} & set(self.expanded_scopes):
            raise web.HTTPError(HTTPStatus.FORBIDDEN, f"The token lacks the scope {ACCESS_SERVICE}.")
        place = self.settings["studiolo"]
        teams = tuple(sorted(group.name for group in person.groups))
        now, zone = place.forecasts.now, ZoneInfo(place.catalogs.current.timezone)
        wanted = {name: self.get_argument(name, "") for name in ("environment", "hardware")}
        credentials = choose_credentials(None, await self.settings["studiolo_credentials"].known(person.name)).mounted
        plan_of = planned(user=person.name, server="", teams=teams, credentials=credentials)
        found = (
            as_view(each, now=now, zone=zone)
            for each in place.forecasts.forecasts(teams, plan_of)
            if wanted["environment"] in {"", each.environment} and wanted["hardware"] in {"", each.hardware}
        )
        self.set_header("Content-Type", "application/json")
        self.finish(ChoiceForecasts(forecasts=tuple(found)).model_dump_json())


def as_view(forecast: Forecast, *, now: datetime, zone: tzinfo) -> ChoiceForecast:
    """A forecast for programs, with the words that people read."""
    return ChoiceForecast(
        environment=forecast.environment,
        hardware=forecast.hardware,
        kind=forecast.kind.value,
        words=words_of(forecast, now=now, zone=zone),
        seconds=forecast.seconds,
        stages={entry.stage.value: entry.seconds for entry in forecast.stages},
        is_measured=forecast.is_measured,
        why=forecast.why.value,
        devices_used=forecast.used,
        devices=forecast.total,
        next_free=forecast.next_free,
        instead=forecast.instead,
    )


def handlers() -> list[tuple[Any, ...]]:
    """To be placed before JupyterHub's own; paths are relative to the hub's prefix."""
    return [(r"/api/studiolo/capacity/forecast", ForecastApi)]
