"""How a stop is told, before and after. Pure."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from hub.idle.rules import Why
from spawner.ending import EndingKind
from spawner.lasting import StopReason
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from hub.idle.rules import Limits, Stop

_KINDS = {Why.IDLE: EndingKind.IDLE, Why.TOO_OLD: EndingKind.TOO_OLD}


def stop_reason(stop: Stop) -> StopReason:
    """What the owner reads at the next visit."""
    length = format_duration(stop.limit)
    match stop.why:
        case Why.IDLE:
            sentence = f"It was stopped after {length} without use."
        case Why.TOO_OLD:
            sentence = f"It was stopped after {length}, the longest that its hardware allows."
    return StopReason(kind=_KINDS[stop.why], sentence=sentence)


def describe_notice(why: Why, limit: timedelta, at: datetime, *, now: datetime, timezone: str) -> str:
    """What the owner reads before: "stops at 14:20 (in 12 min) unless it is used"."""
    left = format_duration(timedelta(minutes=max(1, round((at - now) / timedelta(minutes=1)))))
    moment = f"stops at {at.astimezone(_zone(timezone)):%H:%M} (in {left})" if at > now else "stops any moment now"
    match why:
        case Why.IDLE:
            return f"{moment} unless it is used"
        case Why.TOO_OLD:
            return f"{moment}: {format_duration(limit)} is the longest it may run"


def describe_extension(until: datetime, *, now: datetime, timezone: str) -> str:
    """What the owner reads after an extension: "not stopped before 15:20"; "" once that has passed."""
    return f"not stopped before {until.astimezone(_zone(timezone)):%H:%M}" if until > now else ""


def describe_limits(limits: Limits) -> str:
    """What is said before a start: "stopped after 2 h without use, and 24 h after its start"; "" for no limit."""
    parts = [f"after {format_duration(limits.stop_after)} without use"] if limits.stop_after else []
    parts += [f"{format_duration(limits.max_age)} after its start"] if limits.max_age else []
    return f"stopped {', and '.join(parts)}" if parts else ""


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):  # a system without the database of time zones
        return UTC
