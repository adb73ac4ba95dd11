"""What is said of slow builds, to whoever needs one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from studiolo.wire_bases import SlowBuildOffer


def needs(offer: SlowBuildOffer) -> str:
    """Why a package cannot be made yet, and the way out."""
    apt = f"Debian packages ({', '.join(offer.apt)})" if offer.apt else ""
    sources = f"{', '.join(offer.sources)}, of which there is no wheel" if offer.sources else ""
    wanted = " and ".join(one for one in (apt, sources) if one) or "packages without a wheel"
    what = f"This model needs {wanted}, which the environment has not."
    match offer.state:
        case "waiting" | "building" | "checking":
            return f"{what} A base with them is being built; package it again when it is ready{about(offer)}."
        case _ if not offer.available:
            return f"{what} {offer.why_not} Choose an environment that has them, or do without."
        case "failed":
            return f"{what} A base with them could not be built; studiolo model base list says why."
        case _:
            return f"{what} A base with them can be built, once{about(offer)}: studiolo model base ask."


def about(offer: SlowBuildOffer) -> str:
    """How long it takes, where that is known."""
    return "" if offer.about_seconds is None else f" (about {format_duration(offer.about_seconds)})"
