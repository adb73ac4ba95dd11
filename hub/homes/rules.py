"""What a home is called once it is put aside, and which of them comes back. Pure."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from studiolo.names import is_home_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

ARCHIVE: Final = ".archived"
"""The folder of homes that were put aside. No home is ever called so: their names hold no dot."""

HOME_MODE: Final = 0o700
"""Of every home: its owner's alone."""

FOLDER_MODE: Final = 0o711
"""Of what lies above homes: passed through, not listed."""

TEAM_MODE: Final = 0o2770
"""Of the folder of a team: what is made in it belongs to the group, whoever makes it."""

PLACE_MODE: Final = 0o755
"""Of the folders in a home at which those of teams are mounted."""

ARCHIVE_MODE: Final = 0o700
"""Of the folder with what was put aside: nobody's but the service's."""

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_ARCHIVED: Final = re.compile(r"(?P<home>[a-z0-9-]+)\.(?P<stamp>\d{8}T\d{6}Z)(\.(?P<number>[1-9]\d*))?")


def archive_name(home: str, *, now: datetime, taken: Collection[str]) -> str:
    """Where a home is put aside: `alice` -> `alice.20261126T201500Z`; a number is added where that is taken."""
    plain = f"{home}.{now:{_STAMP}}"
    numbered = (f"{plain}.{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain((plain,), numbered) if name not in taken)


def numbered_archive_name(home: str, *, now: datetime, number: int) -> str:
    """Where a home is put aside that somebody has given a number: known before it is done, so that it is done once."""
    return f"{home}.{now:{_STAMP}}.{number}"


def is_archive_of(home: str, name: str) -> bool:
    """Whether a home may have been put aside under this name."""
    return _home_of(name) == home


def newest_archive(home: str, names: Iterable[str]) -> str | None:
    """The one of a person's homes that was put aside last; None where there is none."""
    found = [name for name in names if _home_of(name) == home]
    return max(found, key=_age, default=None)


def folder_parts(folder: str) -> tuple[str, ...]:
    """The folders from the volume's top to the homes. Raises ValueError for what leads out of the volume."""
    parts = tuple(part for part in folder.split("/") if part not in {"", "."})
    if ".." in parts or "\0" in folder:
        raise ValueError(f"{folder!r} leads out of the volume.")
    return parts


def _home_of(archived: str) -> str:
    found = _ARCHIVED.fullmatch(archived)
    return found["home"] if found is not None and is_home_name(found["home"]) else ""


def _age(archived: str) -> tuple[str, int]:
    found = _ARCHIVED.fullmatch(archived)
    return ("", 0) if found is None else (found["stamp"], int(found["number"] or 1))
