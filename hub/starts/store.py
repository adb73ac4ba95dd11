"""Queries about starts; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, delete, func, select

from hub.starts.tables import StartRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

READY = "ready"
"""The outcome of a start that succeeded."""


def add_start(session: Session, row: StartRow) -> None:
    """Remember one start."""
    session.add(row)


def recent_successes(session: Session, *, limit: int) -> dict[str, list[dict[str, float]]]:
    """The phases of the last `limit` successful starts of every environment digest, newest first."""
    rank = func.row_number().over(
        partition_by=StartRow.environment_digest, order_by=(StartRow.started_at.desc(), StartRow.id.desc())
    )
    ranked = (
        select(StartRow.environment_digest, StartRow.phases, rank.label("rank"))
        .where(StartRow.outcome == READY)
        .subquery()
    )
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for digest, phases in session.execute(
        select(ranked.c.environment_digest, ranked.c.phases).where(ranked.c.rank <= limit).order_by(ranked.c.rank)
    ):
        found[digest].append(phases)
    return dict(found)


def forget_before(session: Session, moment: datetime) -> int:
    """Remove starts older than the moment; how many there were."""
    result = session.execute(delete(StartRow).where(StartRow.started_at < moment))
    return result.rowcount if isinstance(result, CursorResult) else 0
