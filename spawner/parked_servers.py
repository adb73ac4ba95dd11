"""The servers that are parked on this machine: one for each environment that somebody used, ready for the next start.

What is parked is memory of this process and ends with it: nobody finds it again after a restart, and nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from spawner.parked import WORD_PARKED, park
from spawner.parked_moment import may_park
from spawner.processes import is_running, kill_all, started_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spawner.limits import Scope
    from spawner.parked import ParkedServer

QUIET_SECONDS: Final = 5.0
"""After a start, before the next server is parked: it takes a second of a core, which the person who has just started
would feel."""

MOST: Final = 4
"""Of one machine. Of more software than that, what was used last is kept waiting: also of what was built from a lock
that has changed since, which nobody asks for again."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the moment has come."""


class ParkedServers:
    """At most one for each environment."""

    def __init__(
        self,
        folder: Path,
        *,
        log: logging.Logger,
        has_kernel: bool = False,
        scope: Scope | None = None,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        """`folder`: where they wait, one folder each."""
        self._folder = folder
        self._log = log
        self._has_kernel = has_kernel
        self._scope = scope
        self._quiet_seconds = quiet_seconds
        self._parked: dict[str, ParkedServer] = {}
        self._parking: dict[str, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parking")
        self._starts = 0
        self._last_start = time.monotonic()

    @contextlib.contextmanager
    def start_under_way(self) -> Iterator[None]:
        """While somebody waits for a start, nothing is parked beside it."""
        self._starts += 1
        try:
            yield
        finally:
            self._starts -= 1
            self._last_start = time.monotonic()

    def want(self, digest: str, python: Path) -> None:
        """Parks a server of this environment, a little later."""
        if sys.platform != "linux" or not digest or digest in self._parking:
            return
        found = self._parked.get(digest)
        if found is not None and found.made_from == _made_from(python):
            self._parked[digest] = self._parked.pop(digest)  # used last
            return
        self._parking[digest] = asyncio.create_task(self._park_later(digest, python))

    def take(self, digest: str, python: Path) -> ParkedServer | None:
        """One that waits, from now on the caller's; None where there is none. Never waits for anything."""
        found = self._parked.get(digest)
        if found is None or not found.is_parked:
            return None
        self._forget(digest)
        if found.made_from != _made_from(python) or not is_running(found.keeper):
            found.close()
            return None
        return found

    def say(self, sentence: str) -> None:
        """For whoever runs the hub."""
        self._log.warning("%s", sentence)

    def all(self) -> tuple[ParkedServer, ...]:
        """Those that wait now."""
        return tuple(each for each in self._parked.values() if each.is_parked)

    def sweep(self) -> None:
        """Ends and removes what a hub left that was killed together with their keepers."""
        for left in self._folder.glob("*"):
            if all(left.name != each.start_id for each in self._parked.values()):
                kill_all(started_as(left.name))
                shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Ends them all."""
        for task in self._parking.values():
            task.cancel()
        self._parking.clear()
        for digest in tuple(self._parked):
            self._end(digest)
        self._threads.shutdown(wait=False)

    async def _park_later(self, digest: str, python: Path) -> None:
        try:
            await self._wait_for_a_good_moment()
            for old in (digest, *tuple(self._parked)[: 1 - MOST]):
                self._end(old)
            parked = await self._park(python)
        except OSError as error:
            self._log.warning("No server could be parked: %s", error)
            return
        finally:
            self._parking.pop(digest, None)
        self._parked[digest] = parked
        asyncio.get_running_loop().add_reader(parked.ready, self._hear, digest, parked)

    async def _park(self, python: Path) -> ParkedServer:
        """In a thread, which nothing can stop half-way: what it makes for nobody any more is closed there."""
        making = self._threads.submit(
            park,
            python,
            folder=self._folder,
            made_from=_made_from(python),
            has_kernel=self._has_kernel,
            scope=self._scope,
        )
        try:
            return await asyncio.wrap_future(making)
        except asyncio.CancelledError:
            making.add_done_callback(_close_made)
            raise

    async def _wait_for_a_good_moment(self) -> None:
        while True:
            quiet = time.monotonic() - self._last_start
            free = psutil.virtual_memory().available
            if may_park(
                free_bytes=free,
                starts_under_way=self._starts,
                quiet_seconds=quiet,
                wanted_seconds=self._quiet_seconds,
            ):
                return
            await asyncio.sleep(max(LOOK_SECONDS, self._quiet_seconds - quiet))

    def _hear(self, digest: str, parked: ParkedServer) -> None:
        said = os.read(parked.ready, 64)
        if said == WORD_PARKED:
            parked.is_parked = True
            return
        self._forget(digest)
        self._log.warning("A parked server has ended: %s", parked.last_words() or "it said nothing")
        parked.close()

    def _end(self, digest: str) -> None:
        if (parked := self._parked.get(digest)) is not None:
            self._forget(digest)
            parked.close()

    def _forget(self, digest: str) -> None:
        parked = self._parked.pop(digest)
        asyncio.get_running_loop().remove_reader(parked.ready)


class NothingParked(ParkedServers):
    """Parks nothing: where it is switched off, and for a spawner without a hub."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull), log=logging.getLogger(__name__))

    def want(self, digest: str, python: Path) -> None:
        """Never."""


def _close_made(making: Future[ParkedServer]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().close()


def _made_from(python: Path) -> str:
    """The environment's programs as they are now: those of one that was built anew lie in another folder."""
    try:
        found = python.parent.stat()
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"
