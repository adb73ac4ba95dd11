"""Queries about starts; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, delete

from hub.starts.tables import StartRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_start(session: Session, row: StartRow) -> None:
    """Remember one start."""
    session.add(row)


def forget_before(session: Session, moment: datetime) -> int:
    """Remove starts older than the moment; how many there were."""
    result = session.execute(delete(StartRow).where(StartRow.started_at < moment))
    return result.rowcount if isinstance(result, CursorResult) else 0
