"""The homes of deleted accounts on the administrator's page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from studiolo.wire import HomeArchive

MOST_ROWS: Final = 50
"""The newest; the command line has them all."""

_WORDS: Final = {
    "waiting": "still in its place",
    "archiving": "being put aside",
    "archived": "put aside",
    "restored": "brought back",
    "cancelled": "not put aside",
    "failed": "could not be put aside",
    "not-possible": "cannot be put aside here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRow:
    """One deletion, as text."""

    user: str
    state: str
    since: str
    then: str
    """What comes next, or why it is so."""


def archive_rows(archives: Iterable[HomeArchive], *, now: datetime) -> tuple[ArchiveRow, ...]:
    """The newest first."""
    return tuple(_row(one, now) for one, _ in zip(archives, range(MOST_ROWS), strict=False))


def _row(archive: HomeArchive, now: datetime) -> ArchiveRow:
    then = archive.reason
    if archive.due is not None:
        then = f"put aside in {format_duration(archive.due - now)}, unless the account is there again"
    elif archive.next_try is not None:
        then = f"{archive.reason} Tried again in {format_duration(archive.next_try - now)}."
    elif archive.state == "archived":
        then = f"as {archive.archived}"
    return ArchiveRow(
        user=archive.user,
        state=_WORDS.get(archive.state, archive.state),
        since=f"{format_duration(now - archive.since)} ago",
        then=then,
    )
