"""A process is more than its number: signals reach who was meant, and nobody who came later."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from spawner import processes
from spawner.process_end import wait_until_gone
from spawner.processes import (
    START_ID_VARIABLE,
    descendants,
    fair_share_bytes,
    identify,
    is_running,
    kill_all,
    pidfd,
    process_name,
    resident_bytes,
    send_signal,
    started_as,
)

WAITS = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    env = {START_ID_VARIABLE: "the-start"}
    command = (sys.executable, "-S", "-c", WAITS)
    with subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def test_process_is_running_until_it_has_ended(child: subprocess.Popen[str]) -> None:
    process = identify(child.pid)
    assert process is not None
    assert is_running(process)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(process), "one that nobody collected yet does not run either"
    child.wait()
    assert identify(child.pid) is None


def test_signal_does_not_reach_a_later_process_with_the_same_number(child: subprocess.Popen[str]) -> None:
    process = identify(child.pid)
    assert process is not None
    earlier = replace(process, start="another boot:1")
    assert not send_signal(earlier, signal.SIGKILL)
    kill_all([earlier])
    assert is_running(process)
    assert send_signal(process, signal.SIGKILL)
    child.wait()
    assert not send_signal(process, signal.SIGKILL)


async def test_end_of_a_process_is_an_event(child: subprocess.Popen[str]) -> None:
    process = identify(child.pid)
    assert process is not None
    waiting = asyncio.ensure_future(wait_until_gone(process, timeout_seconds=30))
    await asyncio.sleep(0)
    child.kill()
    assert await waiting
    assert await wait_until_gone(process, timeout_seconds=30)


async def test_waiting_for_a_process_that_stays_has_an_end(child: subprocess.Popen[str]) -> None:
    process = identify(child.pid)
    assert process is not None
    assert not await wait_until_gone(process, timeout_seconds=0.05)


def test_children_are_found_below_their_parents(child: subprocess.Popen[str]) -> None:
    assert child.pid in descendants(os.getpid())
    assert descendants(child.pid) == ()


def test_processes_of_a_start_are_found_by_their_mark(child: subprocess.Popen[str]) -> None:
    assert started_as("the-start") == (identify(child.pid),)
    assert started_as("another") == ()


def test_processes_of_a_start_are_found_while_they_become_their_program(monkeypatch: pytest.MonkeyPatch) -> None:
    # Linux returns from a start before the new program has its variables: who looks at once would miss one of four.
    for number in range(60):
        env = {START_ID_VARIABLE: f"start-{number}"}
        command = (sys.executable, "-S", "-c", WAITS)
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            monkeypatch.setattr(processes, "_all_pids", lambda pid=process.pid: (pid,))  # a look at all takes longer
            found = started_as(f"start-{number}")
            process.kill()
        assert [each.pid for each in found] == [process.pid]


def test_process_without_a_variable_is_nobody_s() -> None:
    with subprocess.Popen((sys.executable, "-S", "-c", WAITS), env={}, stdin=subprocess.PIPE) as process:
        assert started_as("the-start") == ()
        process.kill()


def test_number_of_a_thread_is_no_process() -> None:
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    number = thread.native_id
    assert number is not None
    try:
        with pytest.raises(ProcessLookupError), pidfd(number):
            pass
    finally:
        ends.set()
        thread.join()


def test_process_has_a_name_for_people(child: subprocess.Popen[str]) -> None:
    assert process_name(child.pid).startswith("python")
    assert process_name(2**22 + 1) == ""


# Where there is no /proc


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: psutil answers."""
    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(processes, "_READS_CHILDREN", False)


@pytest.mark.usefixtures("elsewhere")
def test_processes_are_told_apart_and_ended_without_proc(child: subprocess.Popen[str]) -> None:
    process = identify(child.pid)
    assert process is not None
    assert child.pid in descendants(os.getpid())
    assert started_as("the-start") == (process,)
    assert process_name(child.pid).startswith("python")
    assert resident_bytes(child.pid) == fair_share_bytes(child.pid) > 0
    assert not send_signal(replace(process, start="1.00"), signal.SIGKILL)
    assert send_signal(process, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(process)


@pytest.mark.usefixtures("elsewhere")
def test_process_that_has_gone_is_nothing_without_proc() -> None:
    gone = 2**22 + 1
    assert identify(gone) is None
    assert (process_name(gone), resident_bytes(gone), descendants(gone)) == ("", 0, ())
