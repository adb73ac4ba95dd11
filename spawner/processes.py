"""Processes of this machine: who they are beyond a number, what belongs to them, and how to end them safely.

On Linux everything is read from /proc directly: a keeper looks at its own processes each second, and asking for the
tree of one process must not cost more where thousands run. Elsewhere psutil answers the same questions.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

START_ID_VARIABLE: Final = "STUDIOLO_START_ID"
"""Marks every process of one start. Where no keeper holds the tree together any more, it is how the rest is found."""

_PROC: Final = Path("/proc")
BECOMING_SECONDS: Final = 0.5
"""How long a look for marked processes waits for those that are just becoming another program. It takes under 1 ms
unless the machine is very busy; one that hangs in it, on a dead network disk, must not hold whoever looks."""

LOOK_AGAIN_SECONDS: Final = 0.001

_READS_CHILDREN: Final = (_PROC / "thread-self/children").exists()
"""False outside Linux, and on the rare kernel without CONFIG_PROC_CHILDREN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process and no later one with the same number."""

    pid: int
    start: str
    """When it started: clock ticks since a named boot on Linux, where the wall clock may jump."""


def identify(pid: int) -> ProcessIdentity | None:
    """Who runs under this number now, or None. A process that has ended but was not collected does not run."""
    start = _start_on_linux(pid) if sys.platform == "linux" else _start_elsewhere(pid)
    return None if start is None else ProcessIdentity(pid=pid, start=start)


def is_running(process: ProcessIdentity) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def send_signal(process: ProcessIdentity, signum: int) -> bool:
    """Signals this very process; False where it has gone. Never reaches another one that got its number."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform != "linux":
            if is_running(process):
                os.kill(process.pid, signum)
                return True
            return False
        with pidfd(process.pid) as descriptor:
            if is_running(process):
                signal.pidfd_send_signal(descriptor, signum)
                return True
    return False


def descendants(pid: int) -> tuple[int, ...]:
    """Numbers of all processes below `pid`, parents before their children."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = [child for parent in waiting for child in _children(parent)]
        found.extend(children)
        waiting = children
    return tuple(found)


def started_as(start_id: str) -> tuple[ProcessIdentity, ...]:
    """Every process of ours that carries this start's mark in its environment, whoever its parent is now."""
    mark = f"{START_ID_VARIABLE}={start_id}"
    marked: list[int] = []
    unread = list(_all_pids())
    deadline = time.monotonic() + BECOMING_SECONDS
    while unread:
        environments = {pid: _environment(pid) for pid in unread}
        marked += [pid for pid, environment in environments.items() if environment and mark in environment]
        unread = [pid for pid, environment in environments.items() if environment is None]
        if not unread or time.monotonic() > deadline:
            break
        time.sleep(LOOK_AGAIN_SECONDS)
    return tuple(process for pid in marked if (process := identify(pid)) is not None)


def kill_all(processes: Iterable[ProcessIdentity]) -> None:
    """SIGKILL for each that still runs."""
    for process in processes:
        with contextlib.suppress(PermissionError):  # somebody else's by now (sudo, su): not ours to end
            send_signal(process, signal.SIGKILL)


def resident_bytes(pid: int) -> int:
    """Memory of a process, what it shares with others counted fully. Costs nothing; never below its fair share."""
    if sys.platform != "linux":
        return _resident_elsewhere(pid)
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _page_bytes()
    except (OSError, IndexError):
        return 0


def fair_share_bytes(pid: int) -> int:
    """Memory of a process, each shared page divided by its sharers (PSS). Costs more the larger the process is."""
    if sys.platform != "linux":
        return _resident_elsewhere(pid)
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def process_name(pid: int) -> str:
    """What a process is called, for a line people read; "" when it has gone."""
    if sys.platform == "linux":
        try:
            return (_PROC / str(pid) / "comm").read_text().strip()
        except OSError:
            return ""
    import psutil  # noqa: PLC0415 - as in _start_elsewhere

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


@functools.cache
def _page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE")


@functools.cache
def _boot() -> str:
    # Ticks count from the boot: without its name, a record from before a reboot could name a stranger.
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _start_on_linux(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in the second field may hold spaces and brackets: fields are counted after its last bracket.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{_boot()}:{fields[18]}"


def _start_elsewhere(pid: int) -> str | None:
    import psutil  # noqa: PLC0415 - costs 50 ms, and Linux never needs it

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def _resident_elsewhere(pid: int) -> int:
    import psutil  # noqa: PLC0415 - as in _start_elsewhere

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _children(pid: int) -> tuple[int, ...]:
    if _READS_CHILDREN:
        children: list[int] = []
        with contextlib.suppress(OSError):  # the process, or one of its threads, has just ended
            for thread in (_PROC / str(pid) / "task").iterdir():
                with contextlib.suppress(OSError):
                    children.extend(map(int, (thread / "children").read_text().split()))
        return tuple(children)
    import psutil  # noqa: PLC0415 - as in _start_elsewhere

    try:
        return tuple(child.pid for child in psutil.Process(pid).children())
    except psutil.Error:
        return ()


def _all_pids() -> Iterator[int]:
    if sys.platform == "linux":
        return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    import psutil  # noqa: PLC0415 - as in _start_elsewhere

    return iter(psutil.pids())


def _environment(pid: int) -> frozenset[str] | None:
    """The variables of a process; None while it becomes another program (execve) and has none that can be read."""
    if sys.platform == "linux":
        try:
            text = (_PROC / str(pid) / "environ").read_bytes()
            if not text:
                if _is_becoming_another_program(pid):
                    return None
                text = (_PROC / str(pid) / "environ").read_bytes()  # it may have become it between the two looks
        except OSError:  # ended, or another person's
            return frozenset()
        return frozenset(text.decode(errors="replace").split("\0"))
    import psutil  # noqa: PLC0415 - as in _start_elsewhere

    try:
        return frozenset(f"{name}={value}" for name, value in psutil.Process(pid).environ().items())
    except psutil.Error:
        return frozenset()


def _is_becoming_another_program(pid: int) -> bool:
    stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    _state, *fields = stat.rpartition(")")[2].split()
    has_memory, end_of_environment = fields[19] != "0", fields[47]  # vsize and env_end in proc_pid_stat(5)
    return has_memory and end_of_environment == "0"


@contextlib.contextmanager
def pidfd(pid: int) -> Iterator[int]:
    """A descriptor that stands for whoever has this number now, while it is open. ProcessLookupError: nobody has."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        # A thread has the number now, or who had it is just being collected: Linux says either, by its version.
        if error.errno in {errno.EINVAL, errno.ENOENT}:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)
