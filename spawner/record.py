"""What is known of one running workspace beyond the hub's life: `record.json` in its folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spawner.admission import Held
from spawner.processes import ProcessIdentity

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryKill:
    """A process that had to go so that its workspace could stay."""

    name: str
    memory_bytes: int
    """0 where the kernel chose it and did not say."""
    total_bytes: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRecord:
    """One start of one workspace. The hub writes it before the process is made; the keeper adds who runs."""

    start_id: str
    """New with each start, and in the environment of all its processes."""
    held: Held
    url: str
    environment_digest: str
    started_at: datetime
    keeper: ProcessIdentity | None = None
    """None until the keeper runs. A record that stays so is of a start that never came to be."""
    server_process: ProcessIdentity | None = None
    memory_kills: tuple[MemoryKill, ...] = ()

    def with_processes(self, *, keeper: ProcessIdentity | None, server: ProcessIdentity | None) -> WorkspaceRecord:
        """The same start, with who keeps it and who serves it."""
        return replace(self, keeper=keeper, server_process=server)

    def with_memory_kill(self, kill: MemoryKill) -> WorkspaceRecord:
        """The same start, with one more process that had to go."""
        return replace(self, memory_kills=(*self.memory_kills, kill))

    def to_json(self) -> str:
        """The text of `record.json`."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1)

    @classmethod
    def from_json(cls, text: str) -> WorkspaceRecord:
        """The record in a text; ValueError, KeyError or TypeError where it is not one."""
        raw = json.loads(text)
        held = raw["held"]
        return cls(
            start_id=raw["start_id"],
            held=Held(**{**held, "gpus": tuple(held["gpus"])}),
            url=raw["url"],
            environment_digest=raw["environment_digest"],
            started_at=datetime.fromisoformat(raw["started_at"]),
            keeper=_identity(raw["keeper"]),
            server_process=_identity(raw["server_process"]),
            memory_kills=tuple(
                MemoryKill(**{**kill, "at": datetime.fromisoformat(kill["at"])}) for kill in raw["memory_kills"]
            ),
        )


def read_record(path: Path) -> WorkspaceRecord | None:
    """The record in a file, or None where there is none that can be read."""
    try:
        return WorkspaceRecord.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_atomically(path: Path, text: str) -> None:
    """The file holds the old text or the new one, never half of it; readable by its owner alone."""
    unfinished = path.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)


def _identity(raw: dict[str, Any] | None) -> ProcessIdentity | None:
    return None if raw is None else ProcessIdentity(**raw)
