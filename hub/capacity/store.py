"""Queries about measured starts; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select

from hub.capacity.tables import MeasuredStartRow
from spawner.start_report import CLAIMED, READY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

SUCCEEDED: Final = (READY, CLAIMED)
"""Outcomes of starts that became ready."""


def add(session: Session, row: MeasuredStartRow) -> None:
    """Remember one start."""
    session.add(row)


def newest_id(session: Session) -> int:
    """Of the start that was remembered last; 0 where there is none."""
    return session.scalar(select(func.max(MeasuredStartRow.id))) or 0


def recent_successes(session: Session, *, since: datetime, limit: int) -> Sequence[MeasuredStartRow]:
    """The last starts that became ready, newest first."""
    return session.scalars(
        select(MeasuredStartRow)
        .where(MeasuredStartRow.outcome.in_(SUCCEEDED), MeasuredStartRow.started_at >= since)
        .order_by(MeasuredStartRow.started_at.desc(), MeasuredStartRow.id.desc())
        .limit(limit)
    ).all()


def starts_since(session: Session, since: datetime) -> Mapping[str, Sequence[datetime]]:
    """When something started, by hardware, oldest first; whatever became of it."""
    found: dict[str, list[datetime]] = {}
    asked = select(MeasuredStartRow.hardware, MeasuredStartRow.started_at).where(MeasuredStartRow.started_at >= since)
    for hardware, moment in session.execute(asked.order_by(MeasuredStartRow.started_at)):
        found.setdefault(hardware, []).append(aware(moment))
    return found


def starts_by_pool_since(session: Session, since: datetime) -> Mapping[tuple[str, str], Sequence[datetime]]:
    """The same by environment and hardware."""
    found: dict[tuple[str, str], list[datetime]] = {}
    row = MeasuredStartRow
    asked = select(row.environment, row.hardware, row.started_at).where(row.started_at >= since)
    for environment, hardware, moment in session.execute(asked.order_by(row.started_at)):
        found.setdefault((environment, hardware), []).append(aware(moment))
    return found


def aware(moment: datetime) -> datetime:
    """SQLite keeps times in UTC without saying so."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def forget(session: Session, *, before: datetime, beyond: int) -> None:
    """Remove what is older than the moment, and the oldest where there are more than so many."""
    session.execute(delete(MeasuredStartRow).where(MeasuredStartRow.started_at < before))
    last = session.scalar(select(MeasuredStartRow.id).order_by(MeasuredStartRow.id.desc()).offset(beyond).limit(1))
    if last is not None:
        session.execute(delete(MeasuredStartRow).where(MeasuredStartRow.id <= last))
