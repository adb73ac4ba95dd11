"""The one message that makes a parked server somebody's, as its keeper on this machine delivers it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spawner.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def identity_line(env: Mapping[str, str], *, cwd: Path, arguments: Sequence[str]) -> bytes:
    """The message. It leaves the mask of new files as a server has it that the hub starts."""
    return Identity(env=dict(env), cwd=str(cwd), umask=_umask(), arguments=tuple(arguments)).line()


def _umask() -> int:
    """The mask of the hub itself. Read, not set: other threads make files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), 0o022)
