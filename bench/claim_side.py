"""One way to start a workspace, timed again and again: the start, the first cell, and the stages that its log tells."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bench.comparison import Samples
from bench.first_cell import first_cell
from bench.stages import stages_of_claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.hub_client import HubClient

SERVER: Final = "bench"
SETTLED_SECONDS: Final = 1.0
"""Between the start and the first cell, as the page of JupyterLab takes to load."""


@dataclass(slots=True, kw_only=True)
class Side:
    """What it took, each time."""

    name: str
    client: HubClient
    options: Mapping[str, object]
    prepare: Callable[[], None] = lambda: None
    """Before each start: until the machine is as it is to be."""
    log: Path | None = None
    """Of a hub that claims; None: one that does not."""
    starts: list[float] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)
    stages: list[Mapping[str, float]] = field(default_factory=list)
    """Of each claim."""
    missed: int = 0
    """Starts that claimed nothing where they should have. Their seconds count all the same."""

    @property
    def together(self) -> list[float]:
        """From the click to the first result."""
        return [start + cell for start, cell in zip(self.starts, self.cells, strict=True)]

    def samples(self) -> Samples:
        """Of the starts."""
        return Samples(seconds=tuple(self.starts), stages=tuple(self.stages))

    def run(self, *, is_counted: bool) -> str:
        """One start, one first cell, one stop."""
        self.prepare()
        already = self.log.stat().st_size if self.log is not None else 0
        start = self.client.start(SERVER, self.options)
        ready = datetime.now(UTC)
        self.client.check_answers(SERVER)
        stages = self._stages(already, ready - timedelta(seconds=start), ready)
        time.sleep(SETTLED_SECONDS)
        cell = first_cell(self.client.url, self.client.token, f"/user/{self.client.user}/{SERVER}")
        self.client.stop(SERVER)
        if is_counted:
            self.starts.append(start)
            self.cells.append(cell)
            if stages:
                self.stages.append(stages)
            elif self.log is not None:
                self.missed += 1
        missed = " (no claim)" if self.log is not None and not stages else ""
        return f"{self.name} {start:.3f} + {cell:.3f} s{missed}"

    def _stages(self, already: int, asked: datetime, ready: datetime) -> Mapping[str, float]:
        if self.log is None:
            return {}
        with self.log.open(errors="replace") as lines:
            lines.seek(already)
            return stages_of_claim(lines, asked=asked, ready=ready)
