"""Why a home is not put aside or brought back now."""

from __future__ import annotations

from studiolo.errors import StudioloError


class HomeStays(StudioloError):
    """What was asked for is not done, and nothing was changed; the text says why, and the way out."""

    code = "home_stays"


class NothingPutAside(StudioloError):
    """There is no home of this person to bring back."""

    code = "nothing_put_aside"
