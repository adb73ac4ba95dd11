"""What can go wrong with slow builds, beside what packages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.builder.errors import ModelRefused
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from studiolo.wire_bases import SlowBuildOffer


class NeedsBase(ModelRefused):
    """A package needs a base that is not built, or not yet; `offer` says which, and whether it can be."""

    code = "needs_base"

    def __init__(self, problems: tuple[str, ...], offer: SlowBuildOffer) -> None:
        """`problems` has everything that stands against the package, not this alone."""
        super().__init__(problems)
        self.offer = offer


class CannotBuild(StudioloError):
    """Nothing can be built here; the text says why."""

    code = "cannot_build"


class NothingToBuild(StudioloError):
    """What is asked for is the environment as it is."""

    code = "nothing_to_build"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was named that the environment has not, so there is nothing to build.",
            hint="Name Debian packages in apt.txt, or packages without a wheel.",
        )


class TooManyBuilds(StudioloError):
    """Somebody had as many begun as they may in a day."""

    code = "too_many_builds"

    def __init__(self, sentence: str, *, retry_after_seconds: int) -> None:
        """`retry_after_seconds`: when it is worth trying again."""
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class NoSuchBase(StudioloError):
    """There is none of that key that the person asked for."""

    code = "base_not_found"

    def __init__(self, key: str) -> None:
        """`key`: as it was asked for."""
        super().__init__(
            f"You have asked for no base {key[:16]}.", hint="See those that you asked for: studiolo model base list"
        )


class ClusterAway(StudioloError):
    """The cluster does not say now what it can do, or what became of a build; asking again is right."""

    code = "cluster_away"

    def __init__(self) -> None:
        super().__init__("The cluster does not answer, so nothing is known of builds now.", hint="Try again soon.")


class ClusterRefuses(StudioloError):
    """The cluster understood, and said no: rights, quota, admission."""

    code = "cluster_refuses"
