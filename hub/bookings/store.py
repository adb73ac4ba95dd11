"""Queries about bookings; each is called inside a transaction of `hub.database`."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from hub.bookings.booking import Booking
from hub.bookings.tables import BookingRow
from hub.capacity.store import aware

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def forget(session: Session, *, before: datetime) -> None:
    """Those that ended before that moment."""
    session.execute(delete(BookingRow).where(BookingRow.ends_at < before.astimezone(UTC)))


def ending_after(session: Session, moment: datetime) -> Sequence[Booking]:
    """Those that end later, the next first."""
    asked = select(BookingRow).where(BookingRow.ends_at > moment.astimezone(UTC))
    return [_booking(row) for row in session.scalars(asked.order_by(BookingRow.begins_at, BookingRow.id))]


def add(session: Session, booking: Booking, *, now: datetime) -> Booking:
    """Keep one; it has its number then."""
    row = BookingRow(
        team=booking.team,
        hardware=booking.hardware,
        environment=booking.environment,
        slots=booking.slots,
        begins_at=booking.begins.astimezone(UTC),
        ends_at=booking.ends.astimezone(UTC),
        title=booking.title,
        booked_by=booking.by,
        booked_at=now.astimezone(UTC),
    )
    session.add(row)
    session.flush()
    return _booking(row)


def named(session: Session, number: int) -> Booking | None:
    """One by its number."""
    row = session.get(BookingRow, number)
    return None if row is None else _booking(row)


def remove(session: Session, number: int) -> None:
    """Forget one."""
    session.execute(delete(BookingRow).where(BookingRow.id == number))


def _booking(row: BookingRow) -> Booking:
    return Booking(
        id=row.id,
        team=row.team,
        hardware=row.hardware,
        environment=row.environment,
        slots=row.slots,
        begins=aware(row.begins_at),
        ends=aware(row.ends_at),
        title=row.title,
        by=row.booked_by,
    )
