"""What is known of stages, as it crosses the wire between services and hub."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.capacity.stage_times import Like, StageTimes
from spawner.stages import Spread, Stage
from studiolo.wire import StageSpread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def known_stages(stages: Mapping[str, float]) -> dict[Stage, float]:
    """Those that this version knows: a row may be of another."""
    names = set(Stage)
    return {Stage(name): seconds for name, seconds in stages.items() if name in names}


def as_spreads(times: StageTimes) -> tuple[StageSpread, ...]:
    """What is known of stages, for the wire."""
    return tuple(
        StageSpread(
            stage=stage.value,
            software=like.software,
            hardware=like.hardware,
            group=like.group,
            usual=spread.usual,
            slow=spread.slow,
            slowest=spread.slowest,
            weight=spread.weight,
        )
        for stage, known in times.known.items()
        for like, spread in known.items()
    )


def from_spreads(told: Iterable[StageSpread]) -> StageTimes:
    """The same, back again; stages of another version are passed over."""
    names = set(Stage)
    known: dict[Stage, dict[Like, Spread]] = defaultdict(dict)
    for one in told:
        if one.stage in names:
            like = Like(software=one.software, hardware=one.hardware, group=one.group)
            spread = Spread(usual=one.usual, slow=one.slow, slowest=one.slowest, weight=one.weight)
            known[Stage(one.stage)][like] = spread
    return StageTimes(known=MappingProxyType(dict(known)))
