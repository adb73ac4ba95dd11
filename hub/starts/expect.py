"""How long a start is expected to take, from earlier starts of the same environment."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RECENT_STARTS = 20
"""Enough that one slow start changes nothing, few enough that a faster disk is noticed the same day."""


def expected_seconds(starts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median seconds of each phase over the starts given (those of one environment digest that became ready).

    A phase nobody measured is not in the answer: no estimate is better than a made-up one.
    """
    measured: dict[str, list[float]] = defaultdict(list)
    for phases in starts:
        for phase, seconds in phases.items():
            measured[phase].append(seconds)
    return {phase: round(median(seconds), 3) for phase, seconds in measured.items()}
