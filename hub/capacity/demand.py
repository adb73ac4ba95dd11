"""How many starts to expect at this hour, of what started at the same hour of earlier weeks. Pure.

An exponentially weighted rate: each week back counts half as much as the one after it. A week in which nothing started
counts, too; weeks before the first start that is known do not.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

WEEK: Final = timedelta(weeks=1)
WEEKS: Final = 6
"""The seventh would count for less than a hundredth."""

AROUND: Final = timedelta(minutes=30)
"""Starts so long before and after the same moment count: an hour in all."""

WEIGHT: Final = 0.5

LATELY: Final = timedelta(hours=2)
"""What was started so lately is likely to be started again, whatever earlier weeks say."""

SERVED: Final = 0.9
"""The share of such moments in which nobody has to wait."""


def starts_per_hour(starts: Collection[datetime], *, now: datetime) -> float:
    """The rate to expect at this moment of the week."""
    if not starts:
        return 0.0
    first = min(starts)
    counted = weights = 0.0
    for week in range(1, WEEKS + 1):
        moment = now - week * WEEK
        if moment + AROUND < first:
            break
        weight = WEIGHT**week
        weights += weight
        counted += weight * sum(1 for start in starts if abs(start - moment) <= AROUND)
    hours = 2 * AROUND / timedelta(hours=1)
    return counted / weights / hours if weights else 0.0


def starts_lately(starts: Collection[datetime], *, now: datetime) -> float:
    """The rate of the last two hours. It is what a new installation, or a new environment, is known by."""
    return sum(1 for start in starts if timedelta() <= now - start <= LATELY) / (LATELY / timedelta(hours=1))


def slots_for(rate_per_hour: float, *, refill: timedelta) -> int:
    """The least number of slots with which a start finds one nine times in ten, while taken ones need `refill`.

    Starts are taken to come one by one and independently of each other (Poisson).
    """
    expected = rate_per_hour * (refill / timedelta(hours=1))
    if expected <= 0:
        return 0
    slots, share, so_far = 0, math.exp(-expected), math.exp(-expected)
    while so_far < SERVED and slots < math.ceil(4 * expected) + 4:
        slots += 1
        share *= expected / slots
        so_far += share
    return slots
