"""What people see of bookings and of the room that is held, from plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.bookings.booking import BEFORE, State, left_of, shown, state_of
from studiolo.wire_capacity import BookingView, SlotsView, WarmPodsView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hub.bookings.booking import Booking
    from hub.capacity.plan import Slots
    from hub.capacity.pool import Kept
    from hub.capacity.pool_plan import Pool
    from studiolo.catalog_model import Catalog

HOUR_SECONDS = 3600
CENT = Decimal("0.01")


def booking_views(
    bookings: Sequence[Booking],
    catalog: Catalog,
    *,
    now: datetime,
    current: Iterable[Booking],
    started: Mapping[str, Sequence[datetime]],
) -> tuple[BookingView, ...]:
    """As they stand now: those that are over last. `current`: everybody's, because a start counts for one alone."""
    left = {one.id: slots for one, slots in left_of(current, now, started)}
    order = sorted(bookings, key=lambda one: (state_of(one, now) is State.OVER, one.begins, one.id))
    return tuple(_booking_view(one, catalog, now=now, left=left.get(one.id, one.slots)) for one in order)


def _booking_view(booking: Booking, catalog: Catalog, *, now: datetime, left: int) -> BookingView:
    hardware = catalog.hardware_named(booking.hardware)
    at_most = hardware.warm.at_most if hardware and hardware.warm else 0
    price = hardware.price_per_hour if hardware else None
    hours = Decimal(int(booking.lasts.total_seconds())) / HOUR_SECONDS
    state = state_of(booking, now)
    return BookingView(
        id=booking.id,
        team=booking.team,
        hardware=booking.hardware,
        slots=booking.slots,
        begins=booking.begins,
        ends=booking.ends,
        environment=booking.environment,
        title=booking.title,
        by=booking.by,
        state=state.value,
        started=booking.slots - left if state in {State.PREPARING, State.RUNNING} else 0,
        note="" if state is State.OVER else _note(booking, at_most, is_known=hardware is not None),
        cost=None if price is None else (price * booking.slots * hours).quantize(CENT),
    )


def _note(booking: Booking, at_most: int, *, is_known: bool) -> str:
    if not is_known:
        return "This hardware is not in the catalog any more, so nothing is held."
    if booking.slots > at_most:
        return f"At most {at_most} of it are held now: the catalog has changed since it was booked."
    return ""


def slots_views(planned: Iterable[Slots], catalog: Catalog) -> tuple[SlotsView, ...]:
    """How much room is held, as the last look planned it."""
    found = []
    for slots in planned:
        hardware = catalog.hardware_named(slots.hardware)
        found.append(
            SlotsView(
                hardware=slots.hardware,
                title=hardware.title if hardware else slots.hardware,
                wanted=slots.wanted,
                present=slots.present,
                target=slots.target,
                fitting=slots.fitting,
                at_most=hardware.warm.at_most if hardware and hardware.warm else 0,
                because=slots.because.value,
                cost_per_hour=slots.per_hour,
            )
        )
    return tuple(found)


def warm_views(kept: Mapping[Pool, Kept], catalog: Catalog) -> tuple[WarmPodsView, ...]:
    """Which pods wait, as the last look found them, in the order of the catalog's hardware."""
    order = {entry.name: number for number, entry in enumerate(catalog.hardware)}
    found = []
    for (name, on), pods in sorted(kept.items(), key=lambda item: (order.get(item[0][1], len(order)), item[0])):
        if pods.is_nothing:
            continue
        environment, hardware = catalog.environment(name), catalog.hardware_named(on)
        found.append(
            WarmPodsView(
                environment=name,
                title=environment.title if environment else name,
                hardware=on,
                hardware_title=hardware.title if hardware else on,
                wanted=pods.wanted,
                ready=pods.ready,
                parking=pods.parking,
                cost_per_hour=pods.per_hour(hardware),
            )
        )
    return tuple(found)


BECAUSE = {
    "catalog": "the catalog says so",
    "schedule": "the catalog's hours",
    "demand": "so many start at this hour",
    "booked": "teams have booked it",
}
BECAUSE_IMAGE = {
    "announced": "it is to be offered once it is there",
    "booked": "a team has booked it",
    "default": "the form chooses it",
    "started": "it has started lately",
    "watched": "somebody looks at its model",
}
STATES = {"coming": "coming", "over": "over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingLine:
    """A booking on the page."""

    id: int
    title: str
    what: str
    when: str
    state: str
    is_on: bool
    note: str
    by: str
    cost: str
    may_cancel: bool


def booking_lines(
    views: Iterable[BookingView], catalog: Catalog, *, changeable: Iterable[str]
) -> tuple[BookingLine, ...]:
    """In the catalog's time zone. `changeable`: teams whose bookings the person may cancel."""
    zone, may = ZoneInfo(catalog.timezone), frozenset(changeable)
    return tuple(
        BookingLine(
            id=one.id,
            title=one.title or one.team,
            what=f"{one.slots} x {_title(one.hardware, catalog)}" + (f", {one.environment}" if one.environment else ""),
            when=_when(one.begins.astimezone(zone), one.ends.astimezone(zone)),
            state=_state(one, zone),
            is_on=one.state in {State.PREPARING, State.RUNNING},
            note=one.note,
            by=f"{one.team}, by {one.by}",
            cost="" if one.cost is None else f"{catalog.currency} {one.cost}".strip(),
            may_cancel=one.state != State.OVER and one.team in may,
        )
        for one in views
    )


def _state(one: BookingView, zone: ZoneInfo) -> str:
    if one.state == State.PREPARING:
        return f"room is being made since {(one.begins - BEFORE).astimezone(zone):%H:%M}"
    if one.state == State.RUNNING:
        return f"running: {one.started} of {one.slots} have started"
    return STATES[one.state]


def _when(begins: datetime, ends: datetime) -> str:
    return f"{shown(begins)} to {ends:%H:%M}" if begins.date() == ends.date() else f"{shown(begins)} to {shown(ends)}"


def _title(hardware: str, catalog: Catalog) -> str:
    found = catalog.hardware_named(hardware)
    return found.title if found else hardware
