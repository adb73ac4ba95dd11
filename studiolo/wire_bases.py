"""What crosses the wire about slow builds: bases with Debian packages and with what has no wheel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from annotated_types import Len
from pydantic import Field

from studiolo.wire import Received, Sent

LARGEST_LOCK = 96 * 1024
"""Characters of what is built from its source: a few packages, each with its hashes."""


class NewDerivedBase(Sent):
    """A base that somebody wants built, or only looked at."""

    environment: Annotated[str, Len(1, 255)]
    """Of the catalog, by name: what it begins with."""
    apt: Annotated[tuple[str, ...], Len(0, 200)] = ()
    """Debian packages, each as `NAME` or `NAME=VERSION`."""
    sources: Annotated[str, Len(0, LARGEST_LOCK)] = ""
    """Packages that are built from their source, as a lock with hashes."""
    team: Annotated[str, Len(0, 255)] = ""
    """Whose builds of the day it is counted with; "": your own."""


class SlowBuildOffer(Received):
    """A base that a package needs."""

    key: str = ""
    """Of its recipe; "" where that is not known yet."""
    apt: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Packages that have no wheel."""
    state: str = ""
    """Of its build; "" where nobody has asked for one."""
    available: bool = False
    """Whether it can be built here."""
    why_not: str = ""
    about_seconds: float | None = None
    """How long earlier builds took; None where there were none."""


class DerivedBaseView(Received):
    """A base that somebody asked for."""

    key: str
    environment: str
    base: str = ""
    """The image that it begins with."""
    apt: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    state: str
    phase: str = ""
    by: str = ""
    asked: datetime
    about_seconds: float | None = None
    """How long earlier builds took; None where there were none."""
    seconds: float = 0.0
    """From the wish to the image, once it is ready."""
    reference: str = ""
    """The image, once it is ready."""
    size: int = 0
    """Bytes that it has beyond its base, compressed."""
    reason: str = ""
    log: str = ""


class DerivedBaseViews(Received):
    """All that a person asked for."""

    bases: tuple[DerivedBaseView, ...] = ()
    available: bool = False
    """Whether anything can be built here."""
    why_not: str = ""


class DerivedBasePlan(Received):
    """What a base would be; nothing is begun."""

    offer: SlowBuildOffer
    containerfile: str = Field(default="")
    """What the builder would be told."""
