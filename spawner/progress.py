"""How far a start has come: its phases, what each took, and what is left, as plain values.

Times are seconds on one clock of the caller's; the same `StartProgress` and the same `now` give the same answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOG_LINES = 200
"""Lines kept behind "details": enough to read what happened, small enough to send with every event."""

NEARLY_DONE = 0.99
"""The most a start shows before it is ready: a full bar in front of a page that does not open is a lie."""

MINUTE = 60
PRECISE_BELOW = 10
"""Tenths of a second are told below this many seconds."""


class Phase(StrEnum):
    """The parts of a start, in their order."""

    ROOM = "room"
    SOFTWARE = "software"
    SERVER = "server"
    LAB = "lab"


class PhaseState(StrEnum):
    """Where one phase stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


PHASE_TITLES: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.ROOM: "Room found",
        Phase.SOFTWARE: "Software is ready",
        Phase.SERVER: "Server starts",
        Phase.LAB: "JupyterLab opens",
    }
)
"""What each phase is called where its state does not matter (tables, metrics)."""

_TITLES: Mapping[Phase, Mapping[PhaseState, str]] = MappingProxyType(
    {
        Phase.ROOM: {
            PhaseState.WAITING: "Find room",
            PhaseState.RUNNING: "Looking for room",
            PhaseState.DONE: "Room found",
            PhaseState.FAILED: "No room found",
        },
        Phase.SOFTWARE: {
            PhaseState.WAITING: "Software",
            PhaseState.RUNNING: "Installing software",
            PhaseState.DONE: "Software is ready",
            PhaseState.FAILED: "Software could not be installed",
        },
        Phase.SERVER: {
            PhaseState.WAITING: "Server starts",
            PhaseState.RUNNING: "Server starts",
            PhaseState.DONE: "Server has started",
            PhaseState.FAILED: "Server did not start",
        },
        Phase.LAB: {
            PhaseState.WAITING: "JupyterLab opens",
            PhaseState.RUNNING: "JupyterLab opens",
            PhaseState.DONE: "JupyterLab is open",
            PhaseState.FAILED: "JupyterLab did not open",
        },
    }
)

