"""Background work of a process: runs for ever, and says so when it could not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before failed work starts again; doubled each time, so that a lasting fault fills no log."""


async def keep_running(what: str, work: Callable[[], Awaitable[None]], *, log: Logger) -> None:
    """Run `work` again whenever it ends, until cancelled. A failure is logged in full and never spreads."""
    pause = FIRST_PAUSE
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await work()
            log.error("%s ended, which is a bug; it starts again in %.0f s", what, pause)
        except Exception:
            log.exception("%s failed; it starts again in %.0f s", what, pause)
        if loop.time() - began > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
