"""The one door to the processes of a workspace on this machine: launch its keeper, see how it is, stop it.

Knows nothing of JupyterHub. What it needs to know after a restart of the hub it reads from the workspace's folder.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psutil

from spawner import ending as endings
from spawner.bounded_log import last_lines
from spawner.ending import Ending, EndingKind
from spawner.identity_line import identity_line
from spawner.process_end import wait_until_gone
from spawner.processes import (
    START_ID_VARIABLE,
    ProcessIdentity,
    descendants,
    identify,
    is_running,
    kill_all,
    send_signal,
    started_as,
)
from spawner.record import WorkspaceRecord, read_record, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from spawner.data_directory import WorkspaceFiles
    from spawner.parked import ParkedServer

KEEPER: Final = "spawner.keeper"
"""The module that is the keeper's program, and its last argument."""

STOP_SECONDS: Final = 10.0
"""How long a server may take to end its kernels and itself. JupyterHub's own local spawner waits as long."""

KEEPER_SECONDS: Final = 10.0
"""What a keeper may need beyond that: to end what the server left, and to say how it ended."""

GONE_SECONDS: Final = 5.0
"""How long a killed process may take to go. Longer, and it hangs in the kernel (a dead network disk)."""


FILES_OF_A_KEEPER: Final = ("record", "ended", "log", "credentials", "scratch", "empty_home")
"""Of `WorkspaceFiles`: what it writes, and what it removes at the end."""


class StillRunningError(Exception):
    """Something of a workspace could not be ended: it hangs in the kernel, or belongs to somebody else by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperJob:
    """One server to start and to keep."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    record: WorkspaceRecord
    memory_bytes: int | None
    is_memory_watched: bool
    """False where the kernel holds the limit."""
    pass_fds: tuple[int, ...] = ()
    """Descriptors for the server under their own numbers; the keeper itself closes them."""
    stop_seconds: float = STOP_SECONDS


