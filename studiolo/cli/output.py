"""What commands print: results to stdout, as a table or as JSON; everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from studiolo.errors import StudioloError

Command = TypeVar("Command", bound="Callable[..., Any]")

PIPED_WIDTH: Final = 10_000
"""Columns of a table that is not read on a terminal: nothing may be cut off there."""

DEBUG_VARIABLE: Final = "STUDIOLO_DEBUG"
"""Set to anything: a mistake of ours is shown with its traceback."""


def json_option(command: Command) -> Command:
    """Add `--json` to a command, which gets it as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def plain_http_option(command: Command) -> Command:
    """Add `--plain-http` to a command that speaks with registries."""
    help_text = "Speak HTTP without TLS with a registry of this machine or network."
    return click.option("--plain-http", is_flag=True, help=help_text)(command)


def print_json(value: object) -> None:
    """Print a value as JSON; non-ASCII stays readable."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines, so that it can be read and cut. What people typed is never taken for markup."""
    from rich.console import Console  # noqa: PLC0415 - rich takes longer to load than most commands run
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column.upper(), style="bold"))
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


def note(text: str) -> None:
    """Tell the person something that is not the result."""
    click.echo(text, err=True)


def report(error: StudioloError) -> None:
    """The error on one line, with its way out. Only an error that is a list of problems has a line for each."""
    sentence = "\n".join(one_line(line) for line in str(error).splitlines())
    hint = one_line(error.hint)
    separator = "\n" if "\n" in sentence else " "
    note(f"{click.style('Error:', fg='red', bold=True)} {separator.join(filter(None, (sentence, hint)))}")


def report_bug(error: Exception) -> None:
    """Say that the mistake is ours."""
    if os.environ.get(DEBUG_VARIABLE):
        import traceback  # noqa: PLC0415 - only needed here

        traceback.print_exception(error)
    said = one_line(f"{type(error).__name__}: {error}")
    note(
        f"{click.style('Bug:', fg='red', bold=True)} Studiolo made a mistake ({said}). "
        f"Please report it with what {DEBUG_VARIABLE}=1 prints in addition."
    )


def one_line(text: str) -> str:
    """Text that stays on its line and cannot steer the terminal, whoever sent it."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def since(moment: datetime | None, *, now: datetime) -> str:
    """How long ago: "3 min", "2 h", "5 d"; nothing when it is unknown."""
    if moment is None:
        return ""
    seconds = max(0, round((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
