"""The part of the client about held room; `studiolo.client.Studiolo` is all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.wire_capacity import BookingView, BookingViews, ImagesView, OfferedImages, SlotsViews

if TYPE_CHECKING:
    from studiolo.http_door import Door
    from studiolo.wire_capacity import NewBooking


class AsksAboutCapacity:
    """Asks the services process."""

    _services: Door
    _seconds: float

    async def bookings(self) -> BookingViews:
        """What your teams have booked, the next first; an administrator sees all."""
        return await self._services.call("GET", "/capacity/bookings", BookingViews, seconds=self._seconds)

    async def book(self, new: NewBooking) -> BookingView:
        """Book room for a team that you lead. Raises Refused with all that stands against it."""
        body = new.model_dump(mode="json")
        return await self._services.call("POST", "/capacity/bookings", BookingView, body=body, seconds=self._seconds)

    async def cancel_booking(self, number: int) -> None:
        """Take a booking back. Raises NotFound where there is none of a team of yours."""
        await self._services.tell("DELETE", f"/capacity/bookings/{number}", seconds=self._seconds)

    async def slots(self) -> SlotsViews:
        """How much room is held for each hardware (administrators)."""
        return await self._services.call("GET", "/capacity/slots", SlotsViews, seconds=self._seconds)

    async def images_on_nodes(self) -> ImagesView:
        """Which images are on how many nodes, and why they are wanted there (administrators)."""
        return await self._services.call("GET", "/capacity/images", ImagesView, seconds=self._seconds)

    async def offered_images(self) -> OfferedImages:
        """Which image each environment starts (with the hub's own token)."""
        return await self._services.call("GET", "/capacity/offered", OfferedImages, seconds=self._seconds)
