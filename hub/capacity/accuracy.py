"""How well starts were forecast. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from studiolo.wire import AccuracyOfDay, ForecastAccuracy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

CLOSE: Final = 0.3
"""A forecast that is wrong by no more than this share of the truth was a good one."""

SHORTEST_SECONDS: Final = 1.0
"""A start that took less is measured against this: nobody is told of less than a second."""

DAYS_SHOWN: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was promised of one start that became ready, and what it took."""

    at: datetime
    promised_seconds: float
    seconds: float

    @property
    def error(self) -> float:
        """By how much it was wrong, as a share of the truth."""
        return abs(self.promised_seconds - self.seconds) / max(self.seconds, SHORTEST_SECONDS)


def accuracy_of(starts: Iterable[Told]) -> ForecastAccuracy:
    """How well these starts were forecast."""
    by_day: dict[date, list[float]] = defaultdict(list)
    for start in starts:
        by_day[start.at.date()].append(start.error)
    errors = [error for day in by_day.values() for error in day]
    if not errors:
        return ForecastAccuracy()
    days = [
        AccuracyOfDay(
            day=day, starts=len(found), median_error=round(median(found), 4), within_30_percent=_share_close(found)
        )
        for day, found in sorted(by_day.items())
    ]
    return ForecastAccuracy(
        starts=len(errors),
        median_error=round(median(errors), 4),
        within_30_percent=_share_close(errors),
        days=tuple(days[-DAYS_SHOWN:]),
    )


def _share_close(errors: Sequence[float]) -> float:
    return round(sum(error <= CLOSE for error in errors) / len(errors), 4)
