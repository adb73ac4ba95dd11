"""How good forecasts were, day by day, as the bars of a chart on the administrator's page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studiolo.wire import ForecastAccuracy

HEIGHT, BAR, GAP = 80, 12, 4
GOOD = 0.25
"""What half of the forecasts should be within: the line in the chart."""

CLAIMS = "Where a workspace waited already"
MOST = 1.0
"""A day that was wrong by more than all of it has the highest bar there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """One day."""

    x: int
    y: float
    height: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyChart:
    """The chart, and the same in words."""

    words: str
    claims: str
    """The same of starts that were promised a warm pod; "" where none was."""
    bars: tuple[DayBar, ...]
    width: int
    height: int = HEIGHT
    bar: int = BAR
    good_y: float = HEIGHT * (1 - GOOD / MOST)


def accuracy_chart(accuracy: ForecastAccuracy, claims: ForecastAccuracy | None = None) -> AccuracyChart:
    """The days with starts, the oldest first."""
    bars = []
    for number, day in enumerate(accuracy.days):
        height = max(1.0, HEIGHT * min(day.median_error, MOST) / MOST)
        text = f"{day.day:%d %b}: wrong by {day.median_error:.0%} in the median of {_starts(day.starts)}"
        bars.append(DayBar(x=number * (BAR + GAP), y=HEIGHT - height, height=height, text=text))
    words, width = _words(accuracy), max(1, len(bars)) * (BAR + GAP)
    waited = f"{CLAIMS}: {_words(claims)}" if claims is not None and claims.starts else ""
    return AccuracyChart(words=words, claims=waited, bars=tuple(bars), width=width)


def _words(accuracy: ForecastAccuracy) -> str:
    if accuracy.median_error is None or accuracy.within_30_percent is None:
        return "No start was forecast yet."
    return (
        f"Of the last {_starts(accuracy.starts)}, half were forecast to within {accuracy.median_error:.0%}, "
        f"and {accuracy.within_30_percent:.0%} to within 30%."
    )


def _starts(count: int) -> str:
    return "1 start" if count == 1 else f"{count} starts"
