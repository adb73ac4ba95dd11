"""The rows that remember how workspaces started."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running
from typing import Any

from sqlalchemy import JSON, DateTime, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class StartRow(Table):
    """One start of a workspace, ready or failed."""

    __tablename__ = "start"
    __table_args__ = (Index("ix_start_digest_outcome_started", "environment_digest", "outcome", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(String(255))
    server: Mapped[str] = mapped_column(String(255))
    environment: Mapped[str] = mapped_column(String(255))
    hardware: Mapped[str] = mapped_column(String(255))
    environment_digest: Mapped[str] = mapped_column(String(255))
    outcome: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    phases: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Seconds by phase; phases that were not reached are not in it."""
