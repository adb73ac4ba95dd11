"""What a warm pod costs while nobody has it: memory of its processes, and what they use of a processor."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
TICKS: Final = 100
"""Of the kernel's clock in a second, by which it counts a process's time: the same on every Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One warm pod."""

    private_mib: float
    """Of it alone."""
    share_mib: float
    """Of pages that others have, too, such as files of the image: its part of them."""
    shared_mib: float
    """The same whole: what it would take of them if it were alone on the node."""
    cgroup_mib: float
    """What the kernel counts for the pod, with the files it read first."""
    cpu_seconds: float
    """While it was looked at."""

    @property
    def mib(self) -> float:
        """Its own and its part."""
        return self.private_mib + self.share_mib

    def as_json(self) -> dict[str, float]:
        """In the result."""
        return {
            "mib": round(self.mib, 1),
            "private_mib": round(self.private_mib, 1),
            "share_mib": round(self.share_mib, 1),
            "shared_mib": round(self.shared_mib, 1),
            "cgroup_mib": round(self.cgroup_mib, 1),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }


def look_at_seats(uids: list[str], *, seconds: float) -> list[Seat]:
    """Pods of this machine by their uids, watched for so long."""
    pids = {uid: pids_of(uid) for uid in uids}
    before = {uid: sum(map(cpu_seconds, found)) for uid, found in pids.items()}
    time.sleep(seconds)
    return [_seat(pids[uid], before[uid]) for uid in uids]


def _seat(pids: list[int], before: float) -> Seat:
    private = share = shared = 0.0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.MULTILINE)}
        own = found["Private_Clean"] + found["Private_Dirty"]
        private += own
        share += found["Pss"] - own
        shared += found["Shared_Clean"] + found["Shared_Dirty"]
    return Seat(
        private_mib=private,
        share_mib=share,
        shared_mib=shared,
        cgroup_mib=cgroup_bytes(pids[0]) / MIB,
        cpu_seconds=sum(map(cpu_seconds, pids)) - before,
    )


def pids_of(uid: str) -> list[int]:
    """Processes of a pod. Raises RuntimeError where there are none: it does not run on this machine."""
    names = uid, uid.replace("-", "_")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            groups = (folder / "cgroup").read_text()
        except OSError:
            continue
        if any(name in groups for name in names):
            found.append(int(folder.name))
    if not found:
        raise RuntimeError(f"No process of the pod {uid} is on this machine, so what it costs cannot be seen.")
    return sorted(found)


def cpu_seconds(pid: int) -> float:
    """That a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cgroup_bytes(pid: int) -> int:
    """What the kernel counts for the pod that a process belongs to, less what it would give back at once."""
    top = Path("/sys/fs/cgroup")
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        pod = Path(path.lstrip("/")).parent
        if "memory" in controllers.split(","):
            folder, usage = top / "memory" / pod, "memory.usage_in_bytes"
        elif not controllers and (top / "cgroup.controllers").exists():
            folder, usage = top / pod, "memory.current"
        else:
            continue
        inactive = re.search(r"^(?:total_)?inactive_file (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE)
        return int((folder / usage).read_text()) - (int(inactive[1]) if inactive else 0)
    return 0
