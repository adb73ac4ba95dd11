"""What can be done with starts: remember one. How long the next will take, `hub/capacity/actions.py` says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.starts.store import add_start, forget_before
from hub.starts.tables import StartRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.database import Database
    from studiolo.wire import StartRecord

KEPT = timedelta(days=365)
"""Older starts say nothing about today's machine, and the table must not grow for ever."""


async def record_start(database: Database, start: StartRecord, *, now: datetime | None = None) -> None:
    """Remember a start, and forget those of more than a year ago."""
    oldest = (now or datetime.now(UTC)) - KEPT

    def work(session: Session) -> None:
        add_start(
            session,
            StartRow(
                user=start.user,
                server=start.server,
                environment=start.environment,
                hardware=start.hardware,
                environment_digest=start.environment_digest,
                outcome=start.outcome,
                started_at=start.started_at.astimezone(UTC),
                phases=dict(start.phases),
            ),
        )
        forget_before(session, oldest)

    await database.run(work)
