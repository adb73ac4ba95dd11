"""The one message that makes a parked server somebody's, as its keeper on this machine delivers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def identity_line(env: Mapping[str, str], *, cwd: Path, arguments: Sequence[str]) -> bytes:
    """The one message that a parked server takes (`images/base/park/message.py`)."""
    message = {"version": 1, "env": dict(env), "cwd": str(cwd), "umask": _umask(), "arguments": list(arguments)}
    return json.dumps(message).encode() + b"\n"


def _umask() -> int:
    """What a server that is started normally takes over from the hub. Read, not set: other threads make files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), 0o022)
