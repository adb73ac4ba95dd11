"""The data of a plan on one machine: links below `~/data`, since nothing can be mounted there.

All workspaces of a person share one home, so a link stays while another workspace may use it. One that leads to what
the person is no longer offered is taken away at their next start. Nothing that is not a link of ours is ever touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.catalog_folder_keys import DATA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from studiolo.catalog_model import DataFolder

LINKS: Final = "data"
"""Below the home: what pods have at /data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """Data that a workspace cannot have, and why."""

    entry: DataFolder
    reason: str


def link_data(
    home: Path, chosen: Iterable[DataFolder], *, known: Collection[DataFolder], offered: Collection[DataFolder]
) -> tuple[InTheWay, ...]:
    """Links what was chosen, and takes away links to what is known and not offered. What could not be linked, and why.

    Raises OSError where the disk refuses.
    """
    for entry in known:
        if entry not in offered:
            _unlink(home, entry)
    return tuple(problem for entry in chosen if (problem := _link(home, entry)) is not None)


def link_of(home: Path, entry: DataFolder) -> Path:
    """Where a workspace on this machine has an entry."""
    return home / LINKS / entry.mount.removeprefix(f"{DATA}/")


def _link(home: Path, entry: DataFolder) -> InTheWay | None:
    target, link = entry.path, link_of(home, entry)
    if target is None or not target.is_dir():
        return InTheWay(entry=entry, reason=f"There is no folder {target} on this machine.")
    if any(parent.is_symlink() for parent in _folders(home, link)):
        return InTheWay(entry=entry, reason=f"~/{link.parent.relative_to(home)} is a link where a folder belongs.")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return InTheWay(entry=entry, reason=f"~/{link.parent.relative_to(home)} is a file where a folder belongs.")
    if link.is_symlink():
        if link.readlink() == target:
            return None
        link.unlink()  # of before: the entry leads elsewhere now
    try:
        link.symlink_to(target)
    except FileExistsError:
        return InTheWay(entry=entry, reason=f"You have files of your own at ~/{link.relative_to(home)}.")
    return None


def _unlink(home: Path, entry: DataFolder) -> None:
    link = link_of(home, entry)
    if any(parent.is_symlink() for parent in _folders(home, link)) or not link.is_symlink():
        return
    if link.readlink() == entry.path:
        link.unlink()


def _folders(home: Path, link: Path) -> Iterable[Path]:
    """The folders between the home and a link."""
    return (parent for parent in link.parents if parent != home and parent.is_relative_to(home))
