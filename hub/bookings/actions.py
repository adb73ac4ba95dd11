"""What can be done with bookings: book, see, cancel; and what they ask for at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.bookings import store
from hub.bookings.booking import BEFORE, IMAGES_BEFORE, KEPT, Booking, problems_of, slots_at, times_of
from hub.bookings.errors import BookingRefused, NoSuchBooking
from hub.capacity.store import starts_since
from hub.one_at_a_time import one_at_a_time
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from hub.database import Database
    from studiolo.catalog_model import Catalog, Hardware
    from studiolo.wire_capacity import NewBooking


class Bookings:
    """Of one installation. Every method raises DatabaseAway."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`catalog`: the one that holds at this moment."""
        self._database = database
        self._catalog = catalog
        self._now = now

    async def book(self, new: NewBooking, *, by: str) -> Booking:
        """Keep a booking. Raises BookingRefused with all that stands against it; who may book is asked before."""
        catalog, now = self._catalog(), self._now()
        hardware, wanted, problems = self._read(new, catalog, by=by)
        if hardware is None or wanted is None:
            raise BookingRefused(problems)

        def work(session: Session) -> Booking:
            one_at_a_time(session, "bookings")
            store.forget(session, before=now - KEPT)
            others = store.ending_after(session, now)
            if found := (*problems, *problems_of(wanted, hardware, others, now=now)):
                raise BookingRefused(found)
            return store.add(session, wanted, now=now)

        return await self._database.run(work)

    async def all(self) -> Sequence[Booking]:
        """Everybody's, those that were over lately too; the next first."""
        since = self._now() - KEPT
        return await self._database.run(lambda session: store.ending_after(session, since))

    async def named(self, number: int) -> Booking:
        """One of them. Raises NoSuchBooking."""
        found = await self._database.run(lambda session: store.named(session, number))
        if found is None:
            raise NoSuchBooking(number)
        return found

    async def cancel(self, booking: Booking) -> None:
        """Nothing is held for it any more. Workspaces that have started go on."""
        await self._database.run(lambda session: store.remove(session, booking.id))

    async def current(self, moment: datetime) -> tuple[Sequence[Booking], Mapping[str, Sequence[datetime]]]:
        """Those that are not over, and when workspaces started since the first of them, by hardware."""

        def work(session: Session) -> tuple[Sequence[Booking], Mapping[str, Sequence[datetime]]]:
            found = store.ending_after(session, moment)
            begun = [one.begins - BEFORE for one in found if one.begins - BEFORE <= moment]
            return found, starts_since(session, min(begun)) if begun else {}

        return await self._database.run(work)

    async def environments_at(self, moment: datetime) -> frozenset[str]:
        """The environments whose image is wanted for a booking that lasts, or begins soon."""
        catalog = self._catalog()
        found = [one for one in await self.all() if one.begins - IMAGES_BEFORE <= moment < one.ends]
        usual = {one.team: catalog.default_choice((one.team,)) for one in found}
        named = {one.environment for one in found}
        chosen = {choice.environment for one in found if not one.environment and (choice := usual[one.team])}
        return frozenset((named | chosen) - {""})

    async def slots_at(self, moment: datetime) -> Mapping[str, int]:
        """How many slots are booked at a moment and not in use yet, by hardware."""
        found, started = await self.current(moment)
        return slots_at(found, moment, started)

    def _read(
        self, new: NewBooking, catalog: Catalog, *, by: str
    ) -> tuple[Hardware | None, Booking | None, tuple[str, ...]]:
        begins, ends, problems = times_of(new.begins, new.ends, ZoneInfo(catalog.timezone))
        hardware = catalog.hardware_named(new.hardware)
        if hardware is None or not hardware.is_offered_to((new.team,)):
            offered = [one.name for one in catalog.offered_hardware((new.team,))]
            problems += (_has_no("hardware", new.hardware, new.team, offered),)
            hardware = None
        environment = catalog.environment(new.environment) if new.environment else None
        if new.environment and (environment is None or not environment.is_offered_to((new.team,))):
            known = [one.name for one in catalog.offered_environments((new.team,))]
            problems += (_has_no("environment", new.environment, new.team, known),)
        if begins is None or ends is None:
            return hardware, None, problems
        booking = Booking(
            team=new.team,
            hardware=new.hardware,
            slots=new.slots,
            begins=begins,
            ends=ends,
            environment=new.environment,
            title=_on_one_line(new.title),
            by=by,
        )
        return hardware, booking, problems


def _on_one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _has_no(what: str, name: str, team: str, known: Sequence[str]) -> str:
    return f"The team {quoted(team)} has no {what} {quoted(name)}.{perhaps(name, known)}"
