"""One transaction at a time of a kind, in whichever process: what it reads is what it writes upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def one_at_a_time(session: Session, what: str) -> None:
    """To be called first in a transaction. From here to its end nobody else is in one of that kind.

    SQLite lets one transaction write at a time, so a first write that changes nothing is enough; PostgreSQL is asked
    for a lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"studiolo {what}"})
    else:
        session.execute(text("UPDATE alembic_version SET version_num = version_num"))
