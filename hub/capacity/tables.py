"""The rows that remember what was promised of starts, and what they then took. Nobody's name is in them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running
from typing import Any

from sqlalchemy import JSON, DateTime, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class MeasuredStartRow(Table):
    """One start: the forecast at the click, and the truth."""

    __tablename__ = "measured_start"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    environment: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(255))
    hardware: Mapped[str] = mapped_column(String(255))
    node_group: Mapped[str] = mapped_column(String(255))
    outcome: Mapped[str] = mapped_column(String(255))
    seconds: Mapped[float] = mapped_column(Float)
    """All of it, as measured."""
    stages: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Seconds by stage; those that were not come to are not in it."""
    forecast_kind: Mapped[str] = mapped_column(String(32))
    """"" where nobody was asked for a forecast."""
    forecast_seconds: Mapped[float | None] = mapped_column(Float)
    forecast_stages: Mapped[dict[str, Any]] = mapped_column(JSON)
