"""How a workspace ended, and the sentence that says so."""

from __future__ import annotations

import json
import signal as signals
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from studiolo.quantities import format_memory

TAIL_LINES = 40
"""Last lines of the log kept with the ending: what a page shows without opening the log."""

TAIL_LINE_LENGTH = 500
"""One line of a progress bar can be a megabyte."""


class EndingKind(StrEnum):
    """The ways a workspace ends."""

    EXITED = "exited"
    """The server ended by itself."""
    SIGNALLED = "signalled"
    """A signal that was not ours ended it."""
    OUT_OF_MEMORY = "out_of_memory"
    """It reached its limit and was ended for it."""
    STOPPED = "stopped"
    """Somebody asked for it."""
    IDLE = "idle"
    """Nobody used it for as long as its hardware allows; `why` says how long that is."""
    TOO_OLD = "too_old"
    """It ran for as long as its hardware allows; `why` says how long that is."""
    LOST = "lost"
    """It is gone and nobody saw how: the machine went down, or the keeper was killed."""
    FAILED_TO_START = "failed_to_start"
    """The process could not be made at all."""
    CUT_OFF = "cut_off"
    """The hub ended while it started, and the start could not go on in the next one."""
    TAKEN_AWAY = "taken_away"
    """The cluster ended it, for a reason of its own; `why` says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one workspace ended."""

    kind: EndingKind
    ended_at: datetime
    exit_code: int | None = None
    signal: int | None = None
    peak_bytes: int | None = None
    """The most memory its processes used together."""
    limit_bytes: int | None = None
    why: str = ""
    """A plain sentence, where the kind alone does not say enough."""
    log_tail: tuple[str, ...] = ()


ASKED_FOR = frozenset({EndingKind.STOPPED, EndingKind.IDLE, EndingKind.TOO_OLD})
"""Ends that somebody wanted, a person or the rules of the place: no trouble."""

_SENTENCES = MappingProxyType(
    {
        EndingKind.STOPPED: "It was stopped.",
        EndingKind.IDLE: "It was stopped because nobody used it.",
        EndingKind.TOO_OLD: "It was stopped because it had run for as long as it may.",
        EndingKind.TAKEN_AWAY: "The cluster ended it.",
        EndingKind.LOST: "It is gone, and nothing saw how it ended: the machine may have been restarted.",
        EndingKind.CUT_OFF: "Studiolo was restarted while it started. Start it again.",
        EndingKind.FAILED_TO_START: "Its server could not be started.",
    }
)


def describe_ending(ending: Ending) -> str:
    """One plain sentence: how it ended."""
    match ending.kind:
        case EndingKind.EXITED:
            return _describe_exit(ending.exit_code)
        case EndingKind.SIGNALLED:
            return f"It was killed by {_signal_name(ending.signal)}."
        case EndingKind.OUT_OF_MEMORY:
            return _describe_out_of_memory(ending)
        case kind:
            return ending.why or _SENTENCES[kind]


def tail(lines: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """The last lines of a log, as many and as long as an ending keeps."""
    return tuple(line[:TAIL_LINE_LENGTH] for line in lines[-TAIL_LINES:])


def to_json(ending: Ending) -> str:
    """The ending as the keeper writes it to `ended.json`."""
    return json.dumps(
        {
            "kind": ending.kind.value,
            "ended_at": ending.ended_at.astimezone(UTC).isoformat(),
            "exit_code": ending.exit_code,
            "signal": ending.signal,
            "peak_bytes": ending.peak_bytes,
            "limit_bytes": ending.limit_bytes,
            "why": ending.why,
            "log_tail": list(tail(ending.log_tail)),
        }
    )


def from_json(text: str | bytes) -> Ending | None:
    """The ending in `ended.json`; None for anything that is not one (half written, by another version, by hand)."""
    try:
        raw = json.loads(text)
        return Ending(
            kind=EndingKind(raw["kind"]),
            ended_at=_moment(raw["ended_at"]),
            exit_code=_whole_number(raw.get("exit_code")),
            signal=_whole_number(raw.get("signal")),
            peak_bytes=_whole_number(raw.get("peak_bytes")),
            limit_bytes=_whole_number(raw.get("limit_bytes")),
            why=_lines([raw.get("why", "")])[0],
            log_tail=_lines(raw.get("log_tail", [])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _describe_exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "It ended by itself."
    if exit_code == 0:
        return "It ended by itself, without an error."
    return f"It ended by itself with exit code {exit_code}."


def _describe_out_of_memory(ending: Ending) -> str:
    limit = "its memory" if ending.limit_bytes is None else f"its {format_memory(ending.limit_bytes)} of memory"
    peak = "" if ending.peak_bytes is None else f" (peak {format_memory(ending.peak_bytes)})"
    return f"It used all of {limit} and was stopped{peak}."


def _signal_name(number: int | None) -> str:
    if number is None:
        return "a signal"
    try:
        return f"signal {number} ({signals.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


def _whole_number(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _lines(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise TypeError("not a list of lines")
    return tail(value)
