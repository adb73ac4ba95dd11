"""What a key of a catalog is, and the pieces of JSON Schema that their tables are written with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ENTRIES: Final = 500
"""Entries, or items of one list: beyond it no page can show them, and one anchor could multiply them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key that a file may hold."""

    name: str
    description: str
    """What an editor shows beside it."""
    value: Mapping[str, Any]
    """Its JSON Schema. The check says more, and in words; a schema only helps while typing."""
    example: str
    """How it may be written."""
    is_required: bool = False


def text_schema(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest}


def list_schema(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True, "maxItems": MOST_ENTRIES}


def block_schema(keys: tuple[Key, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: {"description": key.description, **key.value} for key in keys},
        "required": [key.name for key in keys if key.is_required],
    }
