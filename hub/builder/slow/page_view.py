"""What the page "Models" shows of slow builds, worked out from facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.builder.slow.derived_base import State
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.builder.slow.derived_base import DerivedBase


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLine:
    """A base that is built, or could not be."""

    key: str
    what: str
    environment: str
    state: str
    about: str
    reason: str
    log: str
    is_over: bool


def base_lines(bases: Iterable[DerivedBase], *, about_seconds: float | None, now: datetime) -> tuple[BaseLine, ...]:
    """Those that go on and those that failed. What is ready is seen in packages that stand on it."""
    shown = {State.WAITING, State.BUILDING, State.CHECKING, State.FAILED}
    return tuple(
        BaseLine(
            key=one.key,
            what=", ".join((*one.apt, *(line.partition(" ")[0] for line in one.lock))),
            environment=one.environment,
            state="could not be built" if one.state is State.FAILED else one.phase or str(one.state),
            about="" if one.state is State.FAILED else _about((now - one.asked).total_seconds(), about_seconds),
            reason=one.reason,
            log=one.log,
            is_over=one.state.is_over,
        )
        for one in bases
        if one.state in shown
    )


def _about(passed: float, about_seconds: float | None) -> str:
    since = f"asked for {format_duration(max(1, passed))} ago"
    return since if about_seconds is None else f"{since}, takes about {format_duration(about_seconds)}"
