"""The data on the spawn page: what is offered to the person, and what of it is ticked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.catalog import DataFolder

NOT_HELD_HERE = "to be read (this machine does not hold people to it)"
"""On one machine data is a link, and only the file system's own permissions hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTick:
    """One entry to tick."""

    name: str
    title: str
    summary: str
    place: str
    """Where a workspace has it: `/data/iris`."""
    use: str
    """Whether it may be changed, in words."""
    is_ticked: bool


def data_ticks(offered: tuple[DataFolder, ...], ticked: Collection[str], *, is_machine: bool) -> tuple[DataTick, ...]:
    """An entry for each that is offered; none where nothing is."""
    return tuple(
        DataTick(
            name=entry.name,
            title=entry.title,
            summary=entry.summary,
            place=f"~{entry.mount}" if is_machine else entry.mount,
            use=_use(entry, is_machine=is_machine),
            is_ticked=entry.name in ticked,
        )
        for entry in offered
    )


def _use(entry: DataFolder, *, is_machine: bool) -> str:
    if not entry.read_only:
        words = "to be read and changed"
        if entry.max_age is None:
            return words
        return f"{words}; files that nobody used for {format_duration(entry.max_age)} are removed"
    return NOT_HELD_HERE if is_machine else "to be read"
