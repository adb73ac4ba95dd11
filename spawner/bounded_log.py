"""A log file that keeps the end and forgets the beginning."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOG_LIMIT_BYTES: Final = 1024 * 1024
"""What is kept of a server's output, also after its end."""

SLACK: Final = 4
"""A file may grow by one part in so many before it is cut: each cut rewrites all that is kept."""

TAIL_LINES: Final = 40
TAIL_BYTES: Final = 20 * 1024


class BoundedLog:
    """The last `limit_bytes` of what was written, in one file. A full disk loses lines and stops nobody."""

    def __init__(self, path: Path, *, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        """Begins empty: the log is of one run."""
        self._path = path
        self._limit_bytes = limit_bytes
        self._size = 0
        self._descriptor: int | None = None
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            self._open()

    def write(self, data: bytes) -> None:
        """Adds to the end; cuts the beginning off where it grew too long."""
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._open()
            self._size += os.write(self._descriptor or 0, data)
            if self._size > self._limit_bytes + self._limit_bytes // SLACK:
                self._cut()

    def close(self) -> None:
        """Leaves no more than the limit on disk."""
        with contextlib.suppress(OSError):
            if self._size > self._limit_bytes:
                self._cut()
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> None:
        # Only its owner may read what a person's programs print.
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _cut(self) -> None:
        # A reader sees the old file or the new one, whole: the name is moved, the file under it never shortened.
        kept = last_bytes(self._path, self._limit_bytes)
        shorter = self._path.with_suffix(".tmp")
        shorter.unlink(missing_ok=True)
        descriptor = os.open(shorter, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(kept)
        shorter.replace(self._path)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._open()


def last_bytes(path: Path, limit_bytes: int) -> bytes:
    """The end of a file from the first whole line within the limit; all of it when it is shorter."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= limit_bytes:
            file.seek(0)
            return file.read()
        file.seek(size - limit_bytes - 1)
        before, newline, whole_lines = file.read(limit_bytes + 1).partition(b"\n")
        return whole_lines if newline and whole_lines else before[1:] + newline


def last_lines(path: Path, *, lines: int = TAIL_LINES) -> tuple[str, ...]:
    """The last lines of a log, for a page; nothing where there is no log."""
    try:
        tail = last_bytes(path, TAIL_BYTES)
    except OSError:
        return ()
    return tuple(tail.decode(errors="replace").splitlines()[-lines:])
