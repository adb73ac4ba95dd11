"""One value of a table as JSON, the same for every kind of database: numbers, texts and nothing else as they are."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, null
from sqlalchemy.types import JSON, TypeEngine

Plain = str | int | float | bool | None
Cell = Plain | list[Any]
"""What JSON has no word for is a pair of its kind and its text; no plain value is a list, so none can be mistaken."""


def cell_of(value: object) -> Cell:
    """A value that a database gave. Raises TypeError for a kind that no table of ours has."""
    match value:
        case None | str() | bool() | int() | float():
            return value
        case datetime():
            return ["time", value.isoformat()]
        case bytes() | memoryview():
            return ["bytes", base64.b64encode(bytes(value)).decode()]
        case dict() | list():
            return ["json", value]
    raise TypeError(f"A value of {type(value).__name__} cannot be kept.")


def value_of(cell: Cell, kind: TypeEngine[Any]) -> Any:
    """The value for a column of this kind. Raises ValueError for what is no cell."""
    match cell:
        case None:
            return null() if isinstance(kind, JSON) else None  # None would be JSON's null, which is a value
        case str() | bool() | int() | float():
            return cell
        case ["time", str(text)]:
            return _time(datetime.fromisoformat(text), has_zone=isinstance(kind, DateTime) and kind.timezone)
        case ["bytes", str(text)]:
            return base64.b64decode(text, validate=True)
        case ["json", value]:
            return value
    raise ValueError("This is no value of a table.")


def _time(moment: datetime, *, has_zone: bool) -> datetime:
    """SQLite keeps no zone; what has none is in UTC, everywhere in our tables."""
    if has_zone:
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
