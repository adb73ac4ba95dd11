"""What IPython understands and Python does not: `%magic`, `!command`, `name?`. Found in one pass, put out of the way.

Each line keeps its number, so that whatever is said of a cell names the line that its author sees. Read by a scanner of
our own: IPython's looks at the whole cell again after each find, which a hostile cell turns into minutes, and it would
bring a terminal into every installation of the command line (docs/decisions/packaging.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class MagicKind(Enum):
    """What became of it."""

    LINE = "line"
    """A line that was left out."""
    ASSIGNED = "assigned"
    """A name that gets its value from a magic or a command: that value exists in a notebook only."""
    CELL = "cell"
    """A whole cell that is no Python."""
    RUNS_PYTHON = "runs python"
    """`%time`, `%%capture` and their like: what they run is Python, and stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Magic:
    """One find."""

    kind: MagicKind
    line: int
    """In the cell, from 1."""
    text: str
    """As its author wrote it."""


PYTHON_CELL_MAGICS: Final = frozenset({"capture", "prun", "time", "timeit"})
"""Cell magics whose cell is Python."""

PYTHON_LINE_MAGICS: Final = frozenset({"prun", "time"})
"""Line magics whose rest of the line is Python, with effects that stay."""

MAGIC_VALUE: Final = "None"
"""What a name holds that had its value from a magic. Whoever needs it is told (`slicing.py`)."""

_CELL_MAGIC = re.compile(r"\A(?:[ \t]*\n)*[ \t]*%%(?P<name>[\w.!]*)(?P<rest>[^\n]*)(?P<body>(?:\n.*)?)\Z", re.DOTALL)
_LINE_MAGIC = re.compile(r"[ \t]*(?:%(?!%)|!|\?|,|;|/)")
_NAMED_MAGIC = re.compile(r"(?P<indent>[ \t]*)%(?P<name>[A-Za-z_]\w*)(?P<rest>.*)\Z", re.DOTALL)
_ASSIGNED_MAGIC = re.compile(r"[ \t]*(?:%(?![%=\s])|!(?!=))")
_HELP = re.compile(r"[ \t]*[%\w.*\[\]()'\"]+[ \t]*\?{1,2}[ \t]*\Z")
_PLAIN = re.compile(r"[^'\"#\n()\[\]{}=\\]+")
_STRING = {
    quote: re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL)
    if len(quote) > 1
    else re.compile(rf"(?:\\.|[^\\\n{quote}])*{quote}", re.DOTALL)
    for quote in ("'''", '"""', "'", '"')
}
_REST_OF_LINE = re.compile(r"(?:\\\n|[^\n])*")
"""With the lines that a backslash joins to it."""


