"""A base that a slow build makes, and each step from the wish to the image. Pure.

```
waiting ── begun ──> building ── it ended ──> checking ── as asked ──> ready
   └──────── cancelled, failed: over, and can be asked for again ────────┘
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from hub.builder.slow.recipe import Recipe

JOB_DIGITS: Final = 24
"""Of a key, in the name of its Job: more than enough to tell recipes apart, few enough for the names of pods."""

LONGEST_LOG: Final = 4000
"""Characters of a log's end that are kept."""


class State(StrEnum):
    """As the database, REST and the command line call it."""

    WAITING = "waiting"
    BUILDING = "building"
    CHECKING = "checking"
    """The image is in the registry, and nobody believes it yet."""
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {State.READY, State.FAILED, State.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedBase:
    """One recipe, and what became of it."""

    key: str
    environment: str
    """Of the catalog, as it was called when somebody first asked."""
    base: str
    base_digest: str
    apt: tuple[str, ...]
    lock: tuple[str, ...]
    state: State
    since: datetime
    by: str
    """Who had it built, this time."""
    asked: datetime
    attempt: int = 0
    job: str = ""
    """A Job that may be there; "" where there is none to remove."""
    phase: str = ""
    """What the build does just now, for people; "" before there was a Job."""
    digest: str = ""
    """Of the image; believed only once it is ready."""
    more_bytes: int = 0
    """That it has beyond its base, compressed."""
    seconds: float = 0.0
    """From the wish to the image."""
    reason: str = ""
    """Why it failed, as a sentence."""
    log: str = ""
    """The end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Kubernetes says of a build."""

    is_there: bool = True
    has_ended: bool = False
    digest: str = ""
    """What it pushed; "" where it ended in another way."""
    phase: str = ""
    reason: str = ""
    log: str = ""


def asked(recipe: Recipe, *, environment: str, base_digest: str, by: str, now: datetime) -> DerivedBase:
    """The first wish for a recipe."""
    return DerivedBase(
        key=recipe.key,
        environment=environment,
        base=recipe.base,
        base_digest=base_digest,
        apt=recipe.apt,
        lock=recipe.lock,
        state=State.WAITING,
        since=now,
        by=by,
        asked=now,
    )


def asked_again(base: DerivedBase, *, by: str, now: datetime) -> DerivedBase:
    """Another wish for one that failed or was cancelled. One that goes on, or is ready, is left as it is."""
    if base.state not in {State.FAILED, State.CANCELLED}:
        return base
    return replace(base, state=State.WAITING, since=now, by=by, asked=now, phase="", digest="", reason="", log="")


def begun(base: DerivedBase, *, now: datetime) -> DerivedBase:
    """From here on there may be a Job of this name, whatever happens to this process."""
    attempt = base.attempt + 1
    job = f"base-{base.key[:JOB_DIGITS]}-{attempt}"
    return replace(base, state=State.BUILDING, since=now, attempt=attempt, job=job, phase="")


def after_look(base: DerivedBase, seen: Seen, *, now: datetime) -> DerivedBase:
    """A build after somebody looked at its Job."""
    if not seen.is_there:
        return failed(base, "The build was removed from the cluster before it ended. Ask for it again.", now=now)
    if not seen.has_ended:
        return replace(base, phase=seen.phase)
    if not seen.digest:
        return failed(base, seen.reason, log=seen.log, now=now)
    return replace(base, state=State.CHECKING, since=now, phase="checking the image", digest=seen.digest)


def checked(base: DerivedBase, *, more_bytes: int, now: datetime) -> DerivedBase:
    """It is what was asked for."""
    seconds = (now - base.asked).total_seconds()
    return replace(base, state=State.READY, since=now, phase="", more_bytes=more_bytes, seconds=round(seconds, 1))


def failed(base: DerivedBase, reason: str, *, log: str = "", now: datetime) -> DerivedBase:
    """It is over. An image that was not believed is not remembered."""
    return replace(base, state=State.FAILED, since=now, phase="", digest="", reason=reason, log=log[-LONGEST_LOG:])


def cancelled(base: DerivedBase, *, now: datetime) -> DerivedBase:
    """Nobody wants it any more."""
    return replace(base, state=State.CANCELLED, since=now, phase="", digest="", reason="", log="")


def begins_now(waiting: Collection[DerivedBase], going_on: int, *, at_once: int) -> tuple[str, ...]:
    """Keys of those that may begin: who asked first, and of those with none before them whose turn it is.

    One person who asks for ten does not hold up another who asks for one.
    """
    turns: dict[str, int] = {}
    order: list[tuple[int, datetime, str]] = []
    for one in sorted(waiting, key=lambda one: (one.asked, one.key)):
        turns[one.by] = turns.get(one.by, 0) + 1
        order.append((turns[one.by], one.asked, one.key))
    return tuple(key for _, _, key in sorted(order)[: max(0, at_once - going_on)])


def about_seconds(earlier: Collection[float]) -> float | None:
    """How long a build takes, by those before; None where there were none."""
    return median(earlier) if earlier else None


def must_wait(began: Collection[datetime], *, per_day: int, now: datetime, day: timedelta) -> timedelta | None:
    """How long somebody has to wait before they may ask for another build; None where they need not."""
    recent = sorted(one for one in began if now - one < day)
    return day - (now - recent[-per_day]) if len(recent) >= per_day else None
