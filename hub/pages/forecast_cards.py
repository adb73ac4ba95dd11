"""Forecasts on the cards of the spawn page: of what is chosen, and of every other pair for the script. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.capacity.forecast import Kind
from hub.capacity.forecast_words import wait_of, words_of
from hub.pages.tones import Tone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.capacity.forecast import Forecast
    from studiolo.catalog import Hardware

TONES = {
    Kind.READY: Tone.OK,
    Kind.PULL: Tone.SOON,
    Kind.NODE: Tone.SOON,
    Kind.NOT_NOW: Tone.NO,
    Kind.NEVER: Tone.NO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastCell:
    """What the cards say of one pair."""

    hardware_tone: Tone
    hardware: str
    """On the hardware's card: the whole forecast."""
    software_tone: Tone
    software: str
    """On the software's card; "" where the wait is not about the software."""
    time: str
    """In the bar: the wait, or that it does not start now."""
    instead: str
    """The hardware to choose instead, by its name in the catalog; "" for none."""
    instead_words: str
    """The same as a sentence: "Large starts: ready in about 4 s."."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTable:
    """All pairs."""

    cells: Mapping[tuple[str, str], ForecastCell] = field(default_factory=dict)

    def of(self, environment: str | None, hardware: str | None) -> ForecastCell | None:
        """Of one pair; None where nobody makes a forecast of it."""
        return self.cells.get((environment or "", hardware or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTables:
    """For who claims a warm pod where one waits, and for who does not."""

    usual: ForecastTable
    without_claims: ForecastTable = ForecastTable()
    """Empty where no pod waits."""
    fields: tuple[str, ...] = ()
    """Of the form: what is ticked there keeps from claiming."""

    def table(self, *, is_claim: bool) -> ForecastTable:
        """The one that holds."""
        return self.usual if is_claim or not self.without_claims.cells else self.without_claims

    def as_json(self) -> str:
        """For the page's script: each text once, and for every pair which it is; the same without claims, if other."""
        usual, other = self.usual.cells, self.without_claims.cells
        if not usual:
            return ""
        different = list(dict.fromkeys((*usual.values(), *other.values())))
        numbers = {cell: number for number, cell in enumerate(different)}
        told = {"cells": [_as_list(cell) for cell in different], "pairs": _pairs(usual, numbers)}
        if changed := {pair: cell for pair, cell in other.items() if cell != usual.get(pair)}:
            told |= {"without_claims": _pairs(changed, numbers), "fields": list(self.fields)}
        return json.dumps(told)


def _pairs(
    cells: Mapping[tuple[str, str], ForecastCell], numbers: Mapping[ForecastCell, int]
) -> dict[str, dict[str, int]]:
    pairs: dict[str, dict[str, int]] = {}
    for (environment, hardware), cell in cells.items():
        pairs.setdefault(environment, {})[hardware] = numbers[cell]
    return pairs


def forecast_table(
    forecasts: Sequence[Forecast], hardware: Sequence[Hardware], *, timezone: str, now: datetime
) -> ForecastTable:
    """What the cards say of each pair."""
    zone = ZoneInfo(timezone)
    titles = {entry.name: entry.title for entry in hardware}
    known = {(each.environment, each.hardware): each for each in forecasts}

    def cell(each: Forecast) -> ForecastCell:
        words = words_of(each, now=now, zone=zone)
        is_about_software = each.kind in {Kind.READY, Kind.PULL}
        other = known.get((each.environment, each.instead))
        return ForecastCell(
            hardware_tone=TONES[each.kind],
            hardware=words,
            software_tone=TONES[each.kind] if is_about_software else Tone.OK,
            software=words if is_about_software else "",
            time=wait_of(each) or words.partition(":")[0],
            instead=each.instead if other else "",
            instead_words=f"{titles[each.instead]} starts: {words_of(other, now=now, zone=zone)}." if other else "",
        )

    return ForecastTable(cells={pair: cell(each) for pair, each in known.items()})


def _as_list(cell: ForecastCell) -> list[str]:
    return [
        cell.hardware_tone.value,
        cell.hardware,
        cell.software_tone.value,
        cell.software,
        cell.time,
        cell.instead,
        cell.instead_words,
    ]
