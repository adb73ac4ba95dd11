"""What the waiting pages show: a start by its phases, and a stop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spawner.progress import PhaseState, format_seconds
from studiolo.names import shown_name
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from spawner.progress import PhaseProgress, StartProgress


SHORTEST = 0.1
"""Seconds that an estimate says at least: "about 0.0 s" is no time. `waiting.js` has the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One phase of the start, with the numbers from which the page goes on counting."""

    phase: str
    title: str
    state: str
    time: str
    detail: str
    seconds: str
    """As a number for the script; "" when nothing is known."""
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """The page of a workspace that starts."""

    heading: str
    subject: str
    left: str
    percent: int
    steps: tuple[Step, ...]
    stop_url: str
    next_url: str
    log_url: str
    """Where the server's own log is; "" for everybody but the owner."""
    log: tuple[str, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingView:
    """The page of a workspace that stops, or that the hub has not looked at yet."""

    heading: str
    lead: str
    stop_url: str = ""
    """Where a start that goes on after a restart can be stopped; "" for everything else."""


def waiting_view(
    progress: StartProgress | None,
    *,
    server: str,
    title: str,
    subject: str,
    now: float,
    stop_url: str,
    next_url: str,
    log_url: str,
) -> WaitingView:
    """The page of a start. `now` is on the clock of `progress`; `log_url` is "" for everybody but the owner."""
    name = title or shown_name(server)
    return WaitingView(
        heading=f"{name} is starting",
        subject=subject,
        left=_left(progress, now),
        percent=int(progress.fraction(now) * 100) if progress else 0,
        steps=tuple(_step(phase, now) for phase in progress.phases) if progress else (),
        stop_url=stop_url,
        next_url=next_url,
        log_url=log_url,
        log=progress.log if progress and log_url else (),
        notices=progress.notices if progress else (),
    )


def stopping_view(*, server: str, title: str) -> PassingView:
    """The page of a workspace that stops."""
    return PassingView(
        heading=f"{title or shown_name(server)} is stopping",
        lead="What was saved stays. You can start it again in a moment.",
    )


def checking_view(*, server: str, title: str, stop_url: str = "") -> PassingView:
    """The page of a workspace after the hub was restarted. `stop_url`: of one whose start goes on, else ""."""
    if stop_url:
        return PassingView(
            heading=f"{title or shown_name(server)} is starting",
            lead="Studiolo was restarted meanwhile. The start goes on where it was.",
            stop_url=stop_url,
        )
    return PassingView(
        heading=f"Looking after {title or shown_name(server)}",
        lead="Studiolo was restarted and looks whether this workspace still runs. Running cells are not disturbed.",
    )


def _left(progress: StartProgress | None, now: float) -> str:
    if progress is None:
        return "about to begin"
    left = progress.seconds_left(now)
    if left is None:
        return progress.message(now)
    return f"about {format_duration(max(1.0, left))} left" if left > 0 else "any moment now"


def _step(phase: PhaseProgress, now: float) -> Step:
    spent = None if phase.state is PhaseState.WAITING else phase.elapsed(now)
    return Step(
        phase=phase.phase.value,
        title=phase.title,
        state=phase.state.value,
        time=_time(phase, spent),
        detail=phase.detail,
        seconds=_number(spent),
        expected=_number(phase.expected_seconds),
    )


def _time(phase: PhaseProgress, spent: float | None) -> str:
    about = phase.expected_seconds and f"about {format_seconds(max(SHORTEST, phase.expected_seconds))}"
    if spent is None:
        return about or ""
    if phase.state is PhaseState.RUNNING and about:
        return f"{format_seconds(spent)} of {about}"
    return format_seconds(spent)


def _number(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
