"""What a workspace uses where no kernel limit holds it, and what has to end when that is too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spawner.processes import fair_share_bytes, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryVerdict:
    """What the processes of a workspace use together, and which of them cannot stay."""

    total_bytes: int
    victims: tuple[int, ...] = ()
    """Processes to end, the largest first. Their person loses a kernel and keeps the workspace."""
    ends_workspace: bool = False
    """True where the server alone is above the limit: nothing that it started could make room."""


def judge_memory(sizes: Mapping[int, int], *, server: int, limit_bytes: int) -> MemoryVerdict:
    """Ends as few processes as bring the rest below the limit; the server (a pid) only when all others would not do."""
    total = remaining = sum(sizes.values())
    if total <= limit_bytes:
        return MemoryVerdict(total_bytes=total)
    victims: list[int] = []
    for pid, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        if remaining <= limit_bytes:
            break
        if pid != server and size > 0:
            victims.append(pid)
            remaining -= size
    if remaining > limit_bytes:
        return MemoryVerdict(total_bytes=total, ends_workspace=True)
    return MemoryVerdict(total_bytes=total, victims=tuple(victims))


def measure_memory(pids: tuple[int, ...], *, limit_bytes: int) -> dict[int, int]:
    """Bytes each process uses. Exact only where it matters: fair shares are costly, and never above resident memory."""
    resident = {pid: resident_bytes(pid) for pid in pids}
    if sum(resident.values()) <= limit_bytes:
        return resident
    return {pid: fair_share_bytes(pid) for pid in pids}
