"""The rows of slow builds: a recipe each, and who asked for it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running

from sqlalchemy import JSON, BigInteger, DateTime, Float, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class DerivedBaseRow(Table):
    """One recipe, and what became of it."""

    __tablename__ = "derived_base"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    environment: Mapped[str] = mapped_column(String(255))
    base: Mapped[str] = mapped_column(String(512))
    base_digest: Mapped[str] = mapped_column(String(128))
    apt: Mapped[list[str]] = mapped_column(JSON)
    lock: Mapped[list[str]] = mapped_column("locked", JSON)
    state: Mapped[str] = mapped_column(String(32), index=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    by: Mapped[str] = mapped_column("asked_by", String(255))
    asked: Mapped[datetime] = mapped_column("asked_at", DateTime(timezone=True))
    attempt: Mapped[int] = mapped_column(Integer)
    job: Mapped[str] = mapped_column(String(63))
    phase: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(128))
    more_bytes: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    reason: Mapped[str] = mapped_column(Text)
    log: Mapped[str] = mapped_column(Text)


class BaseWishRow(Table):
    """Somebody who asked for a recipe: they see it, and only when the last of them has let go is it cancelled."""

    __tablename__ = "base_wish"

    key: Mapped[str] = mapped_column(ForeignKey("derived_base.key"), primary_key=True)
    person: Mapped[str] = mapped_column(String(255), primary_key=True)


class BuildBegunRow(Table):
    """A build that somebody had begun, for their limit in a day; older ones are removed when a new one is counted."""

    __tablename__ = "build_begun"

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(String(255), index=True)
    at: Mapped[datetime] = mapped_column("begun_at", DateTime(timezone=True))
