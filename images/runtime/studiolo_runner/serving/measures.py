"""How much is asked and how long it takes, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

from collections import Counter

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the Prometheus libraries' own."""


class Measures:
    """Counts, in one event loop."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._durations: Counter[tuple[str, float]] = Counter()
        self.in_flight = 0
        self.is_ready = False

    def ended(self, route: str, status: int, seconds: float) -> None:
        """A request to a route (its pattern, never what somebody typed) has its answer."""
        self._requests[route, status] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]  # a Counter sums anything
        for bucket in BUCKETS:
            if seconds <= bucket:
                self._durations[route, bucket] += 1

    def text(self) -> str:
        """All of it."""
        lines = [
            "# HELP model_ready Whether the model can predict.",
            "# TYPE model_ready gauge",
            f"model_ready {int(self.is_ready)}",
            "# HELP model_requests_in_flight Requests that are being answered.",
            "# TYPE model_requests_in_flight gauge",
            f"model_requests_in_flight {self.in_flight}",
            "# HELP model_requests_total Requests that were answered.",
            "# TYPE model_requests_total counter",
        ]
        lines += [
            f'model_requests_total{{route="{route}",code="{status}"}} {count}'
            for (route, status), count in sorted(self._requests.items())
        ]
        lines += [
            "# HELP model_request_seconds How long requests took.",
            "# TYPE model_request_seconds histogram",
        ]
        for route in sorted(self._seconds):
            total = sum(count for (one, _), count in self._requests.items() if one == route)
            lines += [
                f'model_request_seconds_bucket{{route="{route}",le="{bucket}"}} {self._durations[route, bucket]}'
                for bucket in BUCKETS
            ]
            lines += [
                f'model_request_seconds_bucket{{route="{route}",le="+Inf"}} {total}',
                f'model_request_seconds_sum{{route="{route}"}} {self._seconds[route]}',
                f'model_request_seconds_count{{route="{route}"}} {total}',
            ]
        return "\n".join(lines) + "\n"
