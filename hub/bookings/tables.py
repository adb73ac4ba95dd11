"""The rows that keep bookings."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations while running

from sqlalchemy import DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Table


class BookingRow(Table):
    """Room for so many workspaces of one hardware, for a time."""

    __tablename__ = "booking"

    id: Mapped[int] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(String(255))
    hardware: Mapped[str] = mapped_column(String(255))
    environment: Mapped[str] = mapped_column(String(255))
    slots: Mapped[int] = mapped_column(Integer)
    begins_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    title: Mapped[str] = mapped_column(String(255))
    booked_by: Mapped[str] = mapped_column(String(255))
    booked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
