"""Two stacks timed side by side: samples, ratios, what is printed and what is written."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

RESULTS = Path(__file__).parent / "results"
"""One JSON file per benchmark, not committed: figures go into the docs with their date."""


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The value that so many in a hundred do not exceed."""
    return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Seconds of each run of one stack, and of the stages inside each run."""

    seconds: tuple[float, ...]
    stages: tuple[Mapping[str, float], ...] = ()

    @property
    def median(self) -> float:
        """Median seconds of a run."""
        return statistics.median(self.seconds)

    def percentile(self, percent: int) -> float:
        """Seconds that so many runs in a hundred do not exceed."""
        return percentile(sorted(self.seconds), percent)

    @property
    def minimum(self) -> float:
        """Fastest run in seconds: what noise can only add to."""
        return min(self.seconds)

    def stage_medians(self) -> dict[str, float]:
        """Median seconds of each stage, in the order of the first run."""
        names = list(self.stages[0]) if self.stages else []
        return {name: statistics.median(run[name] for run in self.stages if name in run) for name in names}

    def as_json(self) -> dict[str, object]:
        """The form every benchmark writes."""
        return {
            "samples": [round(value, 4) for value in self.seconds],
            "median": round(self.median, 4),
            "min": round(self.minimum, 4),
            "p50": round(self.percentile(50), 4),
            "p99": round(self.percentile(99), 4),
            "stages": {name: round(value, 4) for name, value in self.stage_medians().items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one benchmark found."""

    name: str
    what: str
    stock: Samples
    ours: Samples
    versions: Mapping[str, str]

    @property
    def ratio_of_medians(self) -> float:
        """How many times faster ours is in the median."""
        return self.stock.median / self.ours.median

    @property
    def ratio_of_minima(self) -> float:
        """How many times faster ours is in the fastest run."""
        return self.stock.minimum / self.ours.minimum

    def as_json(self) -> dict[str, object]:
        """`stock`, `ours`, `ratio.median`, `ratio.min`, and what is needed to judge them."""
        return {
            "name": self.name,
            "what": self.what,
            "machine": {"system": platform.platform(), "python": platform.python_version()},
            "versions": dict(self.versions),
            "stock": self.stock.as_json(),
            "ours": self.ours.as_json(),
            "ratio": {"median": round(self.ratio_of_medians, 3), "min": round(self.ratio_of_minima, 3)},
        }

    def save(self, folder: Path = RESULTS) -> Path:
        """Write `<name>.json` and give its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        return path

    def show(self, console: Console) -> None:
        """Print both distributions, the stages and the ratio."""
        table = Table(title=self.what, title_justify="left")
        for heading in ("", "median", "min", "max", "each run, seconds"):
            table.add_column(heading, justify="left" if heading in {"", "each run, seconds"} else "right")
        for label, samples in (("stock", self.stock), ("ours", self.ours)):
            table.add_row(
                label,
                f"{samples.median:.2f}",
                f"{samples.minimum:.2f}",
                f"{max(samples.seconds):.2f}",
                " ".join(f"{value:.2f}" for value in sorted(samples.seconds)),
            )
        console.print(table)
        for label, samples in (("stock", self.stock), ("ours", self.ours)):
            stages = ", ".join(f"{name} {value:.2f}" for name, value in samples.stage_medians().items())
            console.print(f"{label} stages (median seconds): {stages or 'not measured'}")
        console.print(f"ratio: median {self.ratio_of_medians:.2f}, minimum {self.ratio_of_minima:.2f}")
