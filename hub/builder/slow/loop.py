"""Takes slow builds further, again and again. What it knows is in the database and the cluster: it may end anywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.builder.slow.derived_base import State
from hub.database import DatabaseAway
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from logging import Logger

    from hub.builder.slow.actions import DerivedBases
    from hub.builder.slow.derived_base import DerivedBase

BETWEEN_LOOKS: Final = timedelta(seconds=2)
"""While something is built: builds take minutes."""

LONGEST_PAUSE: Final = timedelta(minutes=1)
"""While nothing is; a wish wakes it. Another process of the services may have taken one."""

PAUSE_WHILE_AWAY: Final = timedelta(seconds=15)


class SlowBuildLoop:
    """Builds what was asked for."""

    def __init__(self, bases: DerivedBases, *, log: Logger) -> None:
        """Nothing runs yet."""
        self._bases = bases
        self._log = log

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            self._bases.news.clear()
            pause = await self.look()
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._bases.news.wait()
            except TimeoutError:
                continue

    async def look(self) -> timedelta:
        """One look: each a step further; how long nothing is to be done then. One that fails keeps no other."""
        try:
            await self._bases.begin_some()
            found = await self._bases.unfinished()
        except DatabaseAway as error:
            self._log.warning("Which bases are to be built is not known now: %s", error)
            return PAUSE_WHILE_AWAY
        pause = BETWEEN_LOOKS if found else LONGEST_PAUSE
        for base in found:
            try:
                self._tell(base, await self._bases.step(base))
            except StudioloError as error:
                self._log.warning("The base %s is looked at again: %s", base.key[:16], error)
                pause = PAUSE_WHILE_AWAY
        return pause

    def _tell(self, before: DerivedBase, after: DerivedBase) -> None:
        if before.state is after.state:
            return
        match after.state:
            case State.READY:
                self._log.info("The base %s is ready: %s", after.key[:16], after.digest)
            case State.FAILED:
                self._log.warning("The base %s could not be built: %s", after.key[:16], after.reason)
            case _:
                self._log.info("The base %s is %s", after.key[:16], after.state)
