"""What an earlier run left is ended; workspaces are stopped through their keepers, and what lost its keeper as well."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deploy.local import leftovers
from deploy.local.leftovers import end_leftovers, stop_workspaces
from spawner import workspace_process
from spawner.admission import Held
from spawner.data_directory import DataDirectory
from spawner.processes import START_ID_VARIABLE, ProcessIdentity, identify, is_running
from spawner.record import WorkspaceRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GENTLE = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGQUIT)];"
    "print('up', flush=True); [signal.pause() for _ in iter(int, 1)]"
)


@contextmanager
def running(code: str, *, start_id: str = "") -> Iterator[ProcessIdentity]:
    """A process that is up when this is entered."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, START_ID_VARIABLE: start_id},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        identity = identify(process.pid)
        assert identity is not None
        yield identity
    finally:
        process.kill()
        process.communicate()


def write_record(data: DataDirectory, user: str, *, start_id: str, keeper: ProcessIdentity | None) -> None:
    files = data.workspace(user, "")
    files.root.mkdir(parents=True)
    record = WorkspaceRecord(
        start_id=start_id,
        held=Held(key=user, memory_bytes=1, cpu_cores=1, gpus=()),
        url="http://127.0.0.1:1",
        environment_digest="",
        started_at=datetime.now(UTC),
        keeper=keeper,
    )
    files.record.write_text(record.to_json())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEFTOVER_SECONDS", "KILL_SECONDS"):
        monkeypatch.setattr(leftovers, name, 0.3)


async def test_a_leftover_is_ended() -> None:
    with running(GENTLE) as old:
        assert await end_leftovers([old]) == 1
        assert not is_running(old)


@pytest.mark.usefixtures("impatient")
async def test_a_leftover_that_does_not_listen_is_killed() -> None:
    with running(STUBBORN) as old:
        assert await end_leftovers([old]) == 1
        assert not is_running(old)


async def test_a_stranger_that_got_the_number_of_an_old_process_is_left_alone() -> None:
    with running(GENTLE) as stranger:
        assert await end_leftovers([ProcessIdentity(pid=stranger.pid, start="another boot:1")]) == 0
        assert is_running(stranger)


async def test_workspaces_are_stopped_through_their_keepers(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    with running(GENTLE) as ada, running(GENTLE) as grace:
        write_record(data, "ada", start_id="one", keeper=ada)
        write_record(data, "grace", start_id="two", keeper=grace)
        assert await stop_workspaces(data, hurry=asyncio.Event()) == 2
        assert not is_running(ada)
        assert not is_running(grace)


async def test_a_keeper_that_hangs_is_killed_when_there_is_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_process, "KEEPER_SECONDS", 0.3)
    data = DataDirectory(root=tmp_path)
    hurry = asyncio.Event()
    hurry.set()
    with running(STUBBORN) as keeper:
        write_record(data, "ada", start_id="one", keeper=keeper)
        await stop_workspaces(data, hurry=hurry)
        assert not is_running(keeper)


async def test_what_lost_its_keeper_is_found_by_its_mark(tmp_path: Path) -> None:
    data = DataDirectory(root=tmp_path)
    with running(GENTLE, start_id="lost-one") as kernel:
        write_record(data, "ada", start_id="lost-one", keeper=ProcessIdentity(pid=kernel.pid, start="gone:1"))
        assert await stop_workspaces(data, hurry=asyncio.Event()) == 0
        assert not is_running(kernel)
