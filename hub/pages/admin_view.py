"""What the administrator's panel shows above JupyterHub's own page: machine, catalogs, environments. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.pages.home_view import when
from hub.pages.tones import Tone
from studiolo.quantities import format_cores, format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from spawner.admission import MachineState
    from studiolo.problems import Problem


MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the machine."""

    title: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """One environment on disk."""

    names: tuple[str, ...]
    """Titles that lead to it; none when the catalog does not name it any more."""
    digest: str
    size_bytes: int
    built_at: datetime
    last_used: datetime | None
    is_in_use: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """One environment on disk, as text."""

    title: str
    digest: str
    size: str
    built: str
    last_used: str
    in_use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFacts:
    """What the hub knows of the catalogs."""

    loaded_at: datetime
    is_valid: bool
    problems: tuple[Problem, ...]
    environment_count: int
    hardware_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFacts:
    """What the driver says of the GPUs."""

    names: tuple[str, ...]
    """The kinds of device, each once."""
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminView:
    """The administrator's panel."""

    place: str
    figures: tuple[Figure, ...]
    catalog_tone: Tone
    catalog_state: str
    catalog_problems: tuple[str, ...]
    environments: tuple[EnvironmentRow, ...]
    has_disk: bool
    """Whether environments are built here; on a cluster images are what runs."""


def admin_view(
    *,
    place: str,
    figures: tuple[Figure, ...],
    catalog: CatalogFacts,
    environments: Iterable[EnvironmentFacts] | None,
    now: datetime,
) -> AdminView:
    """The panel: what is free, whether the catalogs are valid, what lies on disk."""
    tone, state = _catalog_state(catalog, now)
    return AdminView(
        place=place,
        figures=figures,
        catalog_tone=tone,
        catalog_state=state,
        catalog_problems=tuple(str(problem) for problem in catalog.problems),
        environments=tuple(
            _environment_row(facts, now)
            for facts in sorted(environments or (), key=lambda facts: (not facts.names, facts.names))
        ),
        has_disk=environments is not None,
    )


def machine_figures(machine: MachineState, gpus: GpuFacts) -> tuple[Figure, ...]:
    """What is free of one machine."""
    free, whole = machine.free, machine.capacity
    cores = f"{format_cores(whole.cpu_cores)} cores"
    if machine.cpu_overcommit != 1:
        cores += f", each promised up to {format_cores(machine.cpu_overcommit)} times"
    return (
        Figure(
            title="Memory for workspaces",
            value=f"{format_memory(free.memory_bytes)} free",
            note=f"of {format_memory(whole.memory_bytes)}",
        ),
        Figure(title="CPU", value=f"{format_cores(free.cpu_cores)} free", note=f"of {cores}"),
        Figure(
            title="GPUs",
            value=f"{len(free.gpus)} of {len(whole.gpus)} free" if whole.gpus else "none",
            note=gpus.problem or ", ".join(gpus.names),
        ),
        Figure(title="Workspaces", value=f"{len(machine.held)} running"),
    )


def parked_figure(memory_bytes: Sequence[int]) -> Figure:
    """How many servers wait for somebody, and the memory that takes."""
    mebibytes = round(sum(memory_bytes) / MIB)
    note = f"{format_memory(mebibytes * MIB)} of memory" if memory_bytes else ""
    return Figure(title="Servers waiting", value=str(len(memory_bytes) or "none"), note=note)


def _catalog_state(catalog: CatalogFacts, now: datetime) -> tuple[Tone, str]:
    loaded = f"loaded {when(catalog.loaded_at, now)}"
    if not catalog.is_valid:
        return Tone.NO, f"the last edit was refused; what serves was {loaded}"
    counts = f"{catalog.environment_count} environments, {catalog.hardware_count} hardware"
    if catalog.problems:
        return Tone.SOON, f"valid with warnings, {loaded}: {counts}"
    return Tone.OK, f"valid, {loaded}: {counts}"


def _environment_row(facts: EnvironmentFacts, now: datetime) -> EnvironmentRow:
    return EnvironmentRow(
        title=", ".join(facts.names) or "not in the catalog any more",
        digest=facts.digest[:12],
        size=format_memory(facts.size_bytes),
        built=when(facts.built_at, now),
        last_used="never" if facts.last_used is None else when(facts.last_used, now),
        in_use="yes" if facts.is_in_use else "no",
    )
