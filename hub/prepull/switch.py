"""Which image an environment starts while its catalog entry changes: announced, brought to the nodes, offered. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One environment."""

    environment: str
    offered: str
    """What starts."""
    announced: str = ""
    """What is to start once it is on the nodes; "" where nothing changes."""
    since: datetime | None = None
    """When it was announced."""


def with_catalog(known: Switch | None, environment: str, image: str, *, now: datetime) -> Switch:
    """What follows from the image that the catalog names now. What was never seen before is offered as it is."""
    if known is None:
        return Switch(environment=environment, offered=image)
    if image == known.offered:
        return replace(known, announced="", since=None)
    if image == known.announced:
        return known
    return replace(known, announced=image, since=now)


def is_due(switch: Switch, *, is_everywhere: bool, old_is_gone: bool, now: datetime, within: timedelta) -> bool:
    """Whether what was announced is offered from now on.

    It is on all nodes that want it, or the old one cannot be had any more, or it was waited for long enough.
    """
    if not switch.announced or switch.since is None:
        return False
    return is_everywhere or old_is_gone or now - switch.since >= within


def switched(switch: Switch) -> Switch:
    """From now on the new one."""
    return replace(switch, offered=switch.announced, announced="", since=None)
