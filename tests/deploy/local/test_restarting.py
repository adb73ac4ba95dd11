"""A process that ends is started again; one that keeps ending is tried less and less often."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local import supervised
from deploy.local.errors import ProcessFailedError
from deploy.local.supervised import SupervisedProcess, restart_delay
from spawner.process_end import wait_until_gone
from spawner.processes import ProcessIdentity, identify, is_running

if TYPE_CHECKING:
    import io
    from collections.abc import AsyncIterator, Callable

    from deploy.local.processes import ProcessPlan
    from deploy.local.reporting import Reporter

DEADLINE = 20.0


class Launches:
    """Who was started, as an event to wait for."""

    def __init__(self) -> None:
        self.all: list[ProcessIdentity] = []
        self._changed = asyncio.Event()

    def note(self, name: str, identity: ProcessIdentity) -> None:
        self.all.append(identity)
        self._changed.set()

    async def until(self, count: int) -> ProcessIdentity:
        async with asyncio.timeout(DEADLINE):
            while len(self.all) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.all[count - 1]


@asynccontextmanager
async def supervising(plan: ProcessPlan, reporter: Reporter) -> AsyncIterator[tuple[SupervisedProcess, Launches]]:
    launches = Launches()
    async with httpx.AsyncClient(trust_env=False) as client:
        process = SupervisedProcess(plan, client=client, reporter=reporter, on_launch=launches.note)
        try:
            yield process, launches
        finally:
            hurry = asyncio.Event()
            hurry.set()
            await process.stop(hurry=hurry)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.0), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (50, 30.0)]
)
def test_the_pause_before_the_next_try_grows_up_to_half_a_minute(failures: int, seconds: float) -> None:
    assert restart_delay(failures) == seconds


async def test_a_killed_process_is_started_again_at_once(
    plan: Callable[..., ProcessPlan], reporter: Reporter, lines: io.StringIO
) -> None:
    hub = plan("hub")
    async with supervising(hub, reporter) as (process, launches):
        await process.start()
        os.kill(launches.all[0].pid, signal.SIGKILL)
        again = await launches.until(2)
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(DEADLINE):
            await hub.health.until_passes(client)
        assert is_running(again)
    assert "hub was killed (SIGKILL); started again" in lines.getvalue()


async def test_what_a_dead_process_left_in_its_group_is_ended_with_it(
    plan: Callable[..., ProcessPlan], reporter: Reporter
) -> None:
    hub = plan("hub", "with-helper")
    async with supervising(hub, reporter) as (process, launches):
        await process.start()
        helper = identify(int((hub.cwd / "helper").read_text()))
        assert helper is not None
        os.kill(launches.all[0].pid, signal.SIGKILL)
        assert await wait_until_gone(helper, timeout_seconds=DEADLINE)


async def test_a_process_that_ends_before_it_ever_answered_is_not_tried_again(
    plan: Callable[..., ProcessPlan], reporter: Reporter
) -> None:
    async with supervising(plan("services", "broken"), reporter) as (process, launches):
        with pytest.raises(ProcessFailedError, match="The services process ended with exit code 3") as failure:
            await process.start()
        assert "this is why" in failure.value.log_tail
        assert len(launches.all) == 1


async def test_a_process_that_never_answers_is_given_up(plan: Callable[..., ProcessPlan], reporter: Reporter) -> None:
    async with supervising(plan("hub", "sick"), reporter) as (process, _):
        with pytest.raises(ProcessFailedError, match="did not answer within"):
            await process.start(seconds=0.5)


async def test_a_program_that_does_not_exist_is_named(
    plan: Callable[..., ProcessPlan], reporter: Reporter, tmp_path: object
) -> None:
    missing = dataclasses.replace(plan("proxy"), argv=("/nowhere/node",))
    async with supervising(missing, reporter) as (process, _):
        with pytest.raises(ProcessFailedError, match=r"cannot be started: .* \(/nowhere/node\)"):
            await process.start()


async def test_a_process_that_keeps_ending_shows_the_end_of_its_log(
    plan: Callable[..., ProcessPlan], reporter: Reporter, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "restart_delay", lambda failures: 0.0)
    async with supervising(plan("hub"), reporter) as (process, launches):
        await process.start()
        for count in range(1, 4):
            launched = await launches.until(count)
            os.kill(launched.pid, signal.SIGKILL)
        await launches.until(4)
    assert f"    started {launches.all[0].pid}" in lines.getvalue()


async def test_a_restarted_process_that_never_answers_is_ended_and_tried_again(
    plan: Callable[..., ProcessPlan], reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = plan("hub")
    async with supervising(hub, reporter) as (process, launches):
        await process.start()
        monkeypatch.setattr(supervised, "START_SECONDS", 0.3)
        process.plan = dataclasses.replace(hub, argv=(*hub.argv[:-1], "sick"))
        os.kill(launches.all[0].pid, signal.SIGKILL)
        assert await wait_until_gone(await launches.until(2), timeout_seconds=DEADLINE)
        await launches.until(3)


async def test_a_process_that_ignores_being_asked_is_killed_when_there_is_hurry(
    plan: Callable[..., ProcessPlan], reporter: Reporter
) -> None:
    async with supervising(plan("hub", "stubborn"), reporter) as (process, launches):
        await process.start()
        hurry = asyncio.Event()
        stopping = asyncio.create_task(process.stop(hurry=hurry))
        await asyncio.sleep(0)
        assert is_running(launches.all[0])
        hurry.set()
        async with asyncio.timeout(DEADLINE):
            await stopping
        assert not is_running(launches.all[0])
        assert len(launches.all) == 1


def test_a_process_dies_with_the_supervisor_that_started_it(plan: Callable[..., ProcessPlan]) -> None:
    hub = plan("hub")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import asyncio, dataclasses, pathlib, signal, sys\n"
                "from deploy.local.processes import HealthCheck, ProcessPlan, launch\n"
                "async def main():\n"
                "    folder = pathlib.Path(sys.argv[1])\n"
                "    plan = ProcessPlan(name='hub', argv=tuple(sys.argv[2:]), env={}, cwd=folder, log=folder / 'log',\n"
                "                       health=HealthCheck(url=''))\n"
                "    process = await launch(plan)\n"
                "    print(process.pid, flush=True)\n"
                "    await process.wait()\n"
                "asyncio.run(main())\n"
            ),
            str(hub.cwd),
            *hub.argv,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        child = identify(int(parent.stdout.readline()))
        assert child is not None
    finally:
        parent.kill()
        parent.communicate()
    assert asyncio.run(wait_until_gone(child, timeout_seconds=DEADLINE))
