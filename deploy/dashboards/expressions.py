"""How often something happened, asked of Prometheus so that the first time counts too.

`increase` and `rate` see a counter grow between two scrapes. A series that appears with 1, as one does whose labels
are used for the first time, has not grown: its first event would never be seen. And both extrapolate to the edges of
their window, so three events become 3.1, which is more than three.
"""

from __future__ import annotations

from typing import Final

RATE: Final = "$__rate_interval"
"""Grafana's: as wide as the picture needs, and never less than four scrapes."""

BEFORE: Final = "1h"
"""A counter that was not there for so long is a new one, not one that Prometheus could not read for a moment."""


def growth(series: str, window: str) -> str:
    """By how much each counter grew within the window; all that it has where it was not there in the hour before.

    A fraction, for sums of seconds and for buckets.
    """
    is_new = f"{series} unless max_over_time({series}[{BEFORE}] offset {window})"
    return f"({is_new} or increase({series}[{window}]))"


def events(series: str, window: str) -> str:
    """The same as a whole number, of what is counted one by one."""
    return f"round{growth(series, window)}"


def events_since_zero(series: str, *, minutes: int) -> str:
    """How often each counter of ours counted in so many minutes, where it begins with 0 when its process starts.

    All of it, where the process is younger: it may have counted before it was first scraped. A Prometheus that comes
    to an older process takes nothing for new, so that it alerts nobody of last week.
    """
    young = f"time() - process_start_time_seconds < {minutes * 60}"
    return f"round({series} and on (job, instance) ({young}) or increase({series}[{minutes}m]))"


def quantile(share: float, buckets: str, *by: str) -> str:
    """Below which value that share of what happened is; nothing, rather than NaN, where nothing happened."""
    grown = f"sum by ({', '.join(('le', *by))}) {growth(buckets, RATE)}"
    return f"histogram_quantile({share}, {grown}) >= 0"


def mean(name: str, labels: str, by: str) -> str:
    """The mean of a histogram's values; nothing where nothing happened."""
    total, count = (growth(f"{name}_{part}{{{labels}}}", RATE) for part in ("sum", "count"))
    return f"sum by ({by}) {total} / (sum by ({by}) {count} > 0)"
