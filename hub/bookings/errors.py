"""What can go wrong with bookings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.errors import StudioloError
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence


class BookingRefused(StudioloError):
    """It cannot be; the text has every reason, and what would be possible."""

    code = "booking_refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` is never empty."""
        super().__init__(" ".join(problems))
        self.problems = problems


class NoSuchBooking(StudioloError):
    """There is none of that number that the person may see."""

    code = "booking_not_found"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"There is no booking {number} of a team of yours.", hint="List them: studiolo capacity bookings"
        )


class NotTheirsToBook(StudioloError):
    """A member of a team wants what only who leads it may."""

    code = "not_the_lead"

    def __init__(self, team: str, leads: Sequence[str]) -> None:
        """`leads`: who may."""
        super().__init__(
            f"Only who leads the team {quoted(team)} may book room for it.",
            hint=f"Ask {' or '.join(leads)}." if leads else "Nobody leads it: ask an administrator.",
        )


class NothingToBook(StudioloError):
    """No room is held here at all."""

    code = "nothing_to_book"

    def __init__(self) -> None:
        super().__init__(
            "No room is held here, so none can be booked.",
            hint="Room is held on Kubernetes, where capacity.enabled is true.",
        )
