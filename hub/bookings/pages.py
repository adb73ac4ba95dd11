"""The page "Held room". Works without JavaScript: booking and cancelling are forms, and every answer is a page."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from hub.bookings.errors import BookingRefused
from hub.bookings.routes import STATUS, CallerOfCapacity
from hub.bookings.views import BECAUSE, BECAUSE_IMAGE, booking_lines, slots_views, warm_views
from hub.prepull.views import image_views
from hub.roles import SERVICE_PREFIX
from hub.service_pages import ServicePage
from studiolo.errors import StudioloError
from studiolo.wire_capacity import NewBooking

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hub.credentials.rights import Standing

ADDRESS: Final = f"{SERVICE_PREFIX}capacity"

FIELDS: Final = ("team", "hardware", "environment", "slots", "begins", "ends", "title")


class CapacityPage(CallerOfCapacity, ServicePage):
    """`capacity`: what your teams have booked, with a form for those that you lead; of administrators, all of it."""

    async def get(self) -> None:
        """The page."""
        await self.show_capacity()

    async def post(self) -> None:
        """Book, and back to the page; what is wrong is said on it."""
        sent = {name: self.get_body_argument(name, "").strip() for name in FIELDS}
        await self.change(self._book(sent), sent=sent)

    async def _book(self, sent: dict[str, str]) -> None:
        try:
            # A browser sends a time as 2026-11-30T09:00.
            new = NewBooking.model_validate(
                {**sent, "slots": int(sent["slots"]) if _SLOTS.fullmatch(sent["slots"]) else 0}
            )
        except ValidationError as error:
            names = {str(one["loc"][0]) for one in error.errors()}
            raise BookingRefused(tuple(_MISSING[name] for name in FIELDS if name in names)) from None
        await self.book(new)

    async def change(self, changing: Awaitable[None], *, sent: dict[str, str] | None = None) -> None:
        """Back to the page after a change, or the page with what stood in its way."""
        try:
            await changing
        except StudioloError as error:
            if type(error) not in STATUS:
                raise
            self.set_status(STATUS[type(error)])
            said = error.problems if isinstance(error, BookingRefused) else (f"{error} {error.hint}".strip(),)
            await self.show_capacity(problems=said, sent=sent)
        else:
            self.redirect(ADDRESS, status=HTTPStatus.SEE_OTHER)

    async def show_capacity(self, *, problems: tuple[str, ...] = (), sent: dict[str, str] | None = None) -> None:
        """The page, also where nothing is held: it says so."""
        names = {
            "address": ADDRESS,
            "problems": problems,
            "sent": sent or {},
            "because": BECAUSE,
            "because_image": BECAUSE_IMAGE,
        }
        try:
            who, catalog = await self.standing(), self.capacity.catalog
            views = await self.views(await self.seen(who))
        except StudioloError as error:
            if type(error) not in STATUS:
                raise
            self.show("capacity.html", **names, note=f"{error} {error.hint}".strip())
            return
        teams, pool = who.changeable_teams, self.capacity.pool
        self.show(
            "capacity.html",
            **names,
            lines=booking_lines(views, catalog, changeable=_cancellable(who, [one.team for one in views])),
            teams=teams,
            hardware=[
                one
                for one in catalog.hardware
                if one.warm and one.warm.at_most and any(one.is_offered_to((team,)) for team in teams)
            ],
            environments=[one for one in catalog.environments if any(one.is_offered_to((team,)) for team in teams)],
            zone=catalog.timezone,
            currency=catalog.currency or "",
            slots=slots_views(self.capacity.slots.planned, catalog) if who.is_admin else None,
            warm=warm_views(pool.kept, catalog) if who.is_admin and pool is not None else None,
            images=image_views(self.capacity.images.seen) if who.is_admin and self.capacity.images else None,
        )


class CancelBookingPage(CapacityPage):
    """`capacity/bookings/NUMBER/cancel`: nothing is held for it any more."""

    async def get(self, number: str) -> None:  # type: ignore[override]  # tornado gives what the address has
        """Somebody reloaded: the page."""
        del number
        self.redirect(ADDRESS)

    async def post(self, number: str) -> None:  # type: ignore[override]  # as above
        """Cancel it."""
        await self.change(self.cancel(int(number)))


_SLOTS: Final = re.compile(r"\d{1,9}")
"""Longer than any number that can be booked; of endless digits Python makes no number."""

_MISSING: Final = {
    "team": "Choose the team.",
    "hardware": "Choose the hardware.",
    "environment": "This is no name of an environment.",
    "slots": "Write how many, as a whole number from 1.",
    "begins": "Write when it begins.",
    "ends": "Write when it ends.",
    "title": "Write what it is for in 100 characters at most.",
}


def _cancellable(who: Standing, teams: list[str]) -> tuple[str, ...]:
    """An administrator cancels also what a team booked that is gone."""
    return tuple(teams) if who.is_admin else who.changeable_teams
