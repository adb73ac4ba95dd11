"""A start as a person sees it in the terminal: its phases, what each took or is expected to take, and what goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from studiolo.cli.output import one_line
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import RenderableType

    from studiolo.wire import PhaseView, ProgressEvent

_MARKS: Final = {"done": ("✓", "green"), "running": ("…", "cyan"), "failed": ("✗", "red")}
_WAITING: Final = ("·", "dim")

REFRESHES_PER_SECOND: Final = 4
"""Often enough that seconds are seen to pass."""


class StartDisplay:
    """Shows a start while it goes on: drawn over itself on a terminal, else one line for each change.

    Use it in `with`; everything goes to stderr, for stdout holds the result.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds: what passes between two events is counted here."""
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._event: ProgressEvent | None = None
        self._received = 0.0
        self._said: set[str] = set()
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=False,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: ProgressEvent) -> None:
        """Take the next event. The last one of the hub knows no phases: then all that were seen are done."""
        if event.is_last and not event.phases and self._event is not None:
            state = "done" if event.ready else "failed"
            ended = tuple(
                phase.model_copy(update={"state": state}) if phase.state == "running" else phase
                for phase in self._event.phases
            )
            event = event.model_copy(update={"phases": ended, "notices": event.notices or self._event.notices})
        self._event, self._received = event, self._clock()
        if self._console.is_terminal:
            return
        for line in self._changes(event):
            if line not in self._said:
                self._said.add(line)
                self._console.print(Text(line), soft_wrap=True)

    def _changes(self, event: ProgressEvent) -> list[str]:
        if not event.phases:
            return [] if event.is_last else [one_line(event.message)]
        return [
            f"{phase.title or phase.phase}: {phase.state}" + (f" ({_took(phase)})" if phase.state == "done" else "")
            for phase in event.phases
            if phase.state != "waiting"
        ] + [one_line(notice) for notice in event.notices]

    def _draw(self) -> RenderableType:
        event = self._event
        if event is None:
            return Text("Asking the hub …", style="dim")
        passed = self._clock() - self._received
        if not event.phases:
            return Text(one_line(event.message), style="dim")
        phases = Table.grid(padding=(0, 2))
        for _ in range(3):
            phases.add_column(no_wrap=True)
        phases.add_column(no_wrap=True, overflow="ellipsis")
        for phase in event.phases:
            mark, style = _MARKS.get(phase.state, _WAITING)
            phases.add_row(
                Text(mark, style=style),
                Text(one_line(phase.title or phase.phase)),
                Text(_took(phase, passed if phase.state == "running" else 0.0), style="dim"),
                Text("" if phase.state == "done" else one_line(phase.detail), style="dim"),
            )
        notices = [Text(one_line(notice), style="yellow") for notice in event.notices]
        if event.seconds_left is None or event.is_last:
            return Group(phases, *notices) if notices else phases
        left = max(0.0, event.seconds_left - passed)
        return Group(phases, *notices, Text(f"about {format_duration(left)} left", style="dim"))


def _took(phase: PhaseView, passed: float = 0.0) -> str:
    """What a phase took, takes, or is expected to take: "3 s", "12 s of about 40 s", "about 5 s"."""
    expected = None if phase.expected_seconds is None else f"about {format_duration(phase.expected_seconds)}"
    if phase.seconds is None:
        return expected or ""
    taken = format_duration(phase.seconds + passed)
    return f"{taken} of {expected}" if expected and phase.state == "running" else taken
