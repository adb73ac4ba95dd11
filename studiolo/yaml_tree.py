"""The values of a YAML file, each with the place where it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias


class Place(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


START: Final = Place(1, 1)


class Kind(StrEnum):
    """What a value is, in the words of a message."""

    NOTHING = "nothing"
    BOOLEAN = "true or false"
    NUMBER = "a number"
    TEXT = "text"
    LIST = "a list"
    MAPPING = "a block of keys"


# YAML 1.2, as editors read it: `yes`, `on` and 1:30 are text. PyYAML's 1.1 would make them booleans and a number.
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN: Final = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One word, number or text, as it was written."""

    place: Place
    text: str
    is_plain: bool = True
    """Without quotes; only then can it be anything but text."""

    @property
    def kind(self) -> Kind:
        """What the text means to YAML 1.2."""
        if not self.is_plain:
            return Kind.TEXT
        if self.text in _NOTHING:
            return Kind.NOTHING
        if self.text in _BOOLEAN:
            return Kind.BOOLEAN
        return Kind.NUMBER if _NUMBER.fullmatch(self.text) else Kind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]
    kind = Kind.LIST


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A key and its value. Keys are text, whatever they look like."""

    key: str
    key_place: Place
    value: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and values in the order of the file, merged ones (`<<`) last; equal keys are all kept, and reported."""

    place: Place
    pairs: tuple[Pair, ...]
    kind = Kind.MAPPING


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something that was reported already; readers pass over it in silence."""

    place: Place


Node: TypeAlias = Scalar | Sequence | Mapping | Broken