def without_magics(source: str) -> tuple[str, tuple[Magic, ...]]:
    """The cell as Python with as many lines, and what was found. Text that is no Python at all stays as it is."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if (found := _CELL_MAGIC.match(source)) is not None:
        line = source[: found.start("name")].count("\n") + 1
        text = f"%%{found['name']}{found['rest']}"
        above = "\n" * (line - 1)
        if found["name"] not in PYTHON_CELL_MAGICS:
            blank = "\n" * found["body"].count("\n")
            return above + blank, (Magic(kind=MagicKind.CELL, line=line, text=text),)
        body, inner = without_magics_in_lines(found["body"])
        below = tuple(Magic(kind=one.kind, line=one.line + line - 1, text=one.text) for one in inner)
        return above + body, (Magic(kind=MagicKind.RUNS_PYTHON, line=line, text=text), *below)
    return without_magics_in_lines(source)


def without_magics_in_lines(source: str) -> tuple[str, tuple[Magic, ...]]:
    """As `without_magics`, for text that is no cell magic."""
    scanner = _Scanner(source)
    return scanner.run(), tuple(scanner.found)


class _Scanner:
    """Goes through the text once, from one thing that matters to the next."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._kept: list[str] = []
        self._copied = 0
        self._at = 0
        self._line_start = 0
        self._depth = 0
        self.found: list[Magic] = []

    def run(self) -> str:
        while self._at < len(self._source):
            if self._depth == 0 and self._at == self._line_start and _LINE_MAGIC.match(self._source, self._at):
                self._take_line()
            else:
                self._step()
        self._end_line()
        self._kept.append(self._source[self._copied :])
        return "".join(self._kept)

    def _step(self) -> None:
        """Over what is plain, or over one string, comment, bracket or line end."""
        source, at = self._source, self._at
        if (plain := _PLAIN.match(source, at)) is not None:
            self._at = plain.end()
            return
        match source[at]:
            case "'" | '"' as quote:
                whole = quote * 3 if source.startswith(quote * 3, at) else quote
                end = _STRING[whole].match(source, at + len(whole))
                # A string that never ends: the rest of the line is no business of ours.
                self._at = end.end() if end is not None else at + len(whole)
            case "#":
                self._at = _end_of_line(source, at)
            case "\n":
                self._end_line()
                self._at = self._line_start = at + 1
            case "(" | "[" | "{":
                self._depth, self._at = self._depth + 1, at + 1
            case ")" | "]" | "}":
                self._depth, self._at = max(0, self._depth - 1), at + 1
            case "\\":
                self._at = min(at + 2, len(source))
            case _:
                self._equals()

    def _equals(self) -> None:
        before = self._source[self._at - 1 : self._at]
        self._at += 1
        is_assignment = self._depth == 0 and before not in {"=", "!", "<", ">", ":"}
        if is_assignment and _ASSIGNED_MAGIC.match(self._source, self._at):
            end = self._end_of_magic()
            text = self._source[self._at : end]
            self._note(MagicKind.ASSIGNED, self._source[self._line_start : end])
            named = _NAMED_MAGIC.match(text)
            is_python = named is not None and named["name"] in PYTHON_LINE_MAGICS
            self._replace(end, named["rest"] if named is not None and is_python else f" {MAGIC_VALUE}")
            if is_python:
                self.found[-1] = Magic(kind=MagicKind.RUNS_PYTHON, line=self.found[-1].line, text=self.found[-1].text)

    def _take_line(self) -> None:
        end = self._end_of_magic()
        text = self._source[self._at : end]
        named = _NAMED_MAGIC.match(text)
        if named is not None and named["name"] in PYTHON_LINE_MAGICS and named["rest"].strip():
            self._note(MagicKind.RUNS_PYTHON, text)
            self._replace(end, named["indent"] + named["rest"].lstrip())
        else:
            self._note(MagicKind.LINE, text)
            indent = text[: len(text) - len(text.lstrip(" \t"))]
            self._replace(end, f"{indent}pass")  # something must stand in a block

    def _end_line(self) -> None:
        """A line that ends with a question mark asks for help."""
        text = self._source[self._line_start : self._at]
        if self._depth == 0 and text.endswith(("?", "? ", "?\t")) and _HELP.match(text):
            end = self._at
            self._at = self._line_start
            self._note(MagicKind.LINE, text)
            indent = text[: len(text) - len(text.lstrip(" \t"))]
            self._replace(end, f"{indent}pass")

    def _end_of_magic(self) -> int:
        rest = _REST_OF_LINE.match(self._source, self._at)
        return rest.end() if rest is not None else len(self._source)

    def _note(self, kind: MagicKind, text: str) -> None:
        line = self._source.count("\n", 0, self._line_start) + 1 if not self.found else self._line_after_last()
        self.found.append(Magic(kind=kind, line=line, text=text.strip()))
        self._noted_at = self._line_start

    def _line_after_last(self) -> int:
        """Counted from the last find, so that a thousand of them cost one pass together."""
        return self.found[-1].line + self._source.count("\n", self._noted_at, self._line_start)

    def _replace(self, end: int, text: str) -> None:
        """Puts text in the place of what lies between here and `end`, with as many lines."""
        missing = self._source.count("\n", self._at, end) - text.count("\n")
        self._kept += [self._source[self._copied : self._at], text, "\n" * missing]
        self._copied = self._at = end


def _end_of_line(source: str, at: int) -> int:
    end = source.find("\n", at)
    return len(source) if end < 0 else end
