"""What many packages at once cost: how many a second, and how much memory. Runs in a process of its own."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.package_place import BenchProject
from bench.package_sides import package

if TYPE_CHECKING:
    from bench.package_place import BasePlace

STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was seen."""

    seconds: tuple[float, ...]
    """Of each package."""
    lasted: float
    idle_bytes: int
    """Before the first package: everything imported, the base known."""
    peak_bytes: int

    @property
    def per_second(self) -> float:
        """Packages."""
        return len(self.seconds) / self.lasted

    @property
    def over_idle_bytes(self) -> int:
        """What packaging took, at its most."""
        return self.peak_bytes - self.idle_bytes


def put_under_load(host: str, base: BasePlace, folder: Path, *, workers: int, lasts: float) -> Load:
    """Each worker changes its project, plans and packages it, over and over."""
    projects = [BenchProject(folder / f"project{number}") for number in range(workers)]
    idle = _memory_bytes("VmRSS")
    seconds: list[float] = []

    async def work(number: int, project: BenchProject, end: float) -> None:
        count = 0
        while time.perf_counter() < end:
            count += 1
            await asyncio.to_thread(project.change)
            plan = await asyncio.to_thread(project.plan)
            began = time.perf_counter()
            await package(plan, host, base, f"models/load/worker{number}-{count}")
            seconds.append(time.perf_counter() - began)

    async def all_of_them() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(work(number, project, began + lasts) for number, project in enumerate(projects)))
        return time.perf_counter() - began

    lasted = asyncio.run(all_of_them())
    return Load(seconds=tuple(seconds), lasted=lasted, idle_bytes=idle, peak_bytes=_memory_bytes("VmHWM"))


def _memory_bytes(name: str) -> int:
    """Of this process. Not getrusage's peak, which counts what the process was before it became this program."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
