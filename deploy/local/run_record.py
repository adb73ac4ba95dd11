"""What `studiolo up` writes down of itself (`DATA/run/up.json`), and the lock that keeps a second one away."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deploy.local.errors import DataDirectoryInUseError
from spawner.processes import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.data_directory import DataDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The processes that one `studiolo up` started, and the ports they listen on."""

    pid: int = 0
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    """By process name. Kept after the end: running workspaces remember the hub's."""
    processes: Mapping[str, ProcessIdentity] = field(default_factory=dict)
    """By process name. Empty after an orderly end; after any other, the next `up` ends what is left of them."""

    def with_process(self, name: str, identity: ProcessIdentity) -> RunRecord:
        """The record after that process was started."""
        return replace(self, processes={**self.processes, name: identity})

    def ended(self) -> RunRecord:
        """The record after an orderly end."""
        return replace(self, pid=0, processes={})


def record_path(data: DataDirectory) -> Path:
    """Where the record of a data directory is."""
    return data.run / "up.json"


def load_record(path: Path) -> RunRecord:
    """What the last `up` wrote; an empty record when there is none, or none that can be read."""
    try:
        raw = json.loads(path.read_text())
        return RunRecord(
            pid=int(raw["pid"]),
            address=str(raw["address"]),
            ports={str(name): int(port) for name, port in raw["ports"].items()},
            processes={
                str(name): ProcessIdentity(pid=int(process["pid"]), start=str(process["start"]))
                for name, process in raw["processes"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Worth nothing by itself: without it ports are chosen anew, and Linux has ended the processes already.
        return RunRecord()


def save_record(path: Path, record: RunRecord) -> None:
    """Write the record so that a reader sees the old one or the new one, never half."""
    descriptor, staged = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(record), file, indent=2)
    Path(staged).replace(path)


class DataDirectoryLock:
    """One `studiolo up` for each data directory. The system gives the lock back however the process ends."""

    def __init__(self, directory: Path, *, record: Path) -> None:
        """`record` tells who holds the lock when we do not get it."""
        self._directory = directory
        self._record = record
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock, or raise DataDirectoryInUseError naming who has it."""
        path = self._record.with_name("up.lock")
        path.touch(mode=0o600)
        file = path.open("r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip()
            file.close()
            address = load_record(self._record).address
            pid = int(holder) if holder.isdigit() else None
            raise DataDirectoryInUseError(self._directory, pid=pid, address=address) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None
