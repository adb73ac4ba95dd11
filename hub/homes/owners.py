"""Homes of people who have user numbers of their own: one at a time is given to its owner, and no start waits for long.

A home of the right owner is ready at once. One with another owner may hold a million files: it is worked on in threads
of its own, and whoever starts meanwhile reads that it goes on.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from hub.homes.errors import HomeIsHandedOver

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE: Final = 2
"""Homes that are given to another owner at the same time."""

Answer = TypeVar("Answer")


class Handovers:
    """Of all homes."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="owners")
        self._running: dict[str, asyncio.Task[None]] = {}

    async def wait_for(self, home: str, work: Callable[[], None], *, seconds: float) -> None:
        """Until that is done; it goes on if it takes longer. Raises HomeIsHandedOver, and what the work raises."""
        if home not in self._running:
            self._running[home] = task = asyncio.create_task(self._run(work), name=f"A new owner for the home {home}")
            task.add_done_callback(lambda done: self._forget(home, done))
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._running[home])
        except TimeoutError as error:
            raise HomeIsHandedOver(
                "Your files are being given to your new user number, one by one.",
                hint="That goes on by itself; try again in a minute.",
            ) from error

    def close(self) -> None:
        """Begins no further one, and waits for none: the next start of the person goes on."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _forget(self, home: str, task: asyncio.Task[None]) -> None:
        self._running.pop(home, None)
        if not task.cancelled():
            task.exception()  # looked at, also where nobody waits any more
