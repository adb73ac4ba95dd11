"""What the kernel says of a limit that it holds itself (a control group of version 2)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
SCOPE_SUFFIX: Final = ".scope"


class KernelMemory:
    """How often the kernel ended something in the scope of one process, and the most that scope ever used."""

    def __init__(self, pid: int, *, proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> None:
        """`pid` is the server; it enters its scope only a moment after it was made."""
        self._membership = proc / str(pid) / "cgroup"
        self._cgroups = cgroups
        self._group: Path | None = None
        self._seen_kills = 0
        self.peak_bytes = 0

    def kills_since_last_look(self) -> int:
        """Processes that the kernel ended for memory since this was last asked; 0 where no scope of ours limits it."""
        self._find_group()
        if self._group is None:
            return 0
        with contextlib.suppress(OSError, ValueError):  # `memory.peak` exists since Linux 5.19
            self.peak_bytes = int((self._group / "memory.peak").read_text())
        try:
            events = dict(line.split() for line in (self._group / "memory.events").read_text().splitlines())
            kills = int(events["oom_kill"])
        except (OSError, ValueError, KeyError):
            return 0
        new, self._seen_kills = kills - self._seen_kills, kills
        return new

    def _find_group(self) -> None:
        # Once the server has ended this file is empty: the group found before is the one to ask then.
        with contextlib.suppress(OSError):
            for line in self._membership.read_text().splitlines():
                path = line.removeprefix("0::/")
                if path != line and path.endswith(SCOPE_SUFFIX) and "studiolo" in path:
                    self._group = self._cgroups / path
