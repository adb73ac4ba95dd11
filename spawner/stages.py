"""The parts of a start as they are forecast and measured: finer than the phases that a person sees. Pure.

Times are seconds on one clock of the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.progress import Phase
from spawner.verdicts.outcomes import Running, Waiting, WaitingKind

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(StrEnum):
    """Each takes its own time for its own reason. Kept in the database and told over the wire: names do not change."""

    SCHEDULING = "scheduling"
    """Finding a place that is free."""
    GIVING_WAY = "giving_way"
    """Waiting for what is less urgent to end."""
    NODE = "node"
    """Waiting for a node that an autoscaler brings."""
    CLAIM = "claim"
    """A warm pod becomes the workspace, until its server answers: in place of all that comes before LAB."""
    PULL = "pull"
    """Fetching the image; on one machine, installing the software."""
    CONTAINERS = "containers"
    """The node prepares network, volumes and container."""
    SERVER = "server"
    """The server in it starts, until it answers."""
    LAB = "lab"
    """The hub looks at it and adds the route."""


PHASE_OF: Final[Mapping[Stage, Phase]] = MappingProxyType(
    {
        Stage.SCHEDULING: Phase.ROOM,
        Stage.GIVING_WAY: Phase.ROOM,
        Stage.NODE: Phase.ROOM,
        Stage.CLAIM: Phase.ROOM,
        Stage.PULL: Phase.SOFTWARE,
        Stage.CONTAINERS: Phase.SOFTWARE,
        Stage.SERVER: Phase.SERVER,
        Stage.LAB: Phase.LAB,
    }
)
"""Where on the waiting page the time of a stage is counted."""

LATE_BY: Final = 1.25
"""How much more is expected of a stage that has taken longer than nearly all before it."""

_STAGE_OF: Final[Mapping[WaitingKind, Stage]] = MappingProxyType(
    {
        WaitingKind.PREEMPTION: Stage.GIVING_WAY,
        WaitingKind.AUTOSCALER: Stage.NODE,
        WaitingKind.NODE: Stage.NODE,
        WaitingKind.IMAGE: Stage.PULL,
        WaitingKind.REGISTRY: Stage.PULL,
    }
)


def stage_of(outcome: Waiting | Running) -> Stage:
    """What a start does at this moment."""
    if isinstance(outcome, Running):
        return Stage.SERVER
    usual = Stage.SCHEDULING if outcome.phase is Phase.ROOM else Stage.CONTAINERS
    return _STAGE_OF.get(outcome.kind, usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long a stage took: half of the starts less than `usual`, and so on."""

    usual: float
    """The median."""
    slow: float
    """Three of four took less."""
    slowest: float
    """Nine of ten took less."""
    weight: float = 0.0
    """How many starts say so, counted by their age. 0: none, it is a number from experience."""

    def after(self, elapsed: float) -> float:
        """All that the stage takes, now that it has gone on for so long."""
        return next((known for known in (self.usual, self.slow, self.slowest) if elapsed < known), elapsed * LATE_BY)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageClock:
    """How long each stage of one start took; a stage that comes back goes on where it was."""

    spent: tuple[tuple[Stage, float], ...] = ()
    running: Stage | None = None
    since: float = 0.0

    def enter(self, stage: Stage, now: float) -> StageClock:
        """The start is in that stage from now on."""
        if stage is self.running:
            return self
        return replace(self, spent=tuple(self.measured(now).items()), running=stage, since=now)

    def end(self, now: float) -> StageClock:
        """Nothing runs any more."""
        return replace(self, spent=tuple(self.measured(now).items()), running=None)

    def measured(self, now: float) -> dict[Stage, float]:
        """Seconds of every stage that was come to."""
        spent = dict(self.spent)
        if self.running is not None:
            spent[self.running] = spent.get(self.running, 0.0) + max(0.0, now - self.since)
        return spent