_TYPICAL_SECONDS: Mapping[Phase, float] = MappingProxyType(
    {Phase.ROOM: 0.1, Phase.SOFTWARE: 0.5, Phase.SERVER: 1.5, Phase.LAB: 0.5}
)
"""Shares of the bar where nothing was measured yet. They are never shown as an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseProgress:
    """One phase of one start."""

    phase: Phase
    state: PhaseState = PhaseState.WAITING
    started: float | None = None
    seconds: float | None = None
    """What it took; None until it is done or has failed."""
    expected_seconds: float | None = None
    """What it took before, for the same environment; None when nobody knows."""
    detail: str = ""
    """What it does at this moment: "34 of 92 packages, 120 MB"."""

    @property
    def title(self) -> str:
        """What the phase is called in its present state."""
        return _TITLES[self.phase][self.state]

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state in {PhaseState.DONE, PhaseState.FAILED}

    def elapsed(self, now: float) -> float:
        """Seconds spent in it until now; 0 while it waits, and never negative when a clock was set back."""
        if self.seconds is not None:
            return self.seconds
        return 0.0 if self.started is None else max(0.0, now - self.started)

    def seconds_left(self, now: float) -> float | None:
        """Seconds until it is done, 0 when it is late, None when nobody knows."""
        if self.state is PhaseState.DONE:
            return 0.0
        if self.expected_seconds is None:
            return None
        return max(0.0, self.expected_seconds - self.elapsed(now))

    @property
    def weight(self) -> float:
        """Its share of the bar, in seconds."""
        return _TYPICAL_SECONDS[self.phase] if self.expected_seconds is None else self.expected_seconds

    def fraction(self, now: float) -> float:
        """How much of it is done: in step with time at first, then ever slower, never 1 before it is done."""
        if self.state is PhaseState.DONE:
            return 1.0
        if self.weight <= 0:
            return 0.0
        share = self.elapsed(now) / self.weight
        in_step = 0.8
        if share <= in_step:
            return share
        return 1 - (1 - in_step) * math.exp(-(share - in_step) / (1 - in_step))


def _all_phases() -> tuple[PhaseProgress, ...]:
    return tuple(PhaseProgress(phase=phase) for phase in Phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProgress:
    """One start: where it is, what it took so far, what it said."""

    phases: tuple[PhaseProgress, ...] = field(default_factory=_all_phases)
    log: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """What the person should know of this start though it goes on: whole sentences."""
    floor: float = 0.0
    """What the bar has already shown: a new estimate may slow it down and never takes it back."""

    @classmethod
    def expecting(cls, seconds: Mapping[Phase, float]) -> StartProgress:
        """A start that has not begun, with what earlier starts of the same environment took."""
        return cls(
            phases=tuple(PhaseProgress(phase=phase, expected_seconds=_sane(seconds.get(phase))) for phase in Phase)
        )

    def of(self, phase: Phase) -> PhaseProgress:
        """One of its phases."""
        return next(entry for entry in self.phases if entry.phase is phase)

    def begin(self, phase: Phase, now: float) -> StartProgress:
        """The phase runs from now on. A phase that runs or is over stays as it is."""

        def begun(entry: PhaseProgress) -> PhaseProgress:
            if entry.state is not PhaseState.WAITING:
                return entry
            return replace(entry, state=PhaseState.RUNNING, started=now)

        return self._with(phase, begun)

    def finish(self, phase: Phase, now: float) -> StartProgress:
        """The phase is done; one that never ran took no time."""
        return self._end(phase, PhaseState.DONE, now)

    def fail(self, phase: Phase, now: float) -> StartProgress:
        """The phase failed, and the start with it."""
        return self._end(phase, PhaseState.FAILED, now)

    def detail(self, phase: Phase, text: str) -> StartProgress:
        """What the phase does at this moment, on one line."""
        return self._with(phase, lambda entry: replace(entry, detail=" ".join(text.split())))

    def expect(self, phase: Phase, seconds: float | None, now: float) -> StartProgress:
        """A better estimate of all that the phase takes; the bar does not go backwards for it."""
        floor = self.fraction(now)
        changed = self._with(phase, lambda entry: replace(entry, expected_seconds=_sane(seconds)))
        return replace(changed, floor=floor)

    def printed(self, lines: Sequence[str]) -> StartProgress:
        """What stands behind "details" from now on; the oldest lines go when there are too many."""
        return replace(self, log=tuple(lines)[-LOG_LINES:])

    def noticing(self, *sentences: str) -> StartProgress:
        """What the person is told besides, in addition to what they were told."""
        return replace(self, notices=tuple(dict.fromkeys((*self.notices, *sentences))))

    @property
    def is_done(self) -> bool:
        """Whether every phase is done."""
        return all(entry.state is PhaseState.DONE for entry in self.phases)

    @property
    def failed_phase(self) -> PhaseProgress | None:
        """The phase that failed, if one did."""
        return next((entry for entry in self.phases if entry.state is PhaseState.FAILED), None)

    def fraction(self, now: float) -> float:
        """How much of the start is done: weighted by expected seconds, never backwards, 1 only when it is done."""
        if self.is_done:
            return 1.0
        total = sum(entry.weight for entry in self.phases)
        done = sum(entry.weight * entry.fraction(now) for entry in self.phases)
        reached = done / total if total > 0 else 0.0
        return min(NEARLY_DONE, max(self.floor, reached))

    def seconds_left(self, now: float) -> float | None:
        """Seconds until it is ready; None when a phase to come has no estimate, or the start has failed."""
        if self.failed_phase is not None:
            return None
        left = [entry.seconds_left(now) for entry in self.phases]
        known = [seconds for seconds in left if seconds is not None]
        return sum(known) if len(known) == len(left) else None

    def message(self, now: float) -> str:
        """What happens at this moment, as one line for a person."""
        spent = format_seconds(sum(entry.elapsed(now) for entry in self.phases))
        failed = self.failed_phase
        if failed is not None:
            return f"{failed.title}, after {spent}"
        if self.is_done:
            return f"Your workspace is ready, after {spent}"
        running = next((entry for entry in self.phases if entry.state is PhaseState.RUNNING), None)
        if running is not None:
            return f"{running.title}: {running.detail or _against_expectation(running, now)}"
        done = [entry for entry in self.phases if entry.state is PhaseState.DONE]
        return done[-1].title if done else "Your workspace is about to start"

    def as_event(self, now: float) -> dict[str, Any]:
        """The start as JSON: what the event stream and the waiting page read."""
        left = self.seconds_left(now)
        return {
            "progress": int(self.fraction(now) * 100),
            "message": self.message(now),
            "phases": [
                {
                    "phase": entry.phase.value,
                    "title": entry.title,
                    "state": entry.state.value,
                    "seconds": None if entry.state is PhaseState.WAITING else round(entry.elapsed(now), 2),
                    "expected_seconds": _rounded(entry.expected_seconds),
                    "detail": entry.detail,
                }
                for entry in self.phases
            ],
            "seconds_left": _rounded(left),
            "log": list(self.log),
            **({"notices": list(self.notices)} if self.notices else {}),
        }

    def measured_seconds(self) -> dict[Phase, float]:
        """What each phase that is done took: what the next start of this environment expects."""
        return {
            entry.phase: entry.seconds
            for entry in self.phases
            if entry.state is PhaseState.DONE and entry.seconds is not None
        }

    def spent_seconds(self) -> dict[Phase, float]:
        """What each phase that is over took, failed ones included; one that was passed over is not in it."""
        return {
            entry.phase: entry.seconds
            for entry in self.phases
            if entry.is_over and entry.started is not None and entry.seconds is not None
        }

    def _end(self, phase: Phase, state: PhaseState, now: float) -> StartProgress:
        def ended(entry: PhaseProgress) -> PhaseProgress:
            return entry if entry.is_over else replace(entry, state=state, seconds=entry.elapsed(now))

        return self._with(phase, ended)

    def _with(self, phase: Phase, change: Callable[[PhaseProgress], PhaseProgress]) -> StartProgress:
        return replace(self, phases=tuple(change(entry) if entry.phase is phase else entry for entry in self.phases))


def format_seconds(seconds: float) -> str:
    """Seconds for people who wait: "0.8 s", "34 s", "3 min 10 s"."""
    if seconds < PRECISE_BELOW:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    minutes, rest = divmod(whole, MINUTE)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _against_expectation(entry: PhaseProgress, now: float) -> str:
    elapsed = entry.elapsed(now)
    if entry.expected_seconds is None:
        return f"{format_seconds(elapsed)}, no estimate yet"
    if elapsed <= entry.expected_seconds:
        return f"{format_seconds(elapsed)} of about {format_seconds(entry.expected_seconds)}"
    return f"{format_seconds(elapsed)}, longer than the usual {format_seconds(entry.expected_seconds)}"


def _sane(seconds: float | None) -> float | None:
    """An estimate that can be used: what comes from a service may be anything."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return float(seconds)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
