"""How long each stage of a start takes, by what was measured, most like the start in question first. Pure.

What was measured long ago counts less; where nothing like it was ever measured, wider and wider groups of starts speak,
and last of all a number from experience.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.stages import Spread, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

HALF_LIFE: Final = timedelta(days=14)
"""After two weeks a start counts half: a registry that became faster is believed within days, and one quiet week does
not make everything unknown."""

ENOUGH: Final = 3.0
"""Starts, counted by their age, from which on a narrow group is believed before a wider one."""

QUARTILES: Final = (0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """What a start has in common with others; "" where it does not matter."""

    software: str = ""
    """An image or a lock's digest, or the name of an environment."""
    hardware: str = ""
    group: str = ""
    """The sort of node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One start that became ready."""

    at: datetime
    environment: str
    digest: str
    hardware: str
    group: str
    stages: Mapping[Stage, float]


PRIORS: Final[Mapping[Stage, Spread]] = MappingProxyType(
    {
        Stage.SCHEDULING: Spread(usual=0.5, slow=1, slowest=3),
        Stage.GIVING_WAY: Spread(usual=2, slow=4, slowest=10),
        Stage.NODE: Spread(usual=240, slow=360, slowest=600),
        Stage.CLAIM: Spread(usual=0.5, slow=1, slowest=3),
        Stage.PULL: Spread(usual=90, slow=180, slowest=420),
        Stage.CONTAINERS: Spread(usual=1, slow=2, slowest=5),
        Stage.SERVER: Spread(usual=2.5, slow=4, slowest=8),
        Stage.LAB: Spread(usual=0.3, slow=0.6, slowest=2),
    }
)
"""Before there is any history: what others measured of clusters like these. Any start of ours counts more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Everything that is known of earlier starts, summed up."""

    known: Mapping[Stage, Mapping[Like, Spread]] = field(default_factory=lambda: MappingProxyType({}))
    _answers: dict[tuple[str, ...], Spread] = field(default_factory=dict, compare=False, repr=False)
    """What was asked before: a page asks for hundreds of choices, and the next page for the same."""

    def of(self, stage: Stage, *, digest: str, environment: str, hardware: str, groups: Sequence[str] = ()) -> Spread:
        """How long it takes, by those most like it of whom there are enough; `groups`: where it may go."""
        group = groups[0] if len(groups) == 1 else ""
        asked = (stage, digest, environment, hardware, group)
        if (found := self._answers.get(asked)) is None:
            found = self._answers[asked] = self._of(stage, (digest, environment), hardware, group)
        return found

    def _of(self, stage: Stage, software: tuple[str, str], hardware: str, group: str) -> Spread:
        known = self.known.get(stage, {})
        few: Spread | None = None
        for like in _from_narrow_to_wide(stage, software, hardware, group):
            found = known.get(like)
            if found is not None and found.weight >= ENOUGH:
                return found
            few = few or found
        return few or PRIORS[stage]

    def has_measured(self, stage: Stage, *, hardware: str) -> bool:
        """Whether a start on that hardware ever came to that stage."""
        return Like(hardware=hardware) in self.known.get(stage, {})


def lesson_of(stages: Mapping[Stage, float], *, is_claimed: bool) -> dict[Stage, float]:
    """What one start says of how long stages take.

    Where a warm pod became the workspace, all before LAB was the claim: nothing in it is what a normal start does. A
    claim that came to nothing says not how long one takes.
    """
    if not is_claimed:
        return {stage: seconds for stage, seconds in stages.items() if stage is not Stage.CLAIM}
    before = sum(seconds for stage, seconds in stages.items() if stage is not Stage.LAB)
    return {Stage.CLAIM: before} | {stage: seconds for stage, seconds in stages.items() if stage is Stage.LAB}


def sum_up(starts: Iterable[Measured], *, now: datetime) -> StageTimes:
    """What is known after these starts."""
    samples: dict[tuple[Stage, Like], list[tuple[float, float]]] = defaultdict(list)
    for start in starts:
        weight = 0.5 ** (max(timedelta(0), now - start.at) / HALF_LIFE)
        for stage, seconds in start.stages.items():
            likes = _from_narrow_to_wide(stage, (start.digest, start.environment), start.hardware, start.group)
            for like in set(likes):
                samples[stage, like].append((seconds, weight))
    known: dict[Stage, dict[Like, Spread]] = defaultdict(dict)
    for (stage, like), found in samples.items():
        known[stage][like] = spread_of(found)
    return StageTimes(known=MappingProxyType(dict(known)))


def spread_of(samples: Sequence[tuple[float, float]]) -> Spread:
    """The quartiles of seconds with their weights; there is at least one."""
    ordered = sorted(samples)
    total = sum(weight for _, weight in ordered)
    places, passed = [], 0.0
    for seconds, weight in ordered:
        places.append(((passed + weight / 2) / total, seconds))
        passed += weight
    usual, slow, slowest = (_between(places, share) for share in QUARTILES)
    return Spread(usual=round(usual, 3), slow=round(slow, 3), slowest=round(slowest, 3), weight=round(total, 3))


def _between(places: Sequence[tuple[float, float]], share: float) -> float:
    if share <= places[0][0]:
        return places[0][1]
    for (low, seconds), (high, more) in pairwise(places):
        if share <= high:
            return seconds + (more - seconds) * (share - low) / (high - low)
    return places[-1][1]


def _from_narrow_to_wide(stage: Stage, software: tuple[str, str], hardware: str, group: str) -> Iterator[Like]:
    if stage in {Stage.SCHEDULING, Stage.GIVING_WAY, Stage.NODE}:  # where it goes, whatever then runs there
        yield Like(hardware=hardware, group=group)
        yield Like(hardware=hardware)
        yield Like(group=group)
    else:
        for name in software:
            yield Like(software=name, hardware=hardware, group=group)
            yield Like(software=name, hardware=hardware)
            yield Like(software=name)
        yield Like(hardware=hardware)
    yield Like()
