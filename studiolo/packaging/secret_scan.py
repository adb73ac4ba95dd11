"""Looks for keys and passwords in what would go into an image: with file and line, and never with the secret itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.packaging.errors import NotebookRefused
from studiolo.packaging.notebook import read_notebook
from studiolo.packaging.stripping import is_notebook
from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from studiolo.packaging.project import Project

LARGEST_SEARCHED: Final = 4 * 2**20
"""Bytes of a text. Larger ones are data."""

LONGEST_LINE: Final = 10_000
"""Characters. A longer line is data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSecret:
    """A place that holds what looks like a secret."""

    path: str
    line: int
    """In the file, or in the cell, from 1."""
    cell: int = 0
    """Of a notebook, from 1; 0 in other files."""

    @property
    def place(self) -> str:
        """How it is named where somebody allows it: `keys.py:3`, and `iris.ipynb:2:3` for a line of a cell."""
        where = f"{self.cell}:{self.line}" if self.cell else f"{self.line}"
        return f"{self.path}:{where}"

    def __str__(self) -> str:
        where = f"cell {self.cell}, line {self.line}" if self.cell else f"line {self.line}"
        return f"{self.path}, {where}: this looks like a key, a token or a password."


def scan(project: Project) -> tuple[FoundSecret, ...]:
    """Every line of the project's texts that looks like a secret. Raises what reading them does."""
    found: list[FoundSecret] = []
    for file in project.files:
        if file.size > LARGEST_SEARCHED:
            continue
        content = project.read(file)
        if is_notebook(file.path):
            found += _in_notebook(file.path, content)
        elif b"\0" not in content:
            found += (
                FoundSecret(path=file.path, line=line) for line in _lines_with_secrets(content.decode(errors="replace"))
            )
    return tuple(found)


def _in_notebook(path: str, content: bytes) -> Iterable[FoundSecret]:
    try:
        cells = read_notebook(content)
    except NotebookRefused:
        return [FoundSecret(path=path, line=line) for line in _lines_with_secrets(content.decode(errors="replace"))]
    return [
        FoundSecret(path=path, line=line, cell=cell.number)
        for cell in cells
        for line in _lines_with_secrets(cell.source)
    ]


def _lines_with_secrets(text: str) -> Iterator[int]:
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) <= LONGEST_LINE and looks_like_secret(line):
            yield number
