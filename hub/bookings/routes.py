"""REST about bookings and held room, and who may ask for what: leads for their teams, administrators for all."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from tornado import web

from hub.auth import PersonHandler
from hub.bookings.errors import BookingRefused, NoSuchBooking, NothingToBook, NotTheirsToBook
from hub.bookings.views import booking_views, slots_views, warm_views
from hub.credentials.credential import Owner
from hub.credentials.errors import NoSuchTeam, StandingUnknown
from hub.credentials.rights import Action, Answer, may
from hub.rest_errors import InItsOwnWords
from studiolo.problems import quoted
from studiolo.wire_capacity import BookingViews, NewBooking, SlotsViews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.bookings.booking import Booking
    from hub.capacity.wiring import Capacity
    from hub.credentials.rights import Standing
    from studiolo.errors import StudioloError
    from studiolo.wire_capacity import BookingView

STATUS: Final[Mapping[type[StudioloError], HTTPStatus]] = {
    BookingRefused: HTTPStatus.BAD_REQUEST,
    NotTheirsToBook: HTTPStatus.FORBIDDEN,
    NoSuchBooking: HTTPStatus.NOT_FOUND,
    NoSuchTeam: HTTPStatus.NOT_FOUND,
    NothingToBook: HTTPStatus.NOT_FOUND,
    StandingUnknown: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What is answered to a person, in its own words."""


class CallerOfCapacity(PersonHandler):
    """A person, or their workspace for them."""

    @property
    def capacity(self) -> Capacity:
        """What holds room here. Raises NothingToBook."""
        if self.services.capacity is None:
            raise NothingToBook
        return self.services.capacity

    @property
    def caller(self) -> str:
        """Who calls. Raises 403 for a service, which is no person, whatever it is called."""
        if self.current_user["kind"] != "user":
            raise web.HTTPError(403, "Room is booked by people.")
        name: str = self.current_user["name"]
        return name

    async def standing(self) -> Standing:
        """Where they stand among the teams now. Raises StandingUnknown."""
        return await self.services.standings.of(self.caller)

    def check_may(self, action: Action, who: Standing, team: str) -> None:
        """Whether somebody may book for a team (`ADD`), or cancel (`CHANGE`: also what a team booked that is gone).

        Raises NotTheirsToBook, or NoSuchTeam.
        """
        match may(who, action, Owner.of_team(team)):
            case Answer.YES:
                return
            case Answer.REFUSED:
                raise NotTheirsToBook(team, who.teams[team].leads)
            case Answer.HIDDEN:
                raise NoSuchTeam(team, who.own_teams)

    async def book(self, new: NewBooking) -> Booking:
        """Book for a team. Raises BookingRefused, NotTheirsToBook, NoSuchTeam."""
        self.check_may(Action.ADD, await self.standing(), new.team)
        return await self.capacity.bookings.book(new, by=self.caller)

    async def cancel(self, number: int) -> None:
        """Take a booking back. Raises NoSuchBooking, NotTheirsToBook."""
        who, booking = await self.standing(), await self.capacity.bookings.named(number)
        if not (who.is_admin or booking.team in who.own_teams):
            raise NoSuchBooking(number)
        self.check_may(Action.CHANGE, who, booking.team)
        await self.capacity.bookings.cancel(booking)

    async def seen(self, who: Standing) -> Sequence[Booking]:
        """Bookings that somebody may see: of an administrator everybody's, else those of the teams they are in."""
        found = await self.capacity.bookings.all()
        return [one for one in found if who.is_admin or one.team in who.own_teams]

    async def views(self, bookings: Sequence[Booking]) -> tuple[BookingView, ...]:
        """As they stand now."""
        now = datetime.now(UTC)
        current, started = await self.capacity.bookings.current(now)
        return booking_views(bookings, self.capacity.catalog, now=now, current=current, started=started)


class CapacityHandler(InItsOwnWords, CallerOfCapacity):
    """REST: what can go wrong is said in its own words."""

    status_of = STATUS

    async def check_is_admin(self) -> None:
        """Raises 403."""
        if not (await self.standing()).is_admin:
            raise web.HTTPError(HTTPStatus.FORBIDDEN, "This is shown to administrators.")


class BookingsHandler(CapacityHandler):
    """`api/capacity/bookings`: those of your teams, and book one for a team that you lead."""

    async def get(self) -> None:
        """The next first; those that were over lately last."""
        found = await self.views(await self.seen(await self.standing()))
        catalog = self.capacity.catalog
        self.write(
            BookingViews(bookings=found, timezone=catalog.timezone, currency=catalog.currency or "").model_dump_json()
        )

    async def post(self) -> None:
        """201 and the booking, or 400 with everything that stands against it."""
        try:
            new = NewBooking.model_validate_json(self.request.body)
        except ValidationError as error:
            said = "; ".join(f"{quoted('.'.join(map(str, one['loc'])))}: {one['msg']}" for one in error.errors())
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "%s", said) from None
        booking = await self.book(new)
        (view,) = await self.views([booking])
        self.set_status(HTTPStatus.CREATED)
        self.write(view.model_dump_json())


class OneBookingHandler(CapacityHandler):
    """`api/capacity/bookings/NUMBER`: take it back."""

    async def delete(self, number: str) -> None:
        """204. What has started goes on."""
        await self.cancel(int(number))
        self.set_status(HTTPStatus.NO_CONTENT)


class SlotsHandler(CapacityHandler):
    """`api/capacity/slots`: how much room is held for each hardware, and which pods wait in it, for administrators."""

    async def get(self) -> None:
        """As the last look planned it."""
        await self.check_is_admin()
        catalog = self.capacity.catalog
        found, pool = slots_views(self.capacity.slots.planned, catalog), self.capacity.pool
        warm = None if pool is None else warm_views(pool.kept, catalog)
        self.write(SlotsViews(slots=found, warm=warm, currency=catalog.currency or "").model_dump_json())
