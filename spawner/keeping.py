"""What a keeper does while its server runs: record who runs, keep the log, watch memory, end it, say how it ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from spawner.bounded_log import BoundedLog, last_lines
from spawner.ending import Ending, EndingKind, to_json
from spawner.kernel_memory import KernelMemory
from spawner.memory_watch import judge_memory, measure_memory
from spawner.processes import descendants, identify, process_name, started_as
from spawner.record import MemoryKill, WorkspaceRecord, write_atomically
from studiolo.quantities import format_memory

WATCH_SECONDS: Final = 1.0
"""How often memory is looked at where the kernel does not limit it."""

LEAVE_SECONDS: Final = 1.0
"""What is left when the server has ended gets this long to end by itself."""

KILL_SECONDS: Final = 5.0
"""A killed process may take this long to go; one that hangs in the kernel must not hold the keeper for ever."""

HANDLED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
READ_BYTES: Final = 1 << 16


class Keeping:
    """One server from the moment it was made to the moment nothing of it is left."""

    def __init__(self, job: dict[str, Any], *, server: int, log_read: int, failure_read: int) -> None:
        """`job` is what `spawner/workspace_process.py` sent; the descriptors are ours alone."""
        self._server = server
        self._log_read = log_read
        self._failure_read = failure_read
        self._files = {name: Path(path) for name, path in job["files"].items()}
        self._record = WorkspaceRecord.from_json(job["record"])
        self._memory_bytes: int | None = job["memory_bytes"]
        self._is_watched: bool = job["is_memory_watched"]
        self._stop_seconds: float = job["stop_seconds"]
        self._log = BoundedLog(self._files["log"])
        self._kernel_memory = KernelMemory(server)
        self._peak_bytes = 0
        self._kind: EndingKind | None = None
        self._kill_at: float | None = None
        self._status: int | None = None
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Until the server has ended by itself, at its limit or because we were asked; then nothing of it is left."""
        self._listen_for_signals()
        self._selector.register(self._log_read, selectors.EVENT_READ, self._copy_log)
        self._write_record()
        self._collect()
        next_look = time.monotonic() + WATCH_SECONDS
        while self._status is None:
            now = time.monotonic()
            self._wait(min(next_look, self._kill_at or next_look) - now)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill_at = None
                self._signal((self._server,), signal.SIGKILL)
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + WATCH_SECONDS
                self._look_at_memory()
        self._look_at_kernel_memory()
        self._end_the_rest()
        self._take_last_words()
        self._log.close()
        self._say_how_it_ended()
        shutil.rmtree(self._files["credentials"], ignore_errors=True)
        # Last, since it may take a while: nobody waits for it to learn how the workspace ended.
        for name in ("scratch", "empty_home"):
            shutil.rmtree(self._files[name], ignore_errors=True)

    def _listen_for_signals(self) -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        os.set_blocking(read, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for signum in HANDLED:
            signal.signal(signum, lambda _signum, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)  # what came while we were imported arrives now
        self._selector.register(read, selectors.EVENT_READ, self._take_signals)

    def _wait(self, seconds: float) -> None:
        for key, _events in self._selector.select(max(0.0, seconds)):
            key.data(key.fd)

    def _take_signals(self, descriptor: int) -> None:
        received = set(os.read(descriptor, READ_BYTES))
        if signal.SIGCHLD in received:
            self._collect()
        if received & {signal.SIGTERM, signal.SIGINT} and self._kind is None:
            self._kind = EndingKind.STOPPED
            self._kill_at = time.monotonic() + self._stop_seconds
            self._signal((self._server,), signal.SIGTERM)
        if signal.SIGQUIT in received and self._status is None:
            self._kind = self._kind or EndingKind.STOPPED
            self._signal(self._below(), signal.SIGKILL)

    def _collect(self) -> None:
        """Take leave of every child that has ended, also of orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._server:
                self._status = status

    def _copy_log(self, descriptor: int) -> None:
        data = os.read(descriptor, READ_BYTES)
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(descriptor)

    def _take_last_words(self) -> None:
        os.set_blocking(self._log_read, False)
        with contextlib.suppress(BlockingIOError):  # something that could not be ended still holds the other end
            while data := os.read(self._log_read, READ_BYTES):
                self._log.write(data)

    def _look_at_memory(self) -> None:
        self._look_at_kernel_memory()
        if not self._is_watched or self._memory_bytes is None or self._kind is not None:
            return
        sizes = measure_memory(self._below(), limit_bytes=self._memory_bytes)
        verdict = judge_memory(sizes, server=self._server, limit_bytes=self._memory_bytes)
        self._peak_bytes = max(self._peak_bytes, verdict.total_bytes)
        for pid in verdict.victims:
            self._note_memory_kill(process_name(pid) or "a process", sizes[pid], verdict.total_bytes)
        self._signal(verdict.victims, signal.SIGKILL)
        if verdict.ends_workspace:
            self._kind = EndingKind.OUT_OF_MEMORY
            self._signal(self._below(), signal.SIGKILL)

    def _look_at_kernel_memory(self) -> None:
        """What the kernel did where it holds the limit (a systemd scope)."""
        kills = self._kernel_memory.kills_since_last_look()
        if not kills:
            return
        self._peak_bytes = max(self._peak_bytes, self._kernel_memory.peak_bytes)
        if self._status is None:
            self._note_memory_kill("a process", 0, self._peak_bytes)
        elif self._kind is None:
            self._kind = EndingKind.OUT_OF_MEMORY

    def _note_memory_kill(self, name: str, size_bytes: int, total_bytes: int) -> None:
        limit = format_memory(self._memory_bytes or 0)
        used = f" ({format_memory(size_bytes)})" if size_bytes else ""
        self._log.write(
            f"Studiolo: the workspace used {format_memory(total_bytes)} of memory, its limit is {limit}. "
            f"{name}{used} was ended to make room; the workspace goes on.\n".encode()
        )
        self._record = self._record.with_memory_kill(
            MemoryKill(name=name, memory_bytes=size_bytes, total_bytes=total_bytes, at=datetime.now(UTC))
        )
        self._write_record()

    def _write_record(self) -> None:
        """Who keeps and who serves: by it a restarted hub finds both again."""
        keeper = identify(os.getpid())
        server = self._record.server_process or identify(self._server)
        self._record = self._record.with_processes(keeper=keeper, server=server)
        # A full disk costs a restarted hub its view of this workspace, not a person their kernel.
        with contextlib.suppress(OSError):
            write_atomically(self._files["record"], self._record.to_json())

    def _end_the_rest(self) -> None:
        for signum, seconds in ((signal.SIGTERM, LEAVE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            deadline = time.monotonic() + seconds
            signalled: set[int] = set()
            while (left := self._left()) and time.monotonic() < deadline:
                # Signal each once, also those that were made meanwhile; then wait for the next one to go.
                self._signal(tuple(pid for pid in left if pid not in signalled), signum)
                signalled.update(left)
                self._wait(min(deadline - time.monotonic(), WATCH_SECONDS))

    def _left(self) -> tuple[int, ...]:
        self._collect()
        return self._below()

    def _below(self) -> tuple[int, ...]:
        """All that the server started and that still exists. Linux hands orphans to us; elsewhere their mark tells."""
        below = descendants(os.getpid())
        if sys.platform == "linux":
            return below
        marked = {process.pid for process in started_as(self._record.start_id)}
        return tuple({*below, *marked} - {os.getpid()})

    def _signal(self, pids: tuple[int, ...], signum: int) -> None:
        # By number is safe here: all are below us, and nobody but us collects what has ended and frees its number.
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signum)

    def _say_how_it_ended(self) -> None:
        failure = os.read(self._failure_read, READ_BYTES).decode(errors="replace")
        code = os.waitstatus_to_exitcode(self._status or 0)
        kind = EndingKind.FAILED_TO_START if failure else self._kind
        kind = kind or (EndingKind.SIGNALLED if code < 0 else EndingKind.EXITED)
        is_memory = kind is EndingKind.OUT_OF_MEMORY
        ending = Ending(
            kind=kind,
            ended_at=datetime.now(UTC),
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            peak_bytes=self._peak_bytes if is_memory else None,
            limit_bytes=self._memory_bytes if is_memory else None,
            log_tail=(*last_lines(self._files["log"]), *failure.splitlines()),
        )
        with contextlib.suppress(OSError):
            write_atomically(self._files["ended"], to_json(ending))
