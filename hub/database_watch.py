"""Knows whether a database answers, from a thread of its own: an event loop that waits for it could not look."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from hub.postgresql import PostgresqlProbe, connections, is_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

LOOK_EVERY_SECONDS: Final = 0.5
"""With the second that a look may take: how long a silent database holds the hub's event loop, once."""

RETRY_AFTER_SECONDS: Final = 5
"""What people and programs are told to wait. It is noticed within two or three seconds that the database is back."""

NOT_OURS: Final = (OperationalError, InterfaceError, InternalError)
"""Faults of the database itself: away, read-only, disk full. Others, as a name that is there twice, are the asker's."""


class DatabaseWatch:
    """Looks again and again, and lets nobody wait for a database that does not answer."""

    def __init__(
        self,
        url: str,
        *,
        what: str,
        log: Logger,
        is_exclusive: bool = False,
        probe: Callable[[], str] | None = None,
        every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        """`what`: the database in a sentence; `is_exclusive`: one process at a time may use it.

        `probe` says what is wrong, and nothing where all is well. An SQLite file is not looked at: it is always there,
        or the disk is not.
        """
        self._url = url
        self._what = what
        self._log = log
        self._is_watched = probe is not None or is_postgresql(url)
        self._probe = probe or (PostgresqlProbe(url, is_exclusive=is_exclusive) if self._is_watched else lambda: "")
        self._every = every_seconds
        self._woken = threading.Event()
        self._is_stopped = False
        self._thread: threading.Thread | None = None
        self.trouble = ""
        """Why the database cannot be used now; empty when it can."""
        self.faults = 0
        """How many questions failed by a fault of the database: whoever sees it grow knows that theirs may have."""

    @property
    def is_away(self) -> bool:
        """Whether nobody should even try."""
        return bool(self.trouble)

    def engine_arguments(self) -> dict[str, Any]:
        """For SQLAlchemy's `create_engine`: connections that give up as soon as it is known that nobody answers."""
        return {"creator": connections(self._url, lambda _seconds: self.is_away)} if self._is_watched else {}

    def note(self, error: BaseException | None) -> bool:
        """Is told what an engine's questions end with. Whether that was a fault of the database."""
        if not isinstance(error, NOT_OURS):
            return False
        self.faults += 1
        self._woken.set()  # look now: it may be gone for good, or it was this one connection only
        return True

    def start(self) -> None:
        """Looks from now on, in the background."""
        if self._is_watched and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="database watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._is_stopped = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if isinstance(self._probe, PostgresqlProbe):
            self._probe.close()

    async def until_there(self) -> None:
        """Returns once the database can be used: who needs it to begin waits, and need not be started again."""
        while why := await asyncio.to_thread(self.look_once):
            self._log.debug("Waiting for %s: %s", self._what, why)
            await asyncio.sleep(self._every)

    def look_once(self) -> str:
        """Looks, says what changed, and gives what is wrong."""
        trouble = self._probe()
        before, self.trouble = self.trouble, trouble
        if trouble and trouble != before:
            self._log.error("%s cannot be used: %s.", self._what, trouble)
        elif before and not trouble:
            self._log.warning("%s can be used again.", self._what)
        return trouble

    def _run(self) -> None:
        while not self._is_stopped:
            self.look_once()
            self._woken.wait(self._every)
            self._woken.clear()
