"""What is remembered of a start: how long its phases took, and how it came out."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spawner.parts import StartRecord
from spawner.progress import Phase
from spawner.start_forecast import UNKNOWN_FORECAST
from studiolo.wire import StartForecast as SentForecast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from spawner.parts import StartHistory
    from spawner.plan import LaunchPlan
    from spawner.progress import StartProgress
    from spawner.stages import Stage
    from spawner.start_forecast import StartForecast

READY: Final = "ready"
"""The outcome of a start that did not fail; of any other it is the failure's code."""

CLAIMED: Final = "claimed"
"""The same, of one that claimed a warm pod: it counts as a start, and no normal one is as fast."""

NO_STAGES: Final[Mapping[Stage, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """One start, and who remembers it."""

    starts: StartHistory
    plan: LaunchPlan
    environment_digest: str
    """"" where the environment's lock could not be read: then there is nothing that a later start could learn."""
    was_installed: bool
    """Whether the software was there already: then no phase of it is told."""
    started_at: datetime

    def send(
        self,
        progress: StartProgress,
        outcome: str,
        *,
        stages: Mapping[Stage, float] = NO_STAGES,
        forecast: StartForecast = UNKNOWN_FORECAST,
        node_group: str = "",
    ) -> None:
        """Remembers it."""
        if not self.environment_digest:
            return
        phases = {phase.value: round(seconds, 3) for phase, seconds in progress.measured_seconds().items()}
        if self.was_installed:
            phases.pop(Phase.SOFTWARE.value, None)
        choice, identity = self.plan.choice, self.plan.identity
        self.starts.record(
            StartRecord(
                user=identity.user,
                server=identity.server,
                environment=choice.environment,
                hardware=choice.hardware,
                environment_digest=self.environment_digest,
                phases=phases,
                outcome=outcome,
                started_at=self.started_at,
                stages={stage.value: round(seconds, 3) for stage, seconds in stages.items()},
                node_group=node_group[:255],
                forecast=_as_sent(forecast),
            )
        )


def _as_sent(forecast: StartForecast) -> SentForecast | None:
    if not forecast.kind:
        return None
    stages = {stage.value: round(seconds, 3) for stage, seconds in forecast.stages}
    return SentForecast(kind=forecast.kind, seconds=forecast.seconds, stages=stages)
