"""Queries about deleted accounts and their homes; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from sqlalchemy import CursorResult, select, update

from hub.archives.rules import Archive, State, deleted_again
from hub.archives.tables import HomeArchiveRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

OPEN: Final = (State.WAITING, State.ARCHIVING, State.FAILED, State.NOT_POSSIBLE)
"""States that the loop still has something to do about."""


def all_archives(session: Session) -> tuple[Archive, ...]:
    """Every deletion, the newest first."""
    return tuple(map(_archive, session.scalars(select(HomeArchiveRow).order_by(HomeArchiveRow.id.desc()))))


def archives_of(session: Session, user: str) -> tuple[Archive, ...]:
    """All of one name, the newest first."""
    rows = select(HomeArchiveRow).where(HomeArchiveRow.user == user).order_by(HomeArchiveRow.id.desc())
    return tuple(map(_archive, session.scalars(rows)))


def open_archives(session: Session) -> tuple[Archive, ...]:
    """Those that are not over, the oldest first: a newer one of the same name comes after it."""
    rows = select(HomeArchiveRow).where(HomeArchiveRow.state.in_(OPEN)).order_by(HomeArchiveRow.id)
    return tuple(map(_archive, session.scalars(rows)))


def add_deletion(session: Session, *, user: str, home: str, due: datetime, now: datetime) -> Archive:
    """Remember that an account was deleted; once, where that is told twice."""
    for older in archives_of(session, user):
        if older.state not in OPEN:
            continue
        changed = deleted_again(older, due=due, now=now)
        change_archive(session, older, changed)
        if changed.state is State.WAITING:
            return changed
    row = HomeArchiveRow(
        user=user, home=home, state=State.WAITING, since=now, deleted_at=now, due=due, archived="", reason="", tries=0
    )
    session.add(row)
    session.flush()
    return _archive(row)


def change_archive(session: Session, before: Archive, after: Archive) -> bool:
    """Keep what became of one; False, and nothing is kept, where another process was faster."""
    result = session.execute(
        update(HomeArchiveRow)
        .where(HomeArchiveRow.id == before.id, HomeArchiveRow.state == before.state)
        .values(
            state=after.state,
            since=after.since,
            due=after.due,
            archived=after.archived,
            reason=after.reason,
            tries=after.tries,
            next_try=after.next_try,
        )
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def _archive(row: HomeArchiveRow) -> Archive:
    return Archive(
        id=row.id,
        user=row.user,
        home=row.home,
        state=State(row.state),
        since=_in_utc(row.since),
        due=_in_utc(row.due),
        archived=row.archived,
        reason=row.reason,
        tries=row.tries,
        next_try=None if row.next_try is None else _in_utc(row.next_try),
    )


def _in_utc(moment: datetime) -> datetime:
    """SQLite keeps no zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
