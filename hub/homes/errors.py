"""What can be wrong with a home on its volume."""

from __future__ import annotations

from studiolo.errors import StudioloError


class NoSuchHome(StudioloError):
    """There is no home of this name, or none that was put aside."""

    code = "no_such_home"


class HomeInTheWay(StudioloError):
    """Something else has the name: a file, a link, or a home with files in it."""

    code = "home_in_the_way"


class OwnerTaken(HomeInTheWay):
    """The user number that a home should have owns that of somebody else."""

    code = "owner_taken"

    def __init__(self, uid: int, *, other: str) -> None:
        """`other` is whose it is: for the log alone."""
        super().__init__(
            f"The user number {uid} owns the home of somebody else already.",
            hint="Whoever runs the identity provider gives each person one of their own.",
        )
        self.other = other


class HomeIsHandedOver(StudioloError):
    """Its files are being given to another owner, and that takes longer than a start waits."""

    code = "home_is_handed_over"
