"""Looks again and again which homes are due. What it knows is in the database, so it may end anywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.archives.errors import HomeStays
from hub.archives.rules import State, Step, next_step
from hub.database import DatabaseAway
from studiolo.client_errors import ClientError

if TYPE_CHECKING:
    from logging import Logger

    from hub.archives.actions import Archives
    from hub.archives.rules import Archive

LONGEST_PAUSE: Final = timedelta(minutes=1)
"""Between two looks, whatever is due when: somebody may have set the clock."""

SHORTEST_PAUSE: Final = timedelta(seconds=0.1)
"""What is due in this very moment is not asked for in circles."""

PAUSE_WITHOUT_HUB: Final = timedelta(seconds=15)
"""Nothing is known then, so nothing is done."""


class ArchiveLoop:
    """Puts aside what is due."""

    def __init__(self, archives: Archives, *, log: Logger) -> None:
        """Nothing runs yet."""
        self._archives = archives
        self._log = log

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            self._archives.news.clear()
            pause = await self.look()
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._archives.news.wait()
            except TimeoutError:
                continue

    async def look(self) -> timedelta:
        """One look: load, decide, apply; how long nothing is to be done then. One that fails keeps no other."""
        try:
            for archive in await self._archives.open():
                await self._look_at(archive)
            return self._pause(await self._archives.open())
        except (ClientError, DatabaseAway) as error:
            self._log.warning("Which homes may be put aside is not known now: %s", error)
            return PAUSE_WITHOUT_HUB

    async def _look_at(self, archive: Archive) -> None:
        if next_step(archive, now=self._archives.now) is Step.WAIT:
            return
        try:
            after = await self._archives.step(archive)
        except HomeStays as error:
            self._log.info("The home of %s is looked at again: %s", archive.user, error)
            return
        match after.state:
            case State.ARCHIVED:
                self._log.info("The home of %s was put aside as %s", after.user, after.archived)
            case State.CANCELLED:
                self._log.info("The home of %s is not put aside: %s", after.user, after.reason)
            case _:
                self._log.warning("The home of %s could not be put aside: %s", after.user, after.reason)

    def _pause(self, waiting: tuple[Archive, ...]) -> timedelta:
        moments = [one.due if one.state is State.WAITING else one.next_try for one in waiting]
        times = [moment - self._archives.now for moment in moments if moment is not None]
        return max(min([*times, LONGEST_PAUSE]), SHORTEST_PAUSE)
