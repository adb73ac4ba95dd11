"""What homes hold, measured in threads of its own and remembered: no question walks through a large home again."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from spawner.homes import HomeUsage

MEASURING_SECONDS: Final = 20.0
"""The longest look at one home; of a larger one it is said that it holds at least so much."""

FRESH_SECONDS: Final = 60.0
"""How long a measurement is good enough."""

SHARE: Final = 10
"""And at least so many times as long as it took: of a disk's time no home gets more than one part in so many."""

AT_ONCE: Final = 2
"""Homes that are looked at at the same time. A disk that hangs holds so many threads and no others."""


class Measurements:
    """Of all homes. One that does not end holds up nobody but those who ask for it."""

    def __init__(
        self, measure: Callable[[str, float], HomeUsage], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`measure` takes a home and a number of seconds, and may block; it is called in a thread."""
        self._measure = measure
        self._clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="homes")
        self._known: dict[str, tuple[HomeUsage, float]] = {}
        """With the moment from which on it is looked at again."""
        self._running: dict[str, asyncio.Task[HomeUsage]] = {}

    async def of(self, home: str) -> HomeUsage:
        """What a home holds: what is known, where that is fresh; else measured, which goes on if the asker leaves.

        Raises what the measuring raises.
        """
        usage, until = self._known.get(home, (None, 0.0))
        if usage is not None and self._clock() < until:
            return usage
        if home not in self._running:
            self._running[home] = task = asyncio.create_task(self._look(home), name=f"Measuring the home {home}")
            task.add_done_callback(lambda done: self._forget(home, done))
        return await asyncio.shield(self._running[home])

    def close(self) -> None:
        """Begins no further measurement, and waits for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self, home: str) -> HomeUsage:
        began = self._clock()
        loop = asyncio.get_running_loop()
        usage = await loop.run_in_executor(self._threads, self._measure, home, MEASURING_SECONDS)
        ended = self._clock()
        self._known[home] = (usage, ended + max(FRESH_SECONDS, SHARE * (ended - began)))
        return usage

    def _forget(self, home: str, task: asyncio.Task[HomeUsage]) -> None:
        self._running.pop(home, None)
        if not task.cancelled() and task.exception() is not None:  # looked at, also where nobody waits
            self._known.pop(home, None)
