"""How long one workspace may last: as its hardware says, and where that says nothing as the settings do. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.idle.rules import Limits

if TYPE_CHECKING:
    from hub.idle.settings import IdleSettings
    from studiolo.catalog import Hardware
    from studiolo.catalog_model import Limit

USUAL_REPORTS: Final = timedelta(minutes=5)
"""How often JupyterHub's servers report by themselves. More often costs the hub 10 ms each time."""

REPORTS_IN_A_NOTICE: Final = 3
"""A server reports so often while a notice is up: one report may get lost."""

LATE: Final = timedelta(minutes=1)
"""How long a server tries to get a report through."""


def report_every(settings: IdleSettings) -> timedelta:
    """How often a server says whether it is used, in whole seconds."""
    seconds = min(USUAL_REPORTS, settings.notice_before / REPORTS_IN_A_NOTICE) // timedelta(seconds=1)
    return timedelta(seconds=max(1, seconds))


def limits_of(hardware: Hardware | None, settings: IdleSettings) -> Limits:
    """The limits of a workspace on this hardware. One that left the catalog (None) sets no limit."""
    return Limits(
        stop_after=_limit(hardware.stop_after, settings.stop_after) if hardware else None,
        max_age=_limit(hardware.max_age, settings.max_age) if hardware else None,
        notice_before=settings.notice_before,
        extend_by=settings.extend_by,
        most_extensions=settings.most_extensions,
        heard_within=REPORTS_IN_A_NOTICE * report_every(settings) + LATE,
    )


def _limit(own: Limit, usual: timedelta | None) -> timedelta | None:
    match own:
        case None:
            return usual
        case "never":
            return None
        case length:
            return length
