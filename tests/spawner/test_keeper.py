"""The keeper of a workspace: it outlives whoever started it, says how its server ended, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from spawner.bounded_log import LOG_LIMIT_BYTES
from spawner.data_directory import WorkspaceFiles
from spawner.ending import EndingKind
from spawner.process_end import wait_until_gone
from spawner.processes import identify, is_running, started_as
from spawner.workspace_process import WorkspaceProcess

MIB = 1024**2

Launch = Callable[..., Any]
Eventually = Callable[[Callable[[], bool]], Any]

WAITS = "say('up'); time.sleep(600)"

STARTS_AN_ORPHAN = """
    import subprocess
    kernel = subprocess.Popen(
        [sys.executable, '-S', '-c', 'import time; time.sleep(600)'], start_new_session=True
    )
    say(kernel.pid)
    time.sleep(600)
"""
"""As a server with a kernel: the kernel has a session of its own."""


async def test_server_that_ends_by_itself_leaves_its_exit_code(launch: Launch) -> None:
    server = await launch("print('no such notebook'); sys.exit(3)")
    ending = await server.ending()
    assert (ending.kind, ending.exit_code) == (EndingKind.EXITED, 3)
    assert ending.log_tail == ("no such notebook",)


async def test_server_that_is_killed_leaves_the_signal(launch: Launch) -> None:
    server = await launch("os.kill(os.getpid(), 11)")
    ending = await server.ending()
    assert (ending.kind, ending.signal, ending.exit_code) == (EndingKind.SIGNALLED, signal.SIGSEGV, None)


async def test_program_that_does_not_exist_failed_to_start(launch: Launch) -> None:
    server = await launch("", argv=("/nowhere/bin/python",))
    ending = await server.ending()
    assert ending.kind is EndingKind.FAILED_TO_START
    assert "/nowhere/bin/python: No such file or directory" in ending.log_tail


async def test_record_names_keeper_and_server_while_they_run(launch: Launch, eventually: Eventually) -> None:
    server = await launch("say(os.getpid()); time.sleep(600)")
    pid = int(await server.says())
    keeper = server.process.keeper()
    assert keeper is not None

    def both_are_written() -> bool:
        record = server.process.record
        return record.keeper == keeper and record.server_process == identify(pid)

    from_another_hub = type(server.process)(server.files)
    await eventually(both_are_written)
    assert from_another_hub.keeper() == keeper


async def test_server_gets_only_the_environment_of_its_plan(launch: Launch) -> None:
    server = await launch("say(sorted(name for name in os.environ if name != 'LC_CTYPE'))")
    assert await server.says() == "['GREETING', 'STUDIOLO_START_ID']"


async def test_server_has_a_session_of_its_own_and_nothing_to_read(launch: Launch) -> None:
    server = await launch("say((os.getsid(0) == os.getpid(), sys.stdin.read()))")
    assert await server.says() == "(True, '')"


async def test_stop_lets_the_server_end_by_itself(launch: Launch) -> None:
    server = await launch("""
        import signal
        def end(*_):
            print('saved'); sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        say('up')
        time.sleep(600)
    """)
    assert await server.says() == "up"
    ending = await server.process.stop()
    assert (ending.kind, ending.exit_code, ending.log_tail) == (EndingKind.STOPPED, 0, ("saved",))


async def test_server_that_does_not_listen_is_killed_after_its_time(launch: Launch) -> None:
    server = await launch("import signal; signal.signal(15, signal.SIG_IGN); " + WAITS, stop_seconds=0.2)
    assert await server.says() == "up"
    ending = await server.process.stop()
    assert (ending.kind, ending.signal) == (EndingKind.STOPPED, signal.SIGKILL)


async def test_stop_now_does_not_wait(launch: Launch) -> None:
    server = await launch("import signal; signal.signal(15, signal.SIG_IGN); " + WAITS, stop_seconds=600)
    assert await server.says() == "up"
    ending = await server.process.stop(now=True)
    assert (ending.kind, ending.signal) == (EndingKind.STOPPED, signal.SIGKILL)


async def test_kernels_that_their_server_left_are_ended(launch: Launch, eventually: Eventually) -> None:
    server = await launch(STARTS_AN_ORPHAN)
    kernel = identify(int(await server.says()))
    assert kernel is not None
    await eventually(lambda: server.process.record.server_process is not None)
    record = server.process.record
    os.kill(record.server_process.pid, signal.SIGKILL)
    ending = await server.ending()
    assert (ending.kind, ending.signal) == (EndingKind.SIGNALLED, signal.SIGKILL)
    assert not is_running(kernel)
    assert started_as(server.start_id) == ()


async def test_keeper_that_is_killed_takes_its_server_along_and_the_rest_is_found(
    launch: Launch, eventually: Eventually
) -> None:
    server = await launch(STARTS_AN_ORPHAN)
    kernel = identify(int(await server.says()))
    await eventually(lambda: server.process.record.server_process is not None)
    serving = server.process.record.server_process
    os.kill(server.process.keeper().pid, signal.SIGKILL)
    assert await wait_until_gone(serving, timeout_seconds=30)
    assert kernel is not None
    assert is_running(kernel)
    ending = await server.ending()
    assert ending.kind is EndingKind.LOST
    assert await wait_until_gone(kernel, timeout_seconds=30)


async def test_keeper_goes_on_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    hub = f"""
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from spawner.admission import Held
from spawner.data_directory import WorkspaceFiles
from spawner.record import WorkspaceRecord
from spawner.workspace_process import KeeperJob, WorkspaceProcess
files = WorkspaceFiles(root=Path({str(tmp_path)!r}) / "workspace")
record = WorkspaceRecord(start_id="s", held=Held(key="k", memory_bytes=1, cpu_cores=1), url="", environment_digest="",
                         started_at=datetime.now(UTC))
