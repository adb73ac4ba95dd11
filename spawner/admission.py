"""May it start here and now: what a machine has, what is held of it, and whether a hardware fits into the rest.

Values in, values out. `spawner/machine.py` measures the machine and keeps the ledger; every answer is given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studiolo.quantities import format_cores, format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studiolo.catalog import Hardware

MIB, GIB, TIB = 1024**2, 1024**3, 1024**4

MIG_PREFIX = "MIG-"
"""How NVIDIA's UUIDs of MIG slices begin. CUDA gives a process one slice at most, however many it is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """An amount of machine: all of it, or what is free of it."""

    memory_bytes: int
    cpu_cores: float
    gpus: tuple[str, ...] = ()
    """UUIDs of whole devices and MIG slices, in the order in which they are given out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one workspace holds until it has ended."""

    key: str
    memory_bytes: int
    cpu_cores: float
    """The request, not the limit: what the workspace was promised."""
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """A machine at one moment."""

    capacity: Capacity
    held: tuple[Held, ...] = ()
    cpu_overcommit: float = 1.0
    """How many times each core is promised. Notebooks mostly wait, so an operator may set more than 1."""

    @property
    def free(self) -> Capacity:
        """What nobody holds; never below zero, also where the machine shrank under what runs."""
        taken = {uuid for held in self.held for uuid in held.gpus}
        memory_held = sum(held.memory_bytes for held in self.held)
        cores_held = sum(held.cpu_cores for held in self.held)
        return Capacity(
            memory_bytes=max(0, self.capacity.memory_bytes - memory_held),
            # Sums of 0.1 cores must not leave 0.30000000000000004: a card would say so, and 0.3 would not fit into it.
            cpu_cores=max(0.0, round(self.capacity.cpu_cores * self.cpu_overcommit - cores_held, 6)),
            gpus=tuple(uuid for uuid in self.capacity.gpus if uuid not in taken),
        )

    @property
    def emptied(self) -> MachineState:
        """The same machine with nothing running."""
        return MachineState(capacity=self.capacity, cpu_overcommit=self.cpu_overcommit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """It may start now."""

    free: Capacity
    """What is free before it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoesNotFit:
    """It may not start now."""

    short: tuple[str, ...]
    """What is short, each to stand behind the hardware's title: "needs 1 GPU, none of 4 is free"."""
    free: Capacity
    later: bool
    """True when it fits once others have ended; False when it would not fit this machine even empty."""

    @property
    def reason(self) -> str:
        """All that is short, on one line."""
        return "; ".join(self.short)


def admit(hardware: Hardware, state: MachineState) -> Fits | DoesNotFit:
    """Whether this hardware fits into what nobody holds, and if not, what is short."""
    free = state.free
    short = _short(hardware, state, free)
    if not short:
        return Fits(free=free)
    empty = state.emptied
    return DoesNotFit(short=short, free=free, later=not _short(hardware, empty, empty.free))


def what_fits(hardware: Iterable[Hardware], state: MachineState) -> dict[str, Fits | DoesNotFit]:
    """The answer for each hardware, by name, in the given order."""
    return {entry.name: admit(entry, state) for entry in hardware}


def alternatives(hardware: Iterable[Hardware], state: MachineState, asked: Hardware) -> tuple[Hardware, ...]:
    """Other hardware that fits now, nearest to what was asked first: by number of GPUs, then memory, then cores."""
    fitting = (entry for entry in hardware if entry.name != asked.name and isinstance(admit(entry, state), Fits))
    return tuple(sorted(fitting, key=lambda entry: distance(entry, asked)))


def distance(entry: Hardware, asked: Hardware) -> tuple[int, int, float, str]:
    """How far a hardware is from the one that was asked for: by number of GPUs, then memory, then cores."""
    return (
        abs(entry.gpu_count - asked.gpu_count),
        abs(entry.memory_bytes - asked.memory_bytes),
        abs(entry.cpu.request - asked.cpu.request),
        entry.name,
    )


def choose_gpus(state: MachineState, count: int) -> tuple[str, ...]:
    """UUIDs of `count` devices that nobody holds, the first ones in the machine's order.

    Raises ValueError where fewer are free: ask `admit` first.
    """
    usable = _usable_gpus(state.free.gpus, count)
    if len(usable) < count:
        raise ValueError(f"{count} GPUs were asked for and {len(usable)} are free")
    return usable[:count]


def _usable_gpus(gpus: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The devices that can serve a choice of `count` GPUs: MIG slices cannot be joined, so two and more need cards."""
    if count > 1:
        return tuple(uuid for uuid in gpus if not uuid.startswith(MIG_PREFIX))
    return gpus


def _short(hardware: Hardware, state: MachineState, free: Capacity) -> tuple[str, ...]:
    checks = (_short_of_memory, _short_of_cpu, _short_of_gpus)
    return tuple(reason for check in checks if (reason := check(hardware, state, free)) is not None)


def _short_of_memory(hardware: Hardware, state: MachineState, free: Capacity) -> str | None:
    if hardware.memory_bytes <= free.memory_bytes:
        return None
    needs = f"needs {format_memory(hardware.memory_bytes)} of memory"
    if hardware.memory_bytes > state.capacity.memory_bytes:
        return f"{needs}, workspaces on this machine share {_memory_rounded_down(state.capacity.memory_bytes)}"
    return f"{needs}, {_memory_rounded_down(free.memory_bytes)} is free"


def _short_of_cpu(hardware: Hardware, state: MachineState, free: Capacity) -> str | None:
    if hardware.cpu.request <= free.cpu_cores:
        return None
    needs = f"needs {_cores(hardware.cpu.request)}"
    machine = _cores(state.capacity.cpu_cores)
    if state.cpu_overcommit != 1:
        machine += f", each promised up to {format_cores(state.cpu_overcommit)} times"
    if hardware.cpu.request > state.emptied.free.cpu_cores:
        return f"{needs}, this machine has {machine}"
    left = format_cores(free.cpu_cores) if free.cpu_cores > 0 else "none"
    return f"{needs}, {left} {'are' if free.cpu_cores > 1 else 'is'} free (of {machine})"


def _short_of_gpus(hardware: Hardware, state: MachineState, free: Capacity) -> str | None:
    count = hardware.gpu_count
    usable = len(_usable_gpus(free.gpus, count))
    if count <= usable:
        return None
    needs = f"needs {_counted(count, 'GPU')}"
    if not state.capacity.gpus:
        return f"{needs}, this machine has no GPU"
    total = len(_usable_gpus(state.capacity.gpus, count))
    if count > total:
        kind = "GPU" if total == len(state.capacity.gpus) else "whole GPU"
        return f"{needs}, this machine has {_counted(total, kind)}"
    return f"{needs}, {usable or 'none'} of {total} {'is' if usable <= 1 else 'are'} free"


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}" if count <= 1 else f"{count} {what}s"


def _cores(cores: float) -> str:
    return f"{format_cores(cores)} CPU core{'' if cores == 1 else 's'}"


def _memory_rounded_down(memory_bytes: int) -> str:
    """Memory for people, never more than there is: "needs 4 GiB, 4 GiB is free" would read as a lie."""
    unit = next((unit for unit in (TIB, GIB) if memory_bytes >= unit), MIB)
    step = unit // 10
    return format_memory(memory_bytes // step * step)
