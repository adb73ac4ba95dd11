"""The cards of the spawn page: one for each software and each hardware on offer, with its facts on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.pages.tones import Tone
from spawner.admission import DoesNotFit, Fits
from studiolo.catalog import APPS
from studiolo.quantities import format_cores, format_memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from hub.pages.forecast_cards import ForecastCell
    from spawner.admission import MachineState
    from studiolo.catalog import Environment, Hardware


CURRENCY_SIGNS: Mapping[str, str] = MappingProxyType({"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF", "JPY": "¥"})
"""Currencies that have a sign people know; others are written as in the catalog."""


EN_DASH = "\N{EN DASH}"
"""From ... to: "1-2" with a hyphen would read as a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareFacts:
    """What is known of one environment at this moment."""

    environment: Environment
    is_ready: bool
    missing_programs: tuple[str, ...] = ()
    problem: str = ""
    """Why nobody can install it, as a sentence."""
    newer_is_coming: bool = False
    """Whether what starts is the version before, until the new one is on the nodes."""

    @property
    def can_start(self) -> bool:
        """Whether this machine has what it needs."""
        return not (self.missing_programs or self.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What is known of the machine at this moment."""

    state: MachineState
    verdicts: Mapping[str, Fits | DoesNotFit]
    memory_is_enforced: bool = True
    cpu_is_enforced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareCard:
    """One environment as a choice."""

    name: str
    title: str
    summary: str
    apps: tuple[str, ...]
    tone: Tone
    state: str
    time: str
    """What the summary bar says about the wait: "about 2 s"."""
    can_start: bool
    is_selected: bool
    note: str = ""
    """One more sentence, in plain words."""

    @property
    def is_disabled(self) -> bool:
        """What is chosen stays chosen, so that it is sent, and the answer can say why not."""
        return not self.can_start and not self.is_selected


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareCard:
    """One hardware as a choice."""

    name: str
    title: str
    summary: str
    shape: str
    price: str
    notes: tuple[str, ...]
    tone: Tone
    state: str
    fits: bool
    is_selected: bool
    free: str = ""
    """What stands behind the forecast whatever software is chosen: " · 1 of 2 GPUs free"."""

    @property
    def is_disabled(self) -> bool:
        """What is chosen stays chosen, so that it is sent, and the answer can say why not."""
        return not self.fits and not self.is_selected


def software_card(facts: SoftwareFacts, *, is_selected: bool, cell: ForecastCell | None = None) -> SoftwareCard:
    """The card of one environment: ready, installed at first use, or not possible here and why.

    `cell`: its forecast on the hardware that is chosen.
    """
    environment = facts.environment
    if facts.missing_programs:
        tone, state, time = Tone.NO, f"not here: needs {_listed(facts.missing_programs)} on this machine", ""
    elif facts.problem:
        tone, state, time = Tone.NO, f"not now: {facts.problem}", ""
    elif cell is not None and cell.software:
        tone, state, time = cell.software_tone, cell.software, cell.time
    elif facts.is_ready:
        tone, state, time = Tone.OK, "ready", ""
    else:
        tone, state, time = Tone.SOON, "is installed at first use: takes minutes, once", "minutes, the first time"
    return SoftwareCard(
        name=environment.name,
        title=environment.title,
        summary=environment.summary,
        apps=tuple(APPS[name].title if name in APPS else name for name in environment.apps),
        tone=tone,
        state=state,
        time=time,
        can_start=facts.can_start,
        note="A newer version is being brought to the machines." if facts.newer_is_coming else "",
        is_selected=is_selected,
    )


def hardware_card(
    hardware: Hardware,
    machine: MachineFacts | None,
    *,
    currency: str,
    is_selected: bool,
    lasts: str = "",
    cell: ForecastCell | None = None,
) -> HardwareCard:
    """The card of one hardware: its shape, its price, and whether it fits at this moment.

    `machine`: None for a cluster, which says only when it is asked whether there is room. `lasts`: how long a
    workspace on it may last, in words. `cell`: the forecast for the software that is chosen.
    """
    tone, state, fits = Tone.OK, "offered", True
    if machine is not None:
        match machine.verdicts[hardware.name]:
            case Fits():
                state = f"fits now{_gpus_free(hardware, machine.state)}"
            case DoesNotFit() as verdict:
                tone, fits = Tone.NO, False
                state = f"{'not now' if verdict.later else 'not on this machine'}: {verdict.reason}"
    gpus = _gpus_free(hardware, machine.state) if machine is not None and fits else ""
    if cell is not None:
        tone, state = cell.hardware_tone, f"{cell.hardware}{gpus}"
    return HardwareCard(
        name=hardware.name,
        title=hardware.title,
        summary=hardware.summary,
        shape=shape(hardware),
        price=price(hardware.price_per_hour, currency),
        notes=(
            *((lasts,) if lasts else ()),
            *_scratch(hardware, is_enforced=machine is None),
            *(_not_enforced(machine) if machine else ()),
        ),
        tone=tone,
        state=state,
        fits=fits,
        is_selected=is_selected,
        free=gpus,
    )


def shape(hardware: Hardware) -> str:
    """What a hardware is, on one line: CPU from what is sure to what is possible, memory, GPUs."""
    request, limit = format_cores(hardware.cpu.request), format_cores(hardware.cpu.limit)
    parts = [
        f"{request} CPU" if request == limit else f"{request}{EN_DASH}{limit} CPU",
        format_memory(hardware.memory_bytes),
    ]
    if hardware.gpu_count:
        parts.append(f"{hardware.gpu_count} GPU{'s' if hardware.gpu_count > 1 else ''}")
    return " · ".join(parts)


def price(amount: Decimal | None, currency: str) -> str:
    """A price as a card shows it: "0.04 €/h"; nothing where none is set."""
    if amount is None:
        return ""
    return f"{amount:f} {CURRENCY_SIGNS.get(currency, currency)}/h"


def _gpus_free(hardware: Hardware, state: MachineState) -> str:
    if not hardware.gpu_count:
        return ""
    total = len(state.capacity.gpus)
    return f" · {len(state.free.gpus)} of {total} GPU{'s' if total > 1 else ''} free"


def _scratch(hardware: Hardware, *, is_enforced: bool) -> tuple[str, ...]:
    if not hardware.scratch_bytes:
        return ()
    loose = "" if is_enforced else " (limit not enforced on this machine)"
    return (f"{format_memory(hardware.scratch_bytes)} scratch, gone afterwards{loose}",)


def _not_enforced(machine: MachineFacts) -> tuple[str, ...]:
    match (machine.memory_is_enforced, machine.cpu_is_enforced):
        case (True, True):
            return ()
        case (False, True):
            loose = "memory"
        case (True, False):
            loose = "CPU limit"
        case _:
            loose = "limits"
    return (f"{loose} not enforced on this machine",)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