process = WorkspaceProcess(files)
process.prepare(record)
process.launch(KeeperJob(argv=(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"), env={{}},
                         cwd=files.root, record=record, memory_bytes=None, is_memory_watched=False))
while process.record.server_process is None or not files.log.exists():
    time.sleep(0.01)
os.kill(os.getpid(), 9)
"""
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", hub, stderr=subprocess.DEVNULL)
    assert await asyncio.wait_for(died.wait(), 30) == -signal.SIGKILL
    after_the_restart = WorkspaceProcess(WorkspaceFiles(root=tmp_path / "workspace"))
    assert after_the_restart.keeper() is not None
    assert (await after_the_restart.stop()).kind is EndingKind.STOPPED
    assert after_the_restart.keeper() is None


async def test_log_keeps_the_last_mebibyte_from_a_whole_line_on(launch: Launch) -> None:
    server = await launch("""
        for number in range(300_000):
            print(f'line {number}')
    """)
    await server.ending()
    assert LOG_LIMIT_BYTES - 20 < server.files.log.stat().st_size <= LOG_LIMIT_BYTES
    assert server.log.startswith("line ")
    assert server.log.endswith("line 299999\n")


async def test_log_is_for_its_owner_alone(launch: Launch) -> None:
    server = await launch("print('x')")
    await server.ending()
    modes = {path.name: path.stat().st_mode & 0o777 for path in server.files.root.iterdir()}
    assert modes == {"server.log": 0o600, "ended.json": 0o600, "record.json": 0o600, "runtime": 0o700}


HOG = "hog = bytearray(b'x') * {} * 1024**2"


async def test_kernel_that_takes_too_much_is_ended_and_the_workspace_goes_on(launch: Launch) -> None:
    server = await launch(
        f"""
        import subprocess
        say('up')
        kernel = subprocess.run([sys.executable, '-S', '-c', {HOG.format(300)!r} + '; import time; time.sleep(600)'])
        say(kernel.returncode)
        time.sleep(600)
        """,
        memory_bytes=100 * MIB,
    )
    assert await server.says() == "up"
    assert int(await server.says()) == -signal.SIGKILL
    assert server.process.keeper() is not None
    assert "was ended to make room; the workspace goes on" in server.log
    (kill,) = server.process.record.memory_kills
    assert kill.memory_bytes > 200 * MIB
    assert kill.total_bytes > 100 * MIB


async def test_server_that_takes_too_much_ends_the_workspace_as_out_of_memory(launch: Launch) -> None:
    server = await launch(HOG.format(200) + "; " + WAITS, memory_bytes=50 * MIB)
    ending = await server.ending()
    assert ending.kind is EndingKind.OUT_OF_MEMORY
    assert ending.limit_bytes == 50 * MIB
    assert ending.peak_bytes > 150 * MIB


async def test_nothing_of_a_job_can_be_read_from_process_arguments(launch: Launch) -> None:
    server = await launch(WAITS)
    await server.says()
    keeper = psutil.Process(server.process.keeper().pid)
    assert keeper.cmdline()[1:] == ["-I", "-m", "spawner.keeper"]
    assert set(keeper.environ()) == {"STUDIOLO_START_ID", "LANG"}
