"""One change at a time of each repository, in whichever process: two would write one index, or take away an image that
the other one has just made.

A rolling update and a restart that overlaps have two services processes for a while. Whoever dies, loses their turn.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

import psycopg

from hub.builder.errors import BeingChanged
from hub.database import DatabaseAway
from hub.postgresql import connections, is_postgresql

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.postgresql import PatientConnection

PATIENCE_SECONDS: Final = 300.0
"""For another process: a large package takes minutes where all of its base has to be copied."""

AGAIN_SECONDS: Final = 0.1
"""How often it is asked for."""

FILES: Final = 256
"""So many repositories can be changed at once, and so many empty files stay for good."""

ANSWER_SECONDS: Final = 5.0
"""For PostgreSQL, which has nothing to write for this."""

LOCK: Final = "SELECT pg_try_advisory_lock(hashtext('studiolo models'), hashtext(%s))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtext('studiolo models'), hashtext(%s))"


class OtherProcesses(Protocol):
    """What keeps those of one installation apart."""

    def turn(self, what: str, *, patience: float) -> AbstractAsyncContextManager[None]:
        """Nobody else has it meanwhile. Raises BeingChanged after so many seconds."""


class Turns:
    """Of one process, and those beside it."""

    def __init__(self, others: OtherProcesses, *, patience: float = PATIENCE_SECONDS) -> None:
        """Nothing is held."""
        self._others = others
        self._patience = patience
        self._here: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, what: str) -> AsyncGenerator[None]:
        """Only one at a time. Raises BeingChanged, or DatabaseAway."""
        lock = self._here.get(what)
        if lock is None:
            self._here[what] = lock = asyncio.Lock()
        async with lock, self._others.turn(what, patience=self._patience):
            yield


class FileTurns:
    """Processes that share a data directory: locks of files, which end with whoever holds them."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is needed."""
        self._folder = folder

    @asynccontextmanager
    async def turn(self, what: str, *, patience: float) -> AsyncGenerator[None]:
        """The lock of one file of a few: two repositories may have to wait for each other."""
        number = int.from_bytes(hashlib.sha256(what.encode()).digest()[:4]) % FILES
        held = await asyncio.to_thread(self._opened, number)
        try:
            end = time.monotonic() + patience
            while not _locked(held):
                if time.monotonic() >= end:
                    raise BeingChanged
                await asyncio.sleep(AGAIN_SECONDS)
            yield
        finally:
            os.close(held)

    def close(self) -> None:
        """Nothing is kept open."""

    def _opened(self, number: int) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return os.open(self._folder / f"{number:03}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class PostgresqlTurns:
    """Processes that share a PostgreSQL: advisory locks of one session each, which ends with its process."""

    def __init__(self, url: str) -> None:
        """Connects when it is first needed."""
        self._connect = connections(url, lambda seconds: seconds >= ANSWER_SECONDS)
        self._one_at_a_time = threading.Lock()
        self._connection: PatientConnection | None = None

    @asynccontextmanager
    async def turn(self, what: str, *, patience: float) -> AsyncGenerator[None]:
        """A lock by its name's hash. Raises DatabaseAway."""
        end = time.monotonic() + patience
        while not await asyncio.to_thread(self._lock, what):
            if time.monotonic() >= end:
                raise BeingChanged
            await asyncio.sleep(AGAIN_SECONDS)
        try:
            yield
        finally:
            await asyncio.shield(asyncio.to_thread(self._unlock, what))

    def close(self) -> None:
        """Ends the session, and all that it holds."""
        with self._one_at_a_time:
            self._let_go()

    def _lock(self, what: str) -> bool:
        with self._one_at_a_time:
            was_there = self._connection is not None
            try:
                return self._has_locked(what)
            except psycopg.Error as error:
                self._let_go()
                if not was_there:
                    raise DatabaseAway from error
            try:  # the session was older than the server that answers now
                return self._has_locked(what)
            except psycopg.Error as error:
                self._let_go()
                raise DatabaseAway from error

    def _has_locked(self, what: str) -> bool:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.autocommit = True
        row = self._connection.execute(LOCK, (what,)).fetchone()
        return row is not None and bool(row[0])

    def _unlock(self, what: str) -> None:
        with self._one_at_a_time:
            if self._connection is None:  # the session has ended, and the lock with it
                return
            try:
                self._connection.execute(UNLOCK, (what,))
            except psycopg.Error:
                self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def turns_among(url: str, folder: Path) -> FileTurns | PostgresqlTurns:
    """As processes with this database meet each other; `folder` is of their data directory."""
    return PostgresqlTurns(url) if is_postgresql(url) else FileTurns(folder)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
