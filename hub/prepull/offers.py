"""What the hub knows of images that are on their way: asked from the services process, and never waited for."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from studiolo.client import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spawner.catalogs import CatalogHolder
    from studiolo.client import Studiolo

EVERY: Final = timedelta(seconds=3)

BELIEVED: Final = timedelta(minutes=5)
"""So long the last answer holds while nobody answers. Then environments start what the catalog names: it is slower at
first, and right."""


class ImageOffers:
    """Keeps a catalog's images as the services process says."""

    def __init__(
        self, client: Studiolo, catalogs: CatalogHolder, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`client` speaks with the hub's own token."""
        self._client = client
        self._catalogs = catalogs
        self._clock = clock
        self._answered_at: float | None = None

    async def run(self) -> None:
        """Asks for ever."""
        while True:
            await self.ask()
            await asyncio.sleep(EVERY.total_seconds())

    async def ask(self) -> None:
        """Once."""
        try:
            found = await self._client.offered_images()
        except ClientError:
            last = self._answered_at
            if last is not None and self._clock() - last > BELIEVED.total_seconds():
                self._catalogs.start_images({})
            return
        self._answered_at = self._clock()
        self._catalogs.start_images(found.offered)
