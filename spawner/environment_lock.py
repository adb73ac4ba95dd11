"""One builder at a time for one environment, across processes, and beyond the death of the one that began."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

LOOK_AGAIN_SECONDS: Final = 0.2
"""How often a waiting process looks: also how often its progress is refreshed."""


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[int | None]:
    """The descriptor of the lock, held while open, or None where somebody else holds it.

    The kernel lets it go when the last process that has the descriptor ends. A builder hands it to the programs it
    runs: should it be killed, the lock stays taken for as long as one of them still writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def wait_for_lock(path: Path, on_wait: Callable[[], None]) -> AsyncIterator[int]:
    """The descriptor of the lock, once nobody else holds it. `on_wait` is called each time it is looked at in vain."""
    while True:
        with try_lock(path) as descriptor:
            if descriptor is not None:
                yield descriptor
                return
        on_wait()
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
