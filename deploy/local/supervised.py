"""One process that is started again whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from deploy.local.errors import ProcessFailedError
from deploy.local.processes import ProcessPlan, how_it_ended, launch, log_tail
from spawner.processes import ProcessIdentity, identify
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import httpx

    from deploy.local.reporting import Reporter

MAX_DELAY_SECONDS = 30.0
"""Longest pause before a process that keeps failing is tried again."""

STEADY_SECONDS = 60.0
"""A process that worked this long is no longer the one that kept failing."""

FAILURES_TO_SHOW = 3
"""After so many ends in a row the log says more than we can."""

START_SECONDS = 120.0
"""Longest wait for a process to answer: migrations on a slow disk included."""

STOP_GRACE_SECONDS = 10.0
"""How long a process may take to stop before it is killed."""


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next try, after so many ends in a row: at once, then 1, 2, 4 … 30."""
    return 0.0 if failures <= 1 else min(2.0 ** (failures - 2), MAX_DELAY_SECONDS)


class SupervisedProcess:
    """Keeps one process running, and says so when it was not."""

    def __init__(
        self,
        plan: ProcessPlan,
        *,
        client: httpx.AsyncClient,
        reporter: Reporter,
        on_launch: Callable[[str, ProcessIdentity], None],
    ) -> None:
        """`on_launch` is told of each new process."""
        self.plan = plan
        self._client = client
        self._reporter = reporter
        self._on_launch = on_launch
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, *, seconds: float = START_SECONDS) -> None:
        """Start it and wait until it works, then keep it so. Raises ProcessFailedError when it does not."""
        process = await self._launch()
        is_in_time = await _first_of(self.plan.health.until_passes(self._client), process.wait(), seconds=seconds)
        if not is_in_time or process.returncode is not None:
            how = f"did not answer within {format_duration(seconds)}"
            if process.returncode is not None:
                how = how_it_ended(process.returncode)
            raise ProcessFailedError(self.plan.name, how=how, log=self.plan.log, log_tail=log_tail(self.plan.log))
        self._keeping = asyncio.create_task(self._keep(process), name=f"keep {self.plan.name}")

    async def stop(self, *, hurry: asyncio.Event) -> None:
        """End it and do not start it again."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await _first_of(process.wait(), hurry.wait(), seconds=STOP_GRACE_SECONDS)
        _end_group(process.pid)
        await process.wait()

    async def _launch(self) -> asyncio.subprocess.Process:
        try:
            process = await launch(self.plan)
        except OSError as error:
            how = f"cannot be started: {error.strerror} ({self.plan.argv[0]})"
            raise ProcessFailedError(self.plan.name, how=how, log=self.plan.log, log_tail=()) from error
        self._process = process
        if (identity := identify(process.pid)) is not None:
            self._on_launch(self.plan.name, identity)
        return process

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        failures = 0
        began = time.monotonic()
        while True:
            how = how_it_ended(await process.wait())
            _end_group(process.pid)
            failures = 1 if time.monotonic() - began >= STEADY_SECONDS else failures + 1
            delay = restart_delay(failures)
            again = f"started again in {format_duration(delay)}" if delay else "started again"
            self._reporter.event(f"{self.plan.name} {how}; {again}")
            if failures == FAILURES_TO_SHOW:
                self._reporter.log_tail(log_tail(self.plan.log))
            await asyncio.sleep(delay)
            began = time.monotonic()
            process = await self._launch_again()
            await self._wait_for_return(process, began)

    async def _launch_again(self) -> asyncio.subprocess.Process:
        """Start it, however often that takes: a program that vanished (an upgrade?) comes back."""
        while True:
            try:
                return await self._launch()
            except ProcessFailedError as error:
                self._reporter.event(str(error))
                await asyncio.sleep(MAX_DELAY_SECONDS)

    async def _wait_for_return(self, process: asyncio.subprocess.Process, began: float) -> None:
        """Until it works again or has ended again; one that does neither is ended."""
        health = self.plan.health.until_passes(self._client)
        if not await _first_of(health, process.wait(), seconds=START_SECONDS):
            process.kill()
        elif process.returncode is None:
            took = format_duration(time.monotonic() - began)
            self._reporter.event(f"{self.plan.name} works again, after {took}")


async def _first_of(*work: Coroutine[Any, Any, object], seconds: float | None = None) -> bool:
    """Wait for the first of these and drop the others; False when the time was up before."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


def _end_group(leader: int) -> None:
    """Kill what a process of ours left in its group, such as an installer that the hub ran.

    Workspaces live in sessions of their own and are not touched.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
