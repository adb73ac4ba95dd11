"""When the home of a deleted account is put aside, and what becomes of a try. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

if TYPE_CHECKING:
    from studiolo.wire import HomeStep

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""Between tries: doubled each time, so that a disk that is away for a night is asked a dozen times."""


class State(StrEnum):
    """What is known of one deletion, as the database and the command line call it."""

    WAITING = "waiting"
    """The home lies where it lay; the person may come back."""
    ARCHIVING = "archiving"
    """It may have been put aside already: this is asked for until there is an answer."""
    ARCHIVED = "archived"
    RESTORED = "restored"
    CANCELLED = "cancelled"
    """The person came back in time, or there was nothing to put aside."""
    FAILED = "failed"
    """It did not work, and is tried again."""
    NOT_POSSIBLE = "not-possible"
    """Nobody here can; looked at again, for that may change."""


class Step(StrEnum):
    """What the loop does with a deletion now."""

    WAIT = "wait"
    BEGIN = "begin"
    """Ask whether the account is still gone, and give what will be put aside its name."""
    PUT_ASIDE = "put aside"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One deletion of an account, and where its home is since."""

    id: int
    user: str
    home: str
    state: State
    since: datetime
    """When it came into this state."""
    due: datetime
    archived: str = ""
    """What the home is called among those put aside; "" before that begins."""
    reason: str = ""
    """Why it is so, for people; "" where the state says it."""
    tries: int = 0
    next_try: datetime | None = None


def next_step(archive: Archive, *, now: datetime) -> Step:
    """What is to be done with it now."""
    match archive.state:
        case State.WAITING:
            return Step.BEGIN if now >= archive.due else Step.WAIT
        case State.ARCHIVING:
            return Step.PUT_ASIDE
        case State.FAILED | State.NOT_POSSIBLE:
            return Step.PUT_ASIDE if archive.next_try is None or now >= archive.next_try else Step.WAIT
        case State.ARCHIVED | State.RESTORED | State.CANCELLED:
            return Step.OVER


def begun(archive: Archive, *, name: str, now: datetime) -> Archive:
    """From here on the home may be put aside under this name, whatever happens to this process."""
    return replace(archive, state=State.ARCHIVING, archived=name, since=now)


def kept(archive: Archive, *, now: datetime) -> Archive:
    """The account is there again, so the home stays."""
    return replace(archive, state=State.CANCELLED, since=now, reason="The account is there again and has the home.")


def after_try(archive: Archive, step: HomeStep, *, now: datetime) -> Archive:
    """What becomes of it once the hub has answered."""
    match step.outcome:
        case "done":
            return replace(archive, state=State.ARCHIVED, since=now, reason=step.reason, next_try=None)
        case "account":
            return kept(archive, now=now)
        case "no-home":
            reason = "There was no home: no workspace was ever started."
            return replace(archive, state=State.CANCELLED, since=now, reason=reason, next_try=None)
        case "not-possible":
            return _again(archive, State.NOT_POSSIBLE, step.reason, LONGEST_PAUSE, now)
        case "busy" | "failed" | "no-account":
            pause = min(FIRST_PAUSE * 2 ** min(archive.tries, 10), LONGEST_PAUSE)
            return _again(archive, State.FAILED, step.reason, pause, now)
    assert_never(step.outcome)


def restored(archive: Archive, *, reason: str, now: datetime) -> Archive:
    """The home is where it was."""
    return replace(archive, state=State.RESTORED, since=now, reason=reason)


def deleted_again(archive: Archive, *, due: datetime, now: datetime) -> Archive:
    """An older deletion that was not over when the same name was deleted once more.

    One that has begun keeps its name, for it may have been done, and is asked for when the newer one is due: what
    came after it has its time too.
    """
    if archive.state is State.WAITING:
        return replace(archive, due=due, since=now)
    state = State.FAILED if archive.state is State.ARCHIVING else archive.state
    return replace(archive, state=state, next_try=due)


def _again(archive: Archive, state: State, reason: str, pause: timedelta, now: datetime) -> Archive:
    since = archive.since if archive.state is state else now
    return replace(archive, state=state, since=since, reason=reason, tries=archive.tries + 1, next_try=now + pause)
