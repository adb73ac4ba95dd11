"""The rows of deleted accounts whose homes are waiting, put aside, or back."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running

from sqlalchemy import DateTime, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class HomeArchiveRow(Table):
    """One deletion of an account. Rows are never removed: they say where files are."""

    __tablename__ = "home_archive"

    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column("user_name", String(255), index=True)
    home: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(32), index=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due: Mapped[datetime] = mapped_column("due_at", DateTime(timezone=True))
    archived: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer)
    next_try: Mapped[datetime | None] = mapped_column("next_try_at", DateTime(timezone=True))
