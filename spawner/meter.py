"""Who counts what happens to workspaces: the hub gives one for Prometheus, and without it nobody counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spawner.claim_rules import Miss
    from spawner.progress import Phase
    from studiolo.choice import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStart:
    """A start that became ready or failed."""

    choice: Choice | None
    """None where what was asked for was refused before anything was made of it."""
    outcome: str
    """`ready`, or the code of why not."""
    seconds: float
    """From the click until then."""
    phases: Mapping[Phase, float]
    """Seconds of each phase that it came to, the one in which it failed included."""


class Meter(Protocol):
    """Counts. Never raises and never waits."""

    def start_ended(self, start: EndedStart) -> None:
        """A start became ready or failed."""

    def stop_retried(self) -> None:
        """A workspace did not end when asked, and is asked again."""

    def orphans_ended(self, count: int) -> None:
        """So many workspaces ran that nobody could reach, and were ended."""

    def claim_ended(self, miss: Miss | None, seconds: float | None) -> None:
        """A start has claimed a warm pod (None), or went the normal way for this reason.

        `seconds`: that the claim took, or cost; None where nothing was tried.
        """


class NoMeter:
    """Nobody counts: for a spawner without a hub."""

    def start_ended(self, start: EndedStart) -> None:
        """Nothing."""

    def stop_retried(self) -> None:
        """Nothing."""

    def orphans_ended(self, count: int) -> None:
        """Nothing."""

    def claim_ended(self, miss: Miss | None, seconds: float | None) -> None:
        """Nothing."""
