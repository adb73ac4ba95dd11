"""What `studiolo up` says while it works: one line per step, one line per event."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from deploy.local.errors import StoppedEarlyError
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator


class Step:
    """One step on the way; `detail` is what there is to say once it is done."""

    def __init__(self) -> None:
        """Starts without a detail."""
        self.detail = ""


class Reporter:
    """Lines for people on a terminal, the same lines plain for a file or a program."""

    def __init__(self, console: Console | None = None) -> None:
        """Without a console: standard output."""
        self._console = console or Console(highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows that something is being done, then that it is, and how long it took."""
        step = Step()
        began = time.monotonic()
        try:
            if self._console.is_terminal:
                with self._console.status(f"{title}…"):
                    yield step
            else:
                yield step
        except StoppedEarlyError:
            raise
        except BaseException:
            self._mark("✗", "red", title)
            raise
        took = time.monotonic() - began
        words = [step.detail, format_duration(took) if took >= 1 else ""]
        self._mark("✓", "green", "  ".join([title.ljust(16), *filter(None, words)]).rstrip())

    def event(self, text: str) -> None:
        """One thing that happened while Studiolo runs."""
        self._line(f"{time.strftime('%H:%M:%S')}  {text}")

    def warning(self, text: str) -> None:
        """Something to know that stops nothing."""
        self._mark("!", "yellow", text)

    def plain(self, text: str = "") -> None:
        """A line as it is."""
        self._line(text)

    def log_tail(self, lines: tuple[str, ...]) -> None:
        """The last lines of a log, set apart."""
        for line in lines:
            self._line(f"    {line}", style="dim")

    def _mark(self, mark: str, colour: str, text: str) -> None:
        self._console.print(mark, style=colour, end=" ", markup=False)
        self._line(text)

    def _line(self, text: str, style: str | None = None) -> None:
        # soft_wrap: a line that a program reads is one line however narrow the terminal is.
        self._console.print(text, style=style, markup=False, emoji=False, soft_wrap=True)
