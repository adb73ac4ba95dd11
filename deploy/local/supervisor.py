"""The parent of proxy, hub and services: starts them in order, keeps them running, stops them and every workspace."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any, Self

import httpx

from deploy.local.errors import StoppedEarlyError
from deploy.local.processes import HealthCheck, ProcessPlan, bound_log
from deploy.local.run_record import RunRecord, save_record
from deploy.local.supervised import SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path
    from types import TracebackType

    from deploy.local.reporting import Reporter
    from spawner.processes import ProcessIdentity

BOUND_LOGS_SECONDS = 60.0
"""How often logs are looked at for their size."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Ctrl-C and its relatives: the first asks us to stop, the second to hurry, further ones change nothing."""

    def __init__(self) -> None:
        """Listens once it is entered."""
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def __enter__(self) -> Self:
        """Take the signals from Python's own handling (which would raise anywhere)."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.request)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    def request(self) -> None:
        """One more signal came."""
        (self.hurry if self.stop.is_set() else self.stop).set()


class Supervisor:
    """Runs a list of processes. Knows nothing of what they do: the plans say that."""

    def __init__(
        self,
        plans: Sequence[ProcessPlan],
        *,
        record: RunRecord,
        record_path: Path,
        reporter: Reporter,
        requests: StopRequests,
    ) -> None:
        """`record` has the ports; the processes are added as they start."""
        self._record = record
        self._record_path = record_path
        self._reporter = reporter
        self._requests = requests
        # trust_env: a proxy that is configured for the outside cannot reach our own loopback addresses.
        self._client = httpx.AsyncClient(trust_env=False, timeout=2)
        self._processes = [
            SupervisedProcess(plan, client=self._client, reporter=reporter, on_launch=self._note_process)
            for plan in plans
        ]

    async def start(self, *names: str) -> None:
        """Start these and wait until all work.

        Raises ProcessFailedError when one does not come up, StoppedEarlyError when somebody asked us to stop meanwhile.
        """
        chosen = [process for process in self._processes if process.plan.name in names]
        await self._unless_stopped(*(process.start() for process in chosen))

    async def wait_for(self, check: HealthCheck) -> None:
        """Wait until an address answers. Raises StoppedEarlyError when somebody asked us to stop meanwhile."""
        await self._unless_stopped(check.until_passes(self._client))

    async def run(self) -> None:
        """Keep everything running until somebody asks us to stop."""
        while not self._requests.stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._requests.stop.wait(), timeout=BOUND_LOGS_SECONDS)
            for process in self._processes:
                bound_log(process.plan.log)

    async def stop(self, *names: str) -> None:
        """Stop these, at the same time; those that never started are none the worse."""
        chosen = [process for process in self._processes if process.plan.name in names]
        await asyncio.gather(*(process.stop(hurry=self._requests.hurry) for process in chosen))

    async def close(self) -> None:
        """Write down that nothing of ours runs any more."""
        self._record = self._record.ended()
        save_record(self._record_path, self._record)
        await self._client.aclose()

    def _note_process(self, name: str, identity: ProcessIdentity) -> None:
        self._record = self._record.with_process(name, identity)
        save_record(self._record_path, self._record)

    async def _unless_stopped(self, *work: Coroutine[Any, Any, None]) -> None:
        """Do all of this; the first failure, or a request to stop, ends the rest."""
        stopping = asyncio.create_task(self._requests.stop.wait())
        doing = {asyncio.create_task(each) for each in work}
        try:
            while doing and not stopping.done():
                done, _ = await asyncio.wait({stopping, *doing}, return_when=asyncio.FIRST_COMPLETED)
                doing -= done
                for task in done - {stopping}:
                    task.result()
            if doing:
                raise StoppedEarlyError
        finally:
            for task in {stopping, *doing}:
                task.cancel()
            await asyncio.gather(stopping, *doing, return_exceptions=True)
