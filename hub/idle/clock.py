"""Two clocks side by side: the one on the wall can be set, the other one only runs."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SET_BY: Final = timedelta(seconds=30)
"""A clock that is adjusted goes wrong by less. More, and somebody set it, or the machine slept."""

MOST_JUMPS: Final = 200
"""A laptop sleeps twice a day."""


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What lies between two looks."""

    now: datetime
    has_jumped: bool
    """The clock on the wall was set, or the machine slept."""
    has_paused: bool
    """Nobody looked for longer than expected: reports may have been missed."""


class TwoClocks:
    """The time on the wall, as far as it can be trusted."""

    def __init__(
        self,
        *,
        longest_pause: timedelta,
        wall: Callable[[], datetime] = _wall,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`steady` counts seconds and is never set."""
        self._longest_pause = longest_pause
        self._wall = wall
        self._steady = steady
        self._last = (wall(), steady())
        self._jumps: deque[tuple[datetime, timedelta]] = deque(maxlen=MOST_JUMPS)
        self.trusted_since: datetime | None = None
        """When the clock was set last; None: not since we look."""

    @property
    def now(self) -> datetime:
        """The time on the wall."""
        return self._wall()

    def look(self) -> Step:
        """What happened since the last look."""
        (wall, steady), self._last = self._last, (self._wall(), self._steady())
        now = self._last[0]
        passed = timedelta(seconds=self._last[1] - steady)
        jump = now - wall - passed
        has_jumped = abs(jump) > SET_BY
        if has_jumped:
            self.trusted_since = now
            if jump > timedelta(0):
                self._jumps.append((wall, jump))
        return Step(now=now, has_jumped=has_jumped, has_paused=passed > self._longest_pause)

    def on_this_clock(self, moment: datetime) -> datetime:
        """A moment that was written down before the clock was set forward: what was skipped is no time."""
        for before, jump in self._jumps:
            if moment <= before:
                moment += jump
        return moment
