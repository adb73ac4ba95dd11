"""The hub's way to people's homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.keys import homes_token
from spawner.homes import HomeService

if TYPE_CHECKING:
    from hub.settings import Settings


def home_service(settings: Settings) -> HomeService | None:
    """The home service that the settings name; None where they name none. Raises StudioloError without its key."""
    url = settings.homes.service.url
    return HomeService(url, homes_token(settings)) if url is not None else None
