"""A forecast in words, the same on cards, in the API, on the command line and in an offer. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.capacity.forecast import Kind, Why
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from hub.capacity.forecast import Forecast

MINUTE = 60
FEW_MINUTES = 5 * MINUTE


def words_of(forecast: Forecast, *, now: datetime, zone: tzinfo) -> str:
    """One line: "ready in about 4 s", "not now: 8 of 8 GPUs in use, next likely free at 14:20"."""
    match forecast.kind:
        case Kind.READY:
            return f"ready in {wait_of(forecast)}"
        case Kind.PULL:
            what = "the software must be installed" if forecast.is_install else "the image must be pulled"
            return f"{wait_of(forecast)} ({what})"
        case Kind.NODE:
            return f"{wait_of(forecast)} (a new node)"
        case Kind.NOT_NOW:
            return f"not now: {_full(forecast)}{_next_free(forecast, now, zone)}"
        case _:
            return f"never: {_never(forecast)}"


def wait_of(forecast: Forecast) -> str:
    """The wait alone: "about 4 s"; "" where it does not start."""
    return "" if forecast.seconds is None else f"about {format_duration(rounded(forecast.seconds))}"


def rounded(seconds: float) -> float:
    """As exact as anybody can know: whole seconds, then tens of them, then minutes."""
    if seconds < MINUTE:
        return max(1.0, float(round(seconds)))
    step = 10 if seconds < 2 * MINUTE else 30 if seconds < FEW_MINUTES else MINUTE
    return float(round(seconds / step) * step)


def _full(forecast: Forecast) -> str:
    if forecast.why is Why.OUT_OF_USE:
        return "the machines that could hold it are out of use"
    if forecast.said:
        return forecast.said
    if forecast.total:
        in_use = f"{forecast.used} of {forecast.total} {'GPU' if forecast.total == 1 else 'GPUs'} in use"
        return in_use if forecast.used == forecast.total else f"{in_use}, and no machine has {forecast.asked} free"
    return "every machine that could hold it is full"


def _next_free(forecast: Forecast, now: datetime, zone: tzinfo) -> str:
    if forecast.next_free is None or forecast.next_free <= now:
        return ""
    there, here = forecast.next_free.astimezone(zone), now.astimezone(zone)
    is_today = there.date() == here.date()
    return f", next likely free {'at' if is_today else 'on'} {there:{'%H:%M' if is_today else '%a %d %b, %H:%M'}}"


def _never(forecast: Forecast) -> str:
    if forecast.why is Why.QUOTA:
        return f"{forecast.quota} is used up"
    return forecast.said or "no machine is large enough and of the kind"
