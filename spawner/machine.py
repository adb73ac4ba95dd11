"""What this machine has, and who holds what of it.

The ledger is memory of the one hub process, and every change to it is a single step without `await`: two starts at the
same moment never get the same device. After a restart of the hub it is rebuilt from the records of what still runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from spawner.admission import Capacity, DoesNotFit, Held, MachineState, admit, alternatives, choose_gpus
from spawner.errors import DoesNotFitError
from spawner.processes import is_running
from spawner.record import WorkspaceRecord, read_record
from spawner.workspace_process import running_keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spawner.data_directory import DataDirectory
    from spawner.gpus import GpuInventory
    from spawner.limits import Scope
    from studiolo.catalog import Hardware

CGROUP_MEMORY_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container says how much of the machine's memory is its own (control groups of version 2 and 1)."""


class Machine:
    """The capacity of this machine and the ledger of what workspaces hold of it."""

    def __init__(
        self, capacity_source: Callable[[], Capacity], *, cpu_overcommit: float = 1.0, scope: Scope | None = None
    ) -> None:
        """`capacity_source` is asked each time, so that a GPU that was lost is not given out again."""
        self._capacity_source = capacity_source
        self._cpu_overcommit = cpu_overcommit
        self._held: dict[str, Held] = {}
        self.scope = scope
        """How the kernel is told to hold the limits; None where it cannot be."""

    @property
    def memory_is_enforced(self) -> bool:
        """Whether the kernel holds a workspace to its memory. Where not, it is watched, and the card says so."""
        return self.scope is not None and self.scope.limits_memory

    @property
    def cpu_is_enforced(self) -> bool:
        """Whether the kernel holds a workspace to its CPU limit."""
        return self.scope is not None and self.scope.limits_cpu

    def state(self) -> MachineState:
        """The machine at this moment."""
        return self._state(self._held.values())

    def claim(self, key: str, hardware: Hardware, *, offered: Iterable[Hardware] = ()) -> Held:
        """Takes what `hardware` needs for the workspace `key`; all of it or nothing.

        Raises DoesNotFitError, which names what of `offered` would fit. What `key` held before is given back first:
        a workspace runs once.
        """
        others = self._state(held for held in self._held.values() if held.key != key)
        verdict = admit(hardware, others)
        if isinstance(verdict, DoesNotFit):
            raise DoesNotFitError(hardware, verdict, alternatives=alternatives(offered, others, hardware))
        held = Held(
            key=key,
            memory_bytes=hardware.memory_bytes,
            cpu_cores=hardware.cpu.request,
            gpus=choose_gpus(others, hardware.gpu_count),
        )
        self._held[key] = held
        return held

    def release(self, key: str) -> None:
        """Gives back what the workspace `key` holds; nothing happens where it holds nothing."""
        self._held.pop(key, None)

    def restore(self, held: Iterable[Held]) -> None:
        """The ledger after a restart: what still runs holds what its record says, fitting or not."""
        self._held = {entry.key: entry for entry in held}

    def _state(self, held: Iterable[Held]) -> MachineState:
        return MachineState(capacity=self._capacity_source(), held=tuple(held), cpu_overcommit=self._cpu_overcommit)


class ThisMachine:
    """Measures the machine we run on: its memory less a reserve, its cores, its healthy GPUs."""

    def __init__(self, gpus: GpuInventory, *, memory_reserve_bytes: int) -> None:
        """The reserve is for the system, proxy, hub and services: workspaces never get it."""
        self._gpus = gpus
        self._memory_bytes = max(0, memory_bytes() - memory_reserve_bytes)
        self._cpu_cores = float(_cpu_cores())

    def __call__(self) -> Capacity:
        """What workspaces may share. GPUs are looked at anew: one can fall off the bus at any moment."""
        return Capacity(
            memory_bytes=self._memory_bytes,
            cpu_cores=self._cpu_cores,
            gpus=tuple(gpu.uuid for gpu in self._gpus.gpus() if gpu.is_healthy),
        )


def running_records(data: DataDirectory) -> Iterator[WorkspaceRecord]:
    """The record of each workspace that still runs: its keeper, or a server whose keeper was killed."""
    for path in sorted(data.workspaces.glob("*/record.json")):
        record = read_record(path)
        if record is not None and (running_keeper(record) is not None or _serves(record)):
            yield record


def _serves(record: WorkspaceRecord) -> bool:
    return record.server_process is not None and is_running(record.server_process)


def _cpu_cores() -> int:
    # What this process may use, not what the board carries: containers and `taskset` give less.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(limits: tuple[Path, ...] = CGROUP_MEMORY_LIMITS) -> int:
    total = int(psutil.virtual_memory().total)
    return min([total, *(limit for path in limits if (limit := _container_limit(path)) is not None)])


def _container_limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no container, or "max"
        return None
