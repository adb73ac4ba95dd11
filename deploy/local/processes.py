"""How one process of ours is started: its own session, its log, its end when the supervisor ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_LOG_BYTES = 5 * 1024 * 1024
"""What is kept of a log; two of them fit: the one being written and the one before."""

HEALTH_POLL_SECONDS = 0.05
"""Between two looks at a process that is starting; a request on loopback costs less than a millisecond."""

PR_SET_PDEATHSIG = 1
"""From Linux' sys/prctl.h: the signal a process gets when its parent dies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """An address that answers 2xx once a process does its work."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def until_passes(self, client: httpx.AsyncClient) -> None:
        """Wait for as long as it takes."""
        while not await self.passes(client):  # noqa: ASYNC110 - another process's answer is no event of ours
            await asyncio.sleep(HEALTH_POLL_SECONDS)

    async def passes(self, client: httpx.AsyncClient) -> bool:
        """Whether it answers so now."""
        try:
            return (await client.get(self.url, headers=dict(self.headers))).is_success
        except httpx.HTTPError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """One of the processes that make up Studiolo on one machine."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """The whole environment; may hold keys, so it is never printed."""
    cwd: Path
    log: Path
    health: HealthCheck


async def launch(plan: ProcessPlan) -> asyncio.subprocess.Process:
    """Start it. Raises OSError when the program cannot be run."""
    bound_log(plan.log)
    # The log is opened by us and written by the process itself, so that neither waits for the other.
    with plan.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *plan.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(plan.env),
            cwd=plan.cwd,
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop things in order.
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )


def _end_with_parent() -> Callable[[], None] | None:
    """Code for the child that makes it end when we are killed; None where the system cannot do that.

    There the next `studiolo up` ends what was left (`leftovers.py`).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # we died between the fork and the line above
            os.kill(os.getpid(), signal.SIGTERM)

    return in_child


def bound_log(path: Path, *, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Keep the last `max_bytes` of a log that has grown beyond them in `NAME.1`, and empty it.

    Emptied in place, for a running process has it open (in append mode, so it goes on at the start).
    """
    try:
        if path.stat().st_size <= max_bytes:
            return
        with path.open("r+b") as log:
            log.seek(-max_bytes, os.SEEK_END)
            log.readline()  # the rest of a line that was cut
            path.with_name(f"{path.name}.1").write_bytes(log.read())
            log.truncate(0)
    except FileNotFoundError:
        return


def log_tail(path: Path, *, lines: int = 15, max_bytes: int = 16 * 1024) -> tuple[str, ...]:
    """The last lines of a log; nothing when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - max_bytes))
            text = log.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-lines:])


def how_it_ended(returncode: int) -> str:
    """The end of a process in words: `ended with exit code 1`, `was killed (SIGKILL)`."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was killed ({name})"
