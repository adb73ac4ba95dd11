"""Queries about slow builds; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import CursorResult, delete, or_, select, update

from hub.builder.slow.derived_base import DerivedBase, State
from hub.builder.slow.tables import BaseWishRow, BuildBegunRow, DerivedBaseRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

DAY: Final = timedelta(days=1)

OPEN: Final = (State.WAITING, State.BUILDING, State.CHECKING)

REMEMBERED: Final = 20
"""Builds by which the next one's time is told."""


def base_of(session: Session, key: str) -> DerivedBase | None:
    """One recipe's."""
    row = session.get(DerivedBaseRow, key)
    return None if row is None else _base(row)


def bases_of(session: Session, person: str) -> tuple[DerivedBase, ...]:
    """All that somebody asked for, the newest first."""
    keys = select(BaseWishRow.key).where(BaseWishRow.person == person)
    rows = session.scalars(select(DerivedBaseRow).where(DerivedBaseRow.key.in_(keys)))
    return tuple(sorted(map(_base, rows), key=lambda one: (one.asked, one.key), reverse=True))


def unfinished(session: Session) -> tuple[DerivedBase, ...]:
    """Those that something is to be done about: that are not over, or whose Job is still to be removed."""
    rows = session.scalars(select(DerivedBaseRow).where(or_(DerivedBaseRow.state.in_(OPEN), DerivedBaseRow.job != "")))
    return tuple(sorted(map(_base, rows), key=lambda one: (one.asked, one.key)))


def add_base(session: Session, base: DerivedBase) -> None:
    """Remember a recipe that nobody asked for before."""
    session.add(DerivedBaseRow(**_values(base)))


def change_base(session: Session, before: DerivedBase, after: DerivedBase) -> bool:
    """Keep what became of one; False, and nothing is kept, where another process was faster."""
    values = _values(after)
    del values["key"]
    result = session.execute(
        update(DerivedBaseRow)
        .where(
            DerivedBaseRow.key == before.key,
            DerivedBaseRow.state == before.state,
            DerivedBaseRow.attempt == before.attempt,
        )
        .values(values)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def wishes(session: Session, key: str) -> frozenset[str]:
    """Who asked for a recipe."""
    return frozenset(session.scalars(select(BaseWishRow.person).where(BaseWishRow.key == key)))


def add_wish(session: Session, key: str, person: str) -> None:
    """Somebody asks for it, too."""
    if session.get(BaseWishRow, (key, person)) is None:
        session.add(BaseWishRow(key=key, person=person))


def remove_wish(session: Session, key: str, person: str) -> None:
    """They do not any more."""
    session.execute(delete(BaseWishRow).where(BaseWishRow.key == key, BaseWishRow.person == person))


def keys_wished(session: Session, person: str) -> tuple[str, ...]:
    """What somebody asked for, by key."""
    return tuple(session.scalars(select(BaseWishRow.key).where(BaseWishRow.person == person)))


def begun_by(session: Session, person: str) -> tuple[datetime, ...]:
    """When somebody's builds were begun."""
    return tuple(_in_utc(at) for at in session.scalars(select(BuildBegunRow.at).where(BuildBegunRow.person == person)))


def note_begun(session: Session, person: str, *, now: datetime) -> None:
    """Count a build of somebody, and forget those of the days before."""
    for row in session.scalars(select(BuildBegunRow).where(BuildBegunRow.person == person)):
        if now - _in_utc(row.at) >= DAY:
            session.delete(row)
    session.add(BuildBegunRow(person=person, at=now))


def seconds_of_earlier(session: Session) -> tuple[float, ...]:
    """How long the last builds took that went well."""
    ready = select(DerivedBaseRow.seconds).where(DerivedBaseRow.state == State.READY)
    return tuple(session.scalars(ready.order_by(DerivedBaseRow.since.desc()).limit(REMEMBERED)))


def _values(base: DerivedBase) -> dict[str, Any]:
    return {**asdict(base), "apt": list(base.apt), "lock": list(base.lock)}


def _base(row: DerivedBaseRow) -> DerivedBase:
    return DerivedBase(
        key=row.key,
        environment=row.environment,
        base=row.base,
        base_digest=row.base_digest,
        apt=tuple(row.apt),
        lock=tuple(row.lock),
        state=State(row.state),
        since=_in_utc(row.since),
        by=row.by,
        asked=_in_utc(row.asked),
        attempt=row.attempt,
        job=row.job,
        phase=row.phase,
        digest=row.digest,
        more_bytes=row.more_bytes,
        seconds=row.seconds,
        reason=row.reason,
        log=row.log,
    )


def _in_utc(moment: datetime) -> datetime:
    """SQLite keeps no zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
