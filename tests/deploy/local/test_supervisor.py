"""The supervisor starts what it is told in order, writes down who runs, and stops when it is asked, or at once."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from deploy.local.errors import ProcessFailedError, StoppedEarlyError
from deploy.local.reporting import Reporter
from deploy.local.run_record import RunRecord, load_record
from deploy.local.supervisor import StopRequests, Supervisor
from spawner.processes import is_running

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.processes import ProcessPlan

DEADLINE = 20.0


@pytest.fixture
def supervise(tmp_path: Path, reporter: Reporter) -> Callable[..., Supervisor]:
    def make(requests: StopRequests, *plans: ProcessPlan) -> Supervisor:
        record = RunRecord(pid=os.getpid(), ports={"hub": 8002})
        return Supervisor(plans, record=record, record_path=tmp_path / "up.json", reporter=reporter, requests=requests)

    return make


async def test_who_runs_is_written_down_and_nobody_after_the_end(
    supervise: Callable[..., Supervisor], plan: Callable[..., ProcessPlan], tmp_path: Path
) -> None:
    supervisor = supervise(StopRequests(), plan("proxy"), plan("hub"))
    await supervisor.start("proxy")
    assert set(load_record(tmp_path / "up.json").processes) == {"proxy"}
    await supervisor.start("hub")
    running = load_record(tmp_path / "up.json").processes
    assert set(running) == {"proxy", "hub"}
    assert all(is_running(process) for process in running.values())
    await supervisor.stop("hub", "proxy")
    await supervisor.close()
    assert not any(is_running(process) for process in running.values())
    assert load_record(tmp_path / "up.json") == RunRecord(ports={"hub": 8002})


async def test_one_that_does_not_come_up_is_the_error_and_the_others_can_still_be_stopped(
    supervise: Callable[..., Supervisor], plan: Callable[..., ProcessPlan], tmp_path: Path
) -> None:
    supervisor = supervise(StopRequests(), plan("hub", "sick"), plan("services", "broken"))
    with pytest.raises(ProcessFailedError, match="The services process ended with exit code 3"):
        await supervisor.start("hub", "services")
    hub = load_record(tmp_path / "up.json").processes["hub"]
    await supervisor.stop("hub", "services")
    await supervisor.close()
    assert not is_running(hub)


async def test_who_asks_to_stop_does_not_wait_for_a_start(
    supervise: Callable[..., Supervisor], plan: Callable[..., ProcessPlan]
) -> None:
    requests = StopRequests()
    supervisor = supervise(requests, plan("hub", "sick"))
    requests.request()
    with pytest.raises(StoppedEarlyError):
        await supervisor.start("hub")
    await supervisor.stop("hub")
    await supervisor.close()


async def test_the_first_signal_asks_to_stop_and_the_second_to_hurry() -> None:
    with StopRequests() as requests:
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            await requests.stop.wait()
        assert not requests.hurry.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            await requests.hurry.wait()


async def test_it_runs_until_it_is_asked_to_stop(
    supervise: Callable[..., Supervisor], plan: Callable[..., ProcessPlan]
) -> None:
    requests = StopRequests()
    supervisor = supervise(requests, plan("hub"))
    await supervisor.start("hub")
    running = asyncio.create_task(supervisor.run())
    requests.request()
    async with asyncio.timeout(DEADLINE):
        await running
    await supervisor.stop("hub")
    await supervisor.close()


def test_a_step_is_one_line_with_what_there_is_to_say(reporter: Reporter, lines: io.StringIO) -> None:
    with reporter.step("catalog") as step:
        step.detail = "2 environments [bold]"
    assert lines.getvalue() == "✓ catalog           2 environments [bold]\n"


def test_a_step_that_fails_is_marked_and_one_that_was_stopped_is_not(reporter: Reporter, lines: io.StringIO) -> None:
    with pytest.raises(ValueError, match="no"), reporter.step("hub"):
        raise ValueError("no")
    with pytest.raises(StoppedEarlyError), reporter.step("services"):
        raise StoppedEarlyError
    assert lines.getvalue() == "✗ hub\n"


def test_a_line_stays_one_line_on_a_narrow_terminal(lines: io.StringIO) -> None:
    Reporter(Console(file=lines, width=20)).plain("http://127.0.0.1:8000/ is where it is, and this line is long")
    assert lines.getvalue().count("\n") == 1
