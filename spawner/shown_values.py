"""What somebody sent, as an error repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studiolo.problems import LONGEST_QUOTE
from studiolo.secret_patterns import looks_like_secret


def shown(value: object) -> str:
    """A value as an error repeats it: short, printable, on one line, and not at all when it looks like a secret."""
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a value of another kind")


def _shown_text(value: str) -> str:
    if looks_like_secret(value):
        return "a value that looks like a secret"
    short = value if len(value) <= LONGEST_QUOTE else value[: LONGEST_QUOTE - 1] + "…"
    return '"' + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short) + '"'


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    ((int, float), "a number"),
    (Mapping, "a set of named values"),
    ((list, tuple, set, frozenset), "a list"),
)
