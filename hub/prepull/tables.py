"""The rows about images: what environments start, and what nodes have fetched for us, or could not."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running

from sqlalchemy import DateTime, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class OfferedImageRow(Table):
    """What an environment starts, and what it is to start."""

    __tablename__ = "offered_image"

    environment: Mapped[str] = mapped_column(String(255), primary_key=True)
    offered: Mapped[str] = mapped_column(String(1024))
    announced: Mapped[str] = mapped_column(String(1024))
    since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class FetchedImageRow(Table):
    """One image on one node: a kubelet tells of its fifty largest alone, so what was fetched is remembered."""

    __tablename__ = "fetched_image"

    node_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    image: Mapped[str] = mapped_column(String(1024), primary_key=True)
    node: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    tries: Mapped[int] = mapped_column(Integer)
    """How often it failed in a row; 0: it is there."""
    reason: Mapped[str] = mapped_column(Text)
    """Why it failed, for people."""
