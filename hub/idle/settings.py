"""The settings about workspaces that nobody uses, and that grow old."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from annotated_types import Gt, Interval

from hub.settings_types import Duration, Section

PositiveDuration = Annotated[Duration, Gt(timedelta(0))]


class IdleSettings(Section):
    """When workspaces are stopped that nobody uses, or that are old. A hardware of the catalog may say otherwise."""

    stop_after: PositiveDuration | None = None
    """Stop a workspace that nobody has used for so long, such as `2h`; `idle.stop_after` of a hardware comes before it.
    none: never."""
    max_age: PositiveDuration | None = None
    """Stop a workspace so long after its start, in use or not, such as `24h`; `max_age` of a hardware comes before it.
    none: never."""
    notice_before: PositiveDuration = timedelta(minutes=15)
    """How long before a stop the workspace's page says so; at most half of the limit."""
    extend_by: PositiveDuration = timedelta(hours=1)
    """How much longer a workspace may go on when its owner asks for it."""
    most_extensions: Annotated[int, Interval(ge=0, le=100)] = 2
    """How often its owner may ask for it between a start and the next stop. 0: not at all."""
    check_every: PositiveDuration = timedelta(minutes=1)
    """How often the hub looks."""
