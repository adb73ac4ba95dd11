"""What crosses the wire about held room: how much there is, and what teams have booked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from annotated_types import Interval, Len
from pydantic import Field

from studiolo.wire import Received, Sent

MOST_SLOTS = 9999


class NewBooking(Sent):
    """Room that a team wants held. Times are as a person writes them: the hub knows the time zone that is meant."""

    team: Annotated[str, Len(1, 255)]
    hardware: Annotated[str, Len(1, 255)]
    slots: Annotated[int, Interval(ge=1, le=MOST_SLOTS)]
    begins: Annotated[str, Len(1, 60)]
    """`2026-11-30 09:00`, with an offset where another zone than the catalog's is meant."""
    ends: Annotated[str, Len(1, 60)]
    """The same; or a time of day, such as `12:00`: then of the day on which it begins."""
    environment: Annotated[str, Len(0, 255)] = ""
    """Whose image is brought to the machines for it; "": the catalog's default."""
    title: Annotated[str, Len(0, 100)] = ""
    """What it is for, for those who see it."""


class BookingView(Received):
    """One booking."""

    id: int
    team: str
    hardware: str
    slots: int
    begins: datetime
    ends: datetime
    environment: str = ""
    title: str = ""
    by: str
    state: str
    """`coming`, `preparing` (room is being made), `running` or `over`."""
    started: int = 0
    """How many have started on this hardware since it began."""
    note: str = ""
    """What keeps it from being held."""
    cost: Decimal | None = None
    """Of all of it, where its hardware has a price."""


class BookingViews(Received):
    """Those that somebody may see, the next first."""

    bookings: tuple[BookingView, ...]
    timezone: str
    """The catalog's."""
    currency: str = ""


class SlotsView(Received):
    """How much room is held for one hardware."""

    hardware: str
    title: str
    wanted: int
    present: int
    target: int
    """What it goes to next."""
    fitting: int
    """So many of the target have room on the nodes that are there."""
    at_most: int
    because: str
    """What asks for most: `catalog`, `schedule`, `demand` or `booked`."""
    cost_per_hour: Decimal | None = None


class WarmPodsView(Received):
    """How many pods of one environment on one hardware wait to be claimed. Each stands in the place of a slot."""

    environment: str
    title: str
    hardware: str
    hardware_title: str
    wanted: int
    ready: int
    parking: int
    """About to wait."""
    cost_per_hour: Decimal | None = None


class SlotsViews(Received):
    """Of every hardware that holds room."""

    slots: tuple[SlotsView, ...]
    warm: tuple[WarmPodsView, ...] | None = None
    """None: no pods wait to be claimed in this installation."""
    currency: str = ""


class OfferedImages(Received):
    """Which image environments start, where the catalog's own is not on the nodes yet."""

    offered: dict[str, str] = Field(default_factory=dict)
    """By environment: what starts now."""
    announced: dict[str, str] = Field(default_factory=dict)
    """By environment: what is to start once it is on the nodes."""


class FailedPull(Received):
    """A node that could not fetch an image."""

    node: str
    reason: str
    tries: int


class ImageView(Received):
    """One image that is wanted on nodes."""

    image: str
    environment: str
    because: str
    """`announced`, `booked`, `default`, `started` or `watched`."""
    groups: tuple[str, ...] = ()
    """The sorts of nodes that want it for what starts there; empty: wherever it could run, or none has a name."""
    nodes: int
    """How many could run it and want it."""
    present: int
    fetching: int
    waiting: int
    """It is their turn later, or another image is wanted more than there is room for."""
    could_not: int = 0
    """How many nodes could not fetch it."""
    failed: tuple[FailedPull, ...] = ()
    """The first of them, each with its reason."""


class ImagesView(Received):
    """What is where."""

    images: tuple[ImageView, ...]
    available: bool = True
    """False where no image is brought ahead here."""
