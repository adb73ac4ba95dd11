"""Waiting for the end of a process that need not be a child of ours: an event on Linux, a look now and then elsewhere.

Apart from `processes`, because a keeper needs that one and not asyncio, which would cost each of them 5 MB.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from typing import TYPE_CHECKING, Final

from spawner.processes import is_running, pidfd

if TYPE_CHECKING:
    from spawner.processes import ProcessIdentity

LOOK_AGAIN_SECONDS: Final = 0.05
"""How often a process is looked at where the system has no event for its end (outside Linux)."""


async def wait_until_gone(process: ProcessIdentity, *, timeout_seconds: float) -> bool:
    """True as soon as this process has ended, False where it has not in time. An event on Linux."""
    try:
        async with asyncio.timeout(timeout_seconds):
            if sys.platform == "linux":
                await _wait_on_linux(process)
            while is_running(process):  # noqa: ASYNC110 - where there is an event, it came before this line
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        return not is_running(process)
    return True


async def _wait_on_linux(process: ProcessIdentity) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        with pidfd(process.pid) as descriptor:
            if is_running(process):
                loop.add_reader(descriptor, ended.set)
                try:
                    await ended.wait()
                finally:
                    loop.remove_reader(descriptor)
    except OSError as error:
        if error.errno not in {errno.ESRCH, errno.ENOSYS, errno.EPERM}:  # gone; a system without process descriptors
            raise
