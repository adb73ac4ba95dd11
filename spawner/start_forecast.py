"""What was promised of a start, and how the promise is put right while the start goes on. Pure.

Whoever knows nodes and history makes it (`Forecasts` in `spawner/parts.py`); a start shows it and reports it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.progress import Phase
from spawner.stages import PHASE_OF, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.stages import Spread, StageClock

NOTICED: Final = 0.05
"""Seconds by which an estimate must change to be worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartForecast:
    """What is expected of one start, from the click on."""

    kind: str = ""
    """Why it takes so long; "" where nobody was asked."""
    seconds: float | None = None
    stages: tuple[tuple[Stage, float], ...] = ()
    """Those that it will come to, and how long each usually takes."""
    otherwise: tuple[tuple[Stage, float], ...] = ()
    """Of a start that is to claim a warm pod: those of the normal way, should the claim come to nothing."""
    spreads: Mapping[Stage, Spread] = field(default_factory=lambda: MappingProxyType({}))
    """How long any stage takes, also those that nobody expects."""

    def phase_seconds(self) -> dict[Phase, float]:
        """What each phase of the waiting page should take; nothing where nobody made a forecast."""
        seconds = dict.fromkeys(Phase, 0.0) if self.stages else {}
        for stage, expected in self.stages:
            seconds[PHASE_OF[stage]] += expected
        return seconds

    @property
    def is_claim(self) -> bool:
        """Whether a warm pod is to become the workspace."""
        return any(stage is Stage.CLAIM for stage, _ in self.stages)

    def without_claim(self) -> StartForecast:
        """What is to be expected once the claim has come to nothing."""
        return replace(self, stages=self.otherwise, otherwise=()) if self.is_claim else self

    def corrected(self, clock: StageClock, now: float) -> tuple[Phase, float] | None:
        """The phase that runs, and all that it should take by what is known now; None where nothing is.

        A stage that nobody expected counts from when it begins; one that takes long is expected to take longer; one
        of the same phase that was expected may still come.
        """
        running = clock.running
        if running is None or running not in self.spreads:
            return None
        phase, spent = PHASE_OF[running], clock.measured(now)
        over = sum(took for stage, took in spent.items() if stage is not running and PHASE_OF[stage] is phase)
        to_come = sum(
            expected
            for stage, expected in self.stages
            if PHASE_OF[stage] is phase and stage is not running and stage not in spent
        )
        return phase, over + self.spreads[running].after(spent[running]) + to_come


UNKNOWN_FORECAST: Final = StartForecast()
"""Nobody was asked."""
