"""How a workspace ends, who notices, and what is left of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from spawner import local
from spawner.ending import Ending, EndingKind
from spawner.lasting import Lasting, StopReason
from spawner.machine import running_records
from spawner.processes import is_running
from spawner.record import read_record, write_atomically
from spawner.workspace_process import StillRunningError, WorkspaceProcess

SMALL = {"environment": "python", "hardware": "small"}
GPU = {"environment": "python", "hardware": "gpu"}

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


async def test_stop_ends_the_server_gently(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    await hub.user.stop("")
    ending = spawner.ending()
    assert ending is not None
    assert (ending.kind, ending.exit_code) == (EndingKind.STOPPED, 0)
    assert list(running_records(hub.data)) == []


async def test_workspace_that_dies_is_noticed_and_gives_back_what_it_held(hub: Any, eventually: Eventually) -> None:
    spawner = await hub.start(GPU)
    stopped: list[str] = []
    spawner.add_poll_callback(lambda: stopped.append("told"))
    await eventually(hub.is_recorded)
    server = next(running_records(hub.data)).server_process
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: stopped == ["told"])
    ending = spawner.ending()
    assert ending is not None
    assert (ending.kind, ending.signal) == (EndingKind.SIGNALLED, signal.SIGKILL)
    assert hub.machine.state().held == ()


async def test_keeper_that_is_killed_ends_the_workspace_as_lost(hub: Any, eventually: Eventually) -> None:
    spawner = await hub.start(SMALL)
    await eventually(hub.is_recorded)
    record = next(running_records(hub.data))
    assert record.keeper is not None
    assert record.server_process is not None
    server = record.server_process
    os.kill(record.keeper.pid, signal.SIGKILL)
    await eventually(lambda: not is_running(server))
    assert await spawner.poll() == 1
    ending = spawner.ending()
    assert ending is not None
    assert ending.kind is EndingKind.LOST


async def test_workspace_that_never_ran_is_not_running(hub: Any) -> None:
    assert await hub.spawner().poll() == 0
    assert hub.spawner().ending() is None


async def test_another_process_with_a_recycled_number_is_left_alone(hub: Any) -> None:
    await hub.start(SMALL)
    await hub.user.stop("")
    files = hub.data.workspace("alice", "")
    record = read_record(files.record)
    assert record is not None
    assert record.keeper is not None
    # The number of the keeper now belongs to this very test.
    stranger = replace(record.keeper, pid=os.getpid())
    write_atomically(files.record, record.with_processes(keeper=stranger, server=stranger).to_json())
    files.ended.unlink()
    hub.restart()
    assert await hub.spawner().poll() == 1
    await hub.spawner().stop(now=True)


# Stopped for a reason that no person had

UNUSED = StopReason(kind=EndingKind.IDLE, sentence="It was stopped after 2 h without use.")


async def test_a_stop_with_a_reason_is_told_so_also_by_the_next_hub(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    spawner.stop_for(UNUSED)
    await hub.user.stop("")
    hub.restart()
    ending = hub.spawner().ending()
    assert ending is not None
    assert (ending.kind, ending.why, ending.exit_code) == (EndingKind.IDLE, UNUSED.sentence, 0)


async def test_a_reason_that_came_to_nothing_is_not_told_when_a_person_stops_it(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    spawner.stop_for(UNUSED)
    spawner.stop_for(None)
    await hub.user.stop("")
    assert hub.spawner().ending().kind is EndingKind.STOPPED


async def test_a_reason_of_a_hub_that_died_before_the_stop_is_not_told_when_a_person_stops_it(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    spawner.stop_for(UNUSED)
    spawner.orm_spawner.state = spawner.get_state()
    hub.restart()
    assert hub.spawner().lasting.stop_reason == UNUSED
    await hub.user.stop("")
    assert hub.spawner().ending().kind is EndingKind.STOPPED


async def test_a_new_start_begins_without_extensions_and_reasons(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    spawner.lasting = spawner.lasting.extended(datetime(2026, 11, 22, tzinfo=UTC))
    spawner.stop_for(UNUSED)
    await hub.user.stop("")
    again = await hub.start(SMALL)
    assert again.lasting == Lasting()
    await hub.user.stop("")


# Names


async def test_renamed_workspace_keeps_its_log_and_ending(hub: Any) -> None:
    spawner = await hub.start(SMALL, "first")
    await hub.user.stop("first")
    hub.data.workspace("alice", "second").root.mkdir()
    await spawner.rename("first", "second")
    assert not hub.data.workspace("alice", "first").root.exists()
    assert hub.data.workspace("alice", "second").ended.exists()


async def test_workspace_that_never_ran_can_be_renamed(hub: Any) -> None:
    await hub.spawner().rename("first", "second")
    assert not hub.data.workspace("alice", "second").root.exists()


async def test_deleted_workspace_leaves_the_home(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    (hub.data.home("alice") / "iris.ipynb").write_text("{}")
    await hub.user.stop("")
    await spawner.delete_forever()
    assert not hub.data.workspace("alice", "").root.exists()
    assert (hub.data.home("alice") / "iris.ipynb").exists()


async def test_stop_goes_on_until_nothing_is_left(
    hub: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = await hub.start(GPU)
    really_stop = WorkspaceProcess.stop
    asked: list[bool] = []

    async def hangs_at_first(self: WorkspaceProcess, *, now: bool = False) -> Ending:
        asked.append(now)
        if len(asked) == 1:
            raise StillRunningError("process 7 does not end")
        return await really_stop(self, now=now)

    monkeypatch.setattr(WorkspaceProcess, "stop", hangs_at_first)
    monkeypatch.setattr(local, "STOP_AGAIN_SECONDS", 0)
    await hub.user.stop("")
    assert asked == [False, True]
    assert "process 7 does not end" in caplog.text
    assert spawner.ending().kind is EndingKind.STOPPED
    assert hub.machine.state().held == ()