class WorkspaceProcess:
    """The processes of one workspace: at most one keeper, with a server and all that it started below it."""

    def __init__(self, files: WorkspaceFiles) -> None:
        """Takes up whatever runs according to the files."""
        self._files = files
        self._known: ProcessIdentity | None = None

    def prepare(self, record: WorkspaceRecord) -> None:
        """Writes down what is about to run, and forgets how the last one ended. Raises OSError on a full disk."""
        self._files.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files.runtime.mkdir(exist_ok=True, mode=0o700)
        self._files.ended.unlink(missing_ok=True)
        write_atomically(self._files.record, record.to_json())

    def launch(self, job: KeeperJob) -> None:
        """Starts the keeper, which starts the server. Returns when the keeper exists."""
        with paper_with(self._message(job)) as paper:
            keeper = start_keeper(paper, start_id=job.record.start_id, folder=self._files.root, pass_fds=job.pass_fds)
        self._known = identify(keeper.pid)

    def claim(self, job: KeeperJob, parked: ParkedServer, *, arguments: tuple[str, ...]) -> None:
        """Hands the job to a keeper whose server is parked. Raises OSError where it has gone.

        One message, whole or not at all: who ends before it has claimed nothing, and who ends afterwards leaves a
        workspace that runs.
        """
        message = self._message(job)
        env = {**job.env, START_ID_VARIABLE: job.record.start_id}
        identity = identity_line(env, cwd=job.cwd, arguments=arguments)
        with paper_with({**message, "identity": identity}) as paper:
            parked.hand_over(paper.fileno())
        self._known = parked.keeper

    def _message(self, job: KeeperJob) -> dict[str, object]:
        return {
            "argv": list(job.argv),
            "env": {**job.env, START_ID_VARIABLE: job.record.start_id},
            "cwd": str(job.cwd),
            "files": {name: str(getattr(self._files, name)) for name in FILES_OF_A_KEEPER},
            "record": job.record.to_json(),
            "memory_bytes": job.memory_bytes,
            "is_memory_watched": job.is_memory_watched,
            "stop_seconds": job.stop_seconds,
            "pass_fds": list(job.pass_fds),
        }

    @property
    def record(self) -> WorkspaceRecord | None:
        """What runs, or what ran last."""
        return read_record(self._files.record)

    def keeper(self) -> ProcessIdentity | None:
        """The keeper while it runs."""
        _collect_keepers()
        if self._known is not None and is_running(self._known):
            return self._known
        record = self.record
        self._known = None if record is None else running_keeper(record)
        return self._known

    def ending(self) -> Ending | None:
        """How the last one ended; None while it runs, and where nothing ever ran."""
        with contextlib.suppress(OSError):
            return endings.from_json(self._files.ended.read_bytes())
        return None

    def rest(self) -> tuple[ProcessIdentity, ...]:
        """What still runs although its keeper does not: the server, its children, and whatever carries their mark."""
        record = self.record
        if record is None or self.keeper() is not None:
            return ()
        server = record.server_process
        known = (server,) if server is not None and is_running(server) else ()
        below = tuple(found for process in known for pid in descendants(process.pid) if (found := identify(pid)))
        return tuple(dict.fromkeys((*known, *below, *started_as(record.start_id))))

    async def wait_until_ended(self) -> Ending:
        """How the keeper's server ended, as soon as the keeper has said so and gone."""
        while (keeper := self.keeper()) is not None:
            await wait_until_gone(keeper, timeout_seconds=KEEPER_SECONDS)
        return self.settle(EndingKind.LOST)

    def settle(self, kind: EndingKind) -> Ending:
        """How it ended. Where its keeper could not say, what is left is killed and `kind` is written down."""
        said = self.ending()
        if said is not None:
            return said
        kill_all(self.rest())
        ending = Ending(kind=kind, ended_at=datetime.now(UTC), log_tail=last_lines(self._files.log))
        with contextlib.suppress(OSError):
            write_atomically(self._files.ended, endings.to_json(ending))
        return ending

    async def stop(self, *, now: bool = False) -> Ending:
        """Ends it all, gently unless `now`, and says how it ended.

        Raises StillRunningError where something does not go, even killed: call again.
        """
        if (keeper := self.keeper()) is not None:
            send_signal(keeper, signal.SIGQUIT if now else signal.SIGTERM)
            patience_seconds = KEEPER_SECONDS if now else STOP_SECONDS + KEEPER_SECONDS
            if not await wait_until_gone(keeper, timeout_seconds=patience_seconds):
                send_signal(keeper, signal.SIGKILL)
                await wait_until_gone(keeper, timeout_seconds=GONE_SECONDS)
        _collect_keepers()
        rest = self.rest()
        kill_all(rest)
        for process in rest:
            if not await wait_until_gone(process, timeout_seconds=GONE_SECONDS):
                raise StillRunningError(f"process {process.pid} does not end")
        if self.keeper() is not None:
            raise StillRunningError("the keeper does not end")
        return self.settle(EndingKind.STOPPED)


def running_keeper(record: WorkspaceRecord) -> ProcessIdentity | None:
    """The keeper of this start while it runs, also in the moment before it has written down who it is."""
    if record.keeper is not None:
        return record.keeper if is_running(record.keeper) else None
    return next((process for process in started_as(record.start_id) if _is_keeper(process.pid)), None)


def _is_keeper(pid: int) -> bool:
    # The process that will be its server looks the same for a moment, but leads no session then.
    try:
        return psutil.Process(pid).cmdline()[-1:] == [KEEPER] and os.getsid(pid) == pid
    except (psutil.Error, OSError):
        return False


@contextlib.contextmanager
def paper_with(message: Mapping[str, object]) -> Iterator[IO[bytes]]:
    """A file without a name, because a pipe holds 64 KiB and the hub must never wait for a reader."""
    with tempfile.TemporaryFile() as paper:
        paper.write(marshal.dumps(dict(message)))
        paper.flush()
        paper.seek(0)
        yield paper


def start_keeper(
    paper: IO[bytes], *, start_id: str, folder: Path, pass_fds: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    """A keeper that reads its job from the paper. It has a session of its own and outlives the hub."""
    keeper = subprocess.Popen(
        (sys.executable, "-I", "-m", KEEPER),
        stdin=paper,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={START_ID_VARIABLE: start_id, "LANG": "C.UTF-8"},
        pass_fds=pass_fds,
        start_new_session=True,
    )
    _keepers[keeper.pid] = keeper
    return keeper


_keepers: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this process. They are collected when they have ended; after a restart they are init's."""


def _collect_keepers() -> None:
    for pid, keeper in list(_keepers.items()):
        if keeper.poll() is not None:
            del _keepers[pid]
