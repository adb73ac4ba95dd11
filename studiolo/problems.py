"""A problem in a file: where, what, and what to do; the same text in the terminal, in the log and on the page."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_QUOTE: Final = 60
"""Characters of somebody's value that are repeated to them. More would push the explanation off the line."""


class Severity(StrEnum):
    """Whether a file with this problem can still be used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong at one place. Lines and columns count from 1, columns in characters, as editors do."""

    file: str
    line: int
    column: int
    path: str
    """Which value is meant: `environments.python.title`."""
    message: str
    """What is wrong, why it matters, what to do: whole sentences on one line."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN: path: what, why, what to do`, always one line."""
        prefix = "warning: " if self.severity is Severity.WARNING else ""
        return _escaped(f"{self.file}:{self.line}:{self.column}: {self.path}: {prefix}{self.message}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: "enviroment" -> "environment"; None when none is close."""
    candidates = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(word.casefold(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def perhaps(word: str, known: Iterable[str]) -> str:
    """` Perhaps you meant "image"?`, or nothing when no known word is close."""
    near = nearest(word, known)
    return f' Perhaps you meant "{near}"?' if near is not None else ""


def quoted(value: str) -> str:
    """A value as it is repeated in a message: in quotes, on one line, not too long."""
    return f'"{printable(value)}"'


def printable(text: str) -> str:
    """Text that can stand in a line of a message: not too long, line ends and invisible characters written out."""
    return _escaped(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def listed(words: Iterable[str], *, last: str = "and") -> str:
    """Words as a sentence lists them: "a, b and c"."""
    *most, final = list(words)
    return f"{', '.join(most)} {last} {final}" if most else final


def _escaped(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
