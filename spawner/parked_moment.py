"""When a server is parked: when that takes nothing from anybody."""

from __future__ import annotations

from typing import Final

NEEDED_BYTES: Final = 1 << 30
"""Memory that has to be free on the machine. A parked server takes a tenth of it; the rest is for people."""


def may_park(*, free_bytes: int, starts_under_way: int, quiet_seconds: float, wanted_seconds: float) -> bool:
    """Whether this is a good moment to park a server."""
    return free_bytes >= NEEDED_BYTES and not starts_under_way and quiet_seconds >= wanted_seconds
