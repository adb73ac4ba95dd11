"""The hub's way to the services process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.keys import keys_for
from hub.starts.history import LIMIT
from studiolo.client import Studiolo

if TYPE_CHECKING:
    from hub.settings import Settings


def services_client(settings: Settings) -> Studiolo:
    """The services process as the hub reaches it: directly, not through the proxy, and never waited for long."""
    return Studiolo(settings.services.url, keys_for(settings).hub_token, timeout=LIMIT.total_seconds())
