"""Who holds the one lease of a release, decided on values: a hub that does not hold it touches nothing.

The rules are those of Kubernetes' own controllers (client-go, "leaderelection"). No clock but ours counts: a holder is
dead when *we* have seen its lease unchanged for a whole term, so hubs on nodes with different clocks agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

TERM_SECONDS: Final = 15.0
"""How long others wait, since they last saw a change, before they take the lease of a hub that died."""

RENEW_SECONDS: Final = 2.0
"""Between two renewals, and between two looks of somebody who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """What the API server says."""

    holder: str = ""
    """Nobody, where it is empty: given back."""
    version: str = ""
    """Changes with each renewal, whoever wrote it. Empty: there is no such object yet."""
    transitions: int = 0
    """How often it went from one hub to another."""
    term_seconds: float = TERM_SECONDS
    """The holder's own: it may be of another version of Studiolo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The lease as last seen, and since when it looked so, on our monotonic clock."""

    state: LeaseState = field(default_factory=LeaseState)
    since: float


class Step(Enum):
    """What to do about the lease now."""

    MAKE = auto()
    """There is none: create it as ours."""
    TAKE = auto()
    """It is free, or its holder is dead: write our name, provided that nobody else wrote meanwhile."""
    RENEW = auto()
    """It is ours: say so again."""
    WAIT = auto()
    """A living hub holds it."""


def observe(seen: Seen | None, state: LeaseState, *, now: float) -> Seen:
    """What is known after a look: an unchanged lease keeps the moment since when it has been so."""
    if seen is not None and (seen.state.version, seen.state.holder) == (state.version, state.holder):
        return seen
    return Seen(state=state, since=now)


def choose_step(seen: Seen, *, me: str, now: float) -> Step:
    """What a hub called `me` does about it. Every hub has a name of its own, also after a restart of its pod."""
    state = seen.state
    if not state.version:
        return Step.MAKE
    if state.holder == me:
        return Step.RENEW
    if not state.holder or now - seen.since >= state.term_seconds:
        return Step.TAKE
    return Step.WAIT
