"""When a workspace is stopped because nobody uses it, or because it is old. Pure: the same facts, the same answer.

What is not known never stops anybody. A workspace counts as unused only while its server says so, again and again; the
hub's own clock alone proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLOCKS_DIFFER: Final = timedelta(seconds=30)
"""How far the clock of a server may be ahead of the hub's. Activity further in the future says nothing about now."""

LEFT_AFTER: Final = timedelta(minutes=10)
"""Somebody who has not touched a workspace for so long has probably gone. Only forecasts rest on it."""

NOTHING_NOTICED: Final[Mapping[Why, datetime]] = MappingProxyType({})


class Why(StrEnum):
    """What a workspace is stopped for."""

    IDLE = "idle"
    """Nobody used it for as long as its hardware allows."""
    TOO_OLD = "age"
    """It has run for as long as its hardware allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a workspace may last; None: for ever."""

    stop_after: timedelta | None = None
    max_age: timedelta | None = None
    notice_before: timedelta
    extend_by: timedelta
    most_extensions: int
    heard_within: timedelta
    """How long a report of its server counts. Servers report again and again, also when nothing happens."""

    @property
    def are_none(self) -> bool:
        """Whether a workspace may last for ever."""
        return self.stop_after is None and self.max_age is None

    def notice(self, limit: timedelta) -> timedelta:
        """How long before its end a limit is told; at most half of it, or there would be a notice all the time."""
        return min(self.notice_before, limit / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one workspace."""

    is_ready: bool
    started: datetime | None
    last_activity: datetime | None
    heard: datetime | None
    """When its server last said how long it has been unused; None: not since this hub began to listen."""
    trusted_since: datetime | None = None
    """Before this moment the hub's clock was another one: what lies before it counts as use."""
    extended_until: datetime | None = None
    extensions: int = 0
    noticed: Mapping[Why, datetime] = field(default_factory=lambda: NOTHING_NOTICED)
    """Since when the notices that are up have been up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """It will be stopped, unless something changes."""

    why: Why
    limit: timedelta
    """The limit that is reached: what the notice names."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """It is to be stopped now."""

    why: Why
    limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One way in which a workspace comes to its end."""

    why: Why
    since: datetime
    limit: timedelta


Decision: TypeAlias = Stay | Warn | Stop


def decide(facts: Facts, limits: Limits, *, now: datetime) -> Decision:
    """What is to be done with a workspace. It is stopped only after a notice of full length."""
    return decide_among(notices(facts, limits, now=now), facts, now=now)


def decide_among(due: Sequence[Warn], facts: Facts, *, now: datetime) -> Decision:
    """The same, of notices that are known already."""
    ripe = next((notice for notice in due if _is_ripe(notice, facts, now)), None)
    if ripe is not None:
        return Stop(why=ripe.why, limit=ripe.limit)
    return due[0] if due else Stay()


def notices(facts: Facts, limits: Limits, *, now: datetime) -> tuple[Warn, ...]:
    """Every notice that has to be up now, the one that ends first in front."""
    found = (_notice(facts, end, length=limits.notice(end.limit), now=now) for end in _ends(facts, limits, now))
    return tuple(sorted((notice for notice in found if notice is not None), key=lambda notice: notice.at))


def may_extend(facts: Facts, limits: Limits, *, now: datetime) -> bool:
    """Whether its owner may keep it longer: while a notice is up, and not too often."""
    return facts.extensions < limits.most_extensions and isinstance(decide(facts, limits, now=now), Warn)


def likely_end(facts: Facts, limits: Limits, *, now: datetime) -> datetime | None:
    """When it ends if nobody comes back who has left; None where it may go on for ever. No promise: for forecasts."""
    ends = (
        _due(facts, end) for end in _ends(facts, limits, now) if end.why is Why.TOO_OLD or now - end.since >= LEFT_AFTER
    )
    return min(ends, default=None)


def _ends(facts: Facts, limits: Limits, now: datetime) -> tuple[_End, ...]:
    """Every way in which it comes to its end, as far as anybody knows."""
    if not facts.is_ready:
        return ()
    ends = []
    if limits.stop_after is not None and (since := _unused_since(facts, limits, now)) is not None:
        ends.append(_End(why=Why.IDLE, since=since, limit=limits.stop_after))
    if limits.max_age is not None and facts.started is not None and facts.started <= now:
        ends.append(_End(why=Why.TOO_OLD, since=facts.started, limit=limits.max_age))
    return tuple(ends)


def _due(facts: Facts, end: _End) -> datetime:
    due = end.since + end.limit
    return due if facts.extended_until is None else max(due, facts.extended_until)


def _unused_since(facts: Facts, limits: Limits, now: datetime) -> datetime | None:
    """Since when nobody has used it; None where nobody can say so: no data, no stop."""
    if facts.heard is None or facts.last_activity is None:
        return None
    is_stale = not timedelta(0) <= now - facts.heard <= limits.heard_within
    if is_stale or facts.last_activity > now + CLOCKS_DIFFER:
        return None
    known = (facts.last_activity, facts.started, facts.trusted_since)
    return max(moment for moment in known if moment is not None)


def _notice(facts: Facts, end: _End, *, length: timedelta, now: datetime) -> Warn | None:
    due = _due(facts, end)
    if now < due - length:
        return None
    return Warn(why=end.why, limit=end.limit, at=max(due, facts.noticed.get(end.why, now) + length))


def _is_ripe(notice: Warn, facts: Facts, now: datetime) -> bool:
    """Its time has come, and, for one that is unused, its server has confirmed that while the notice was up."""
    noticed = facts.noticed.get(notice.why)
    if noticed is None or now < notice.at:
        return False
    return notice.why is Why.TOO_OLD or (facts.heard is not None and facts.heard >= noticed)
