"""Where a start shows how far it is, and whoever waits for it reads."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from spawner.stages import Stage, StageClock
from spawner.start_forecast import NOTICED, UNKNOWN_FORECAST

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from spawner.progress import Phase, StartProgress
    from spawner.start_forecast import StartForecast

TELL_AGAIN_SECONDS: Final = 1.0
"""A page that hears nothing counts on by itself; it hears the truth this often."""


class ProgressBoard:
    """The progress of one start. Its times are of the running loop, which is the machine's monotonic clock."""

    def __init__(self, progress: StartProgress, *, forecast: StartForecast = UNKNOWN_FORECAST) -> None:
        """Begins with `progress`, usually a start that only has expectations."""
        self._progress = progress
        self._changed = asyncio.Event()
        self.forecast = self._expected = forecast
        """What was promised of it; and what is expected by now, where that has become something else."""
        self._stages = StageClock()
        self._told: frozenset[Phase] = frozenset()
        """Phases that say themselves how long they go on: they know better."""

    def begin_anew(self, progress: StartProgress, forecast: StartForecast) -> None:
        """Another start, with what is promised of it."""
        self.forecast = self._expected = forecast
        self._stages, self._told = StageClock(), frozenset()
        self.show(progress)

    def go_normal(self) -> None:
        """The claim of a warm pod came to nothing: what is expected now is what a start without one takes."""
        if self._expected.is_claim:
            self._expected = self._expected.without_claim()
            progress, now = self._progress, self._now()
            for phase, seconds in self._expected.phase_seconds().items():
                progress = progress.expect(phase, progress.of(phase).elapsed(now) + seconds, now)
            self.show(progress)
        self.enter(Stage.SCHEDULING)

    def enter(self, stage: Stage) -> None:
        """The start is in that stage from now on: its time is measured, and the promise put right where it is new."""
        if stage is not self._stages.running:
            self._stages = self._stages.enter(stage, self._now())
            self.correct()

    def leave(self) -> None:
        """The stage that ran is over, and another is not known yet."""
        self._stages = self._stages.end(self._now())

    def stage_seconds(self) -> dict[Stage, float]:
        """How long each stage took that was entered."""
        return self._stages.measured(self._now())

    def correct(self) -> None:
        """Puts right what is expected of the phase that runs."""
        now = self._now()
        if (found := self._expected.corrected(self._stages, now)) is None:
            return
        phase, seconds = found
        if phase in self._told:
            return
        known = self._progress.of(phase).expected_seconds
        if known is None or abs(known - seconds) > NOTICED:
            self.show(self._progress.expect(phase, seconds, now))

    @property
    def progress(self) -> StartProgress:
        """The start as it is now."""
        return self._progress

    def show(self, progress: StartProgress) -> None:
        """Puts up a new state and wakes everybody who reads."""
        self._progress = progress
        self._changed.set()
        self._changed = asyncio.Event()

    @contextlib.contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """The phase runs while this is open, is done when it closes, and failed where it closes by an exception."""
        self.begin(phase)
        try:
            yield
        except BaseException:
            self.fail(phase)
            raise
        self.finish(phase)

    def begin(self, phase: Phase) -> None:
        """The phase runs from now on."""
        self.show(self._progress.begin(phase, self._now()))

    def finish(self, phase: Phase) -> None:
        """The phase is done."""
        self.show(self._progress.finish(phase, self._now()))

    def fail(self, phase: Phase) -> None:
        """The phase failed."""
        self.show(self._progress.fail(phase, self._now()))

    def detail(
        self, phase: Phase, text: str, *, seconds_left: float | None = None, printed: Sequence[str] = ()
    ) -> None:
        """What the phase does now and, where that is known, how long it goes on; `printed` stands behind "details"."""
        progress = self._progress.detail(phase, text)
        if printed:
            progress = progress.printed(printed)
        if seconds_left is not None:
            self._told |= {phase}
            now = self._now()
            progress = progress.expect(phase, progress.of(phase).elapsed(now) + seconds_left, now)
        self.show(progress)

    def notice(self, *sentences: str) -> None:
        """What the person should know of this start though it goes on."""
        if sentences:
            self.show(self._progress.noticing(*sentences))

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """The start as events for a page: at once, on each change and each second, until it is done or has failed."""
        while True:
            self.correct()
            changed = self._changed
            progress = self._progress
            yield progress.as_event(self._now())
            if progress.is_done or progress.failed_phase is not None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_AGAIN_SECONDS):
                    await changed.wait()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
