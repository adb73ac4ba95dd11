"""The administrator sees how good forecasts were, as bars and in words."""

from __future__ import annotations

from datetime import date

from hub.pages.accuracy_chart import HEIGHT, accuracy_chart
from studiolo.wire import AccuracyOfDay, ForecastAccuracy


def day(number: int, error: float, *, starts: int = 2) -> AccuracyOfDay:
    return AccuracyOfDay(
        day=date(2026, 11, number), starts=starts, median_error=error, within_30_percent=float(error <= 0.3)
    )


def test_before_the_first_forecast_there_is_no_chart() -> None:
    chart = accuracy_chart(ForecastAccuracy())
    assert (chart.words, chart.bars) == ("No start was forecast yet.", ())


def test_each_day_is_a_bar_as_high_as_its_forecasts_were_wrong() -> None:
    days = (day(25, 0.0), day(26, 0.25, starts=1), day(27, 4.0))
    chart = accuracy_chart(ForecastAccuracy(starts=5, median_error=0.25, within_30_percent=0.6, days=days))
    assert chart.words == "Of the last 5 starts, half were forecast to within 25%, and 60% to within 30%."
    assert [bar.height for bar in chart.bars] == [1, HEIGHT / 4, HEIGHT]
    assert all(bar.y + bar.height == HEIGHT for bar in chart.bars)
    assert chart.bars[1].text == "26 Nov: wrong by 25% in the median of 1 start"
    assert chart.good_y == chart.bars[1].y
