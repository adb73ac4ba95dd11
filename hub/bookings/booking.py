"""Which bookings are possible, and how much room they ask for at a moment. Pure.

At no moment do bookings of one hardware ask for more than its catalog entry holds at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from studiolo.catalog_model import Hardware

BEFORE: Final = timedelta(minutes=10)
"""Room is held from so long before a booking begins: where there is none, nodes have to come."""

IMAGES_BEFORE: Final = timedelta(hours=1)
"""The image that it names is brought to the nodes from so long before."""

LONGEST: Final = timedelta(days=14)
FARTHEST: Final = timedelta(days=366)

KEPT: Final = timedelta(days=30)
"""How long one that is over is still shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Room for so many workspaces of one hardware, for a time."""

    team: str
    hardware: str
    slots: int
    begins: datetime
    ends: datetime
    environment: str = ""
    title: str = ""
    by: str = ""
    id: int = 0
    """0 until it is kept."""

    @property
    def lasts(self) -> timedelta:
        """How long in truth, also over a change of clocks, where two times of one zone differ by more or less."""
        return self.ends.astimezone(UTC) - self.begins.astimezone(UTC)

    def touches(self, begins: datetime, ends: datetime) -> bool:
        """Whether it lasts at any moment of that time. The moment of an end is free again."""
        return self.begins < ends and begins < self.ends


class State(StrEnum):
    """Where a booking stands."""

    COMING = "coming"
    PREPARING = "preparing"
    """Room is being made for it."""
    RUNNING = "running"
    OVER = "over"


def state_of(booking: Booking, moment: datetime) -> State:
    """Where it stands at a moment."""
    if moment >= booking.ends:
        return State.OVER
    if moment >= booking.begins:
        return State.RUNNING
    return State.PREPARING if moment >= booking.begins - BEFORE else State.COMING


def most_booked(hardware: str, others: Iterable[Booking], begins: datetime, ends: datetime) -> int:
    """The most slots of a hardware that are booked at once in that time."""
    there = [one for one in others if one.hardware == hardware and one.touches(begins, ends)]
    # It only ever grows where one begins.
    moments = {begins, *(one.begins for one in there if one.begins > begins)}
    return max(sum(one.slots for one in there if one.begins <= moment < one.ends) for moment in moments)


def possible_from(new: Booking, at_most: int, others: Sequence[Booking]) -> datetime | None:
    """When a booking of this size and length would be possible, not before it is wanted; None where it never is."""
    if new.slots > at_most:
        return None
    first = new.begins.astimezone(UTC)
    later = (one.ends for one in others if one.hardware == new.hardware and one.ends > first)
    return min(  # after the last of them all is free
        begins
        for begins in (first, *later)
        if most_booked(new.hardware, others, begins, begins + new.lasts) + new.slots <= at_most
    )


def problems_of(new: Booking, hardware: Hardware, others: Sequence[Booking], *, now: datetime) -> tuple[str, ...]:
    """Everything that stands against it, and what would be possible. `new` has its times in the zone of people."""
    found = [*_problems_of_times(new, now=now)]
    at_most = hardware.warm.at_most if hardware.warm else 0
    if not at_most:
        found.append(
            f"No room is held for {hardware.title}, so none can be booked. An administrator writes how much there may "
            f"be into the hardware catalog, such as `warm: {{slots: 0, at_most: {new.slots}}}`."
        )
    elif new.slots > at_most:
        found.append(f"At most {at_most} of {hardware.title} are held at once, and {new.slots} are asked for.")
    elif not found:
        found += _problems_of_others(new, hardware, at_most, others)
    return tuple(found)


def _problems_of_times(new: Booking, *, now: datetime) -> Iterable[str]:
    if new.lasts <= timedelta():
        yield f"It would end ({_zoned(new.ends)}) before it begins ({_zoned(new.begins)})."
    elif new.ends <= now:
        yield f"That time is over: it would have ended at {_zoned(new.ends)}."
    elif new.lasts > LONGEST:
        yield f"It would last longer than {LONGEST.days} days. Book the days that count, one by one."
    if new.begins - now > FARTHEST:
        yield f"It would begin in more than {FARTHEST.days} days."


def _problems_of_others(new: Booking, hardware: Hardware, at_most: int, others: Sequence[Booking]) -> Iterable[str]:
    left = at_most - most_booked(new.hardware, others, new.begins.astimezone(UTC), new.ends.astimezone(UTC))
    if new.slots <= left:
        return
    then = possible_from(new, at_most, others)
    later = f", or {new.slots} from {_zoned(then.astimezone(new.begins.tzinfo))}" if then else ""
    most = f"{left} can be booked" if left > 0 else "none can be booked"
    yield f"Others have booked {at_most - left} of the {at_most} of {hardware.title} in that time. Then {most}{later}."


def slots_at(
    bookings: Iterable[Booking], moment: datetime, started: Mapping[str, Sequence[datetime]]
) -> dict[str, int]:
    """How many slots are booked at a moment, by hardware, less those that have their workspace already."""
    found: dict[str, int] = {}
    for booking, left in left_of(bookings, moment, started):
        found[booking.hardware] = found.get(booking.hardware, 0) + left
    return {hardware: slots for hardware, slots in found.items() if slots}


def left_of(
    bookings: Iterable[Booking], moment: datetime, started: Mapping[str, Sequence[datetime]]
) -> Iterator[tuple[Booking, int]]:
    """Of each booking that lasts or is prepared, how many of its slots have no workspace yet.

    `started`: when workspaces started, by hardware. Whose they are nobody keeps: each counts for the booking that began
    first, and for no other.
    """
    by_hardware: dict[str, list[Booking]] = {}
    for booking in sorted(bookings, key=lambda one: (one.begins, one.id)):
        if state_of(booking, moment) in {State.PREPARING, State.RUNNING}:
            by_hardware.setdefault(booking.hardware, []).append(booking)
    for hardware, those in by_hardware.items():
        starts = sorted(time for time in started.get(hardware, ()) if time <= moment)
        for booking in those:
            before = [time for time in starts if time < booking.begins - BEFORE]
            its = starts[len(before) :][: booking.slots]
            starts = before + starts[len(before) + len(its) :]
            yield booking, booking.slots - len(its)


def times_of(begins: str, ends: str, zone: tzinfo) -> tuple[datetime | None, datetime | None, tuple[str, ...]]:
    """What a person wrote as two times, in the zone that is meant, and what is wrong with them."""
    problems: list[str] = []
    first = moment_of(begins, zone)
    if first is None:
        problems.append(f"{quoted(begins)} is no time. Write it as 2026-11-30 09:00.")
    last = moment_of(ends, zone)
    if last is None and first is not None and (of_day := _time_of(ends)) is not None:
        last = moment_of(f"{first.date()} {of_day}", zone)
    if last is None and (first is not None or _time_of(ends) is None):
        problems.append(f"{quoted(ends)} is no time. Write it as 2026-11-30 12:00, or 12:00 for the same day.")
    return first, last, tuple(problems)


def moment_of(text: str, zone: tzinfo) -> datetime | None:
    """A day with a time of day; without an offset it is of that zone."""
    text = text.strip()
    if not any(letter in text for letter in " Tt"):  # a day alone says no time
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        # There and back: an hour that the clocks leave out is the one after it.
        return moment.astimezone(UTC).astimezone(zone)
    except OverflowError:  # the year 1, or 9999
        return None


def shown(moment: datetime) -> str:
    """For people, in the zone that it has."""
    return f"{moment:%Y-%m-%d %H:%M}"


def _zoned(moment: datetime) -> str:
    return f"{shown(moment)} {moment.tzinfo}"


def _time_of(text: str) -> time | None:
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=None) if ":" in text else None
