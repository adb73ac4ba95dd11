"""Who a token or cookie belongs to, remembered for as long as it may be, and longer while the hub does not answer."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workspace_server.hub_away import HubAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

FRESH_SECONDS: Final = 300.0
"""An answer of the hub counts as long without asking again: JupyterHub's own measure."""

REMEMBERED_SECONDS: Final = 4 * 3600.0
"""An answer counts as long while the hub does not answer. So long may a revoked right live on, and no longer."""

LOOK_SECONDS: Final = 10.0
"""How often a hub that is away is asked whether it is there again: then everybody is asked for anew."""

BELIEF_SECONDS: Final = 30.0
"""How long one look counts. Nobody waits for a hub that was seen to be away less than this ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    person: Mapping[str, Any] | None
    """None: the hub says that this is nobody (any more)."""
    asked_at: float
    """When the question went out: of two answers that cross, the one asked for later counts."""


class People:
    """The hub's answers. Times are seconds of `clock`, which must not be set back."""

    def __init__(
        self,
        *,
        hub_answers: Callable[[], Awaitable[bool]],
        fresh_seconds: float = FRESH_SECONDS,
        remembered_seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub_answers = hub_answers
        self._fresh_seconds = fresh_seconds
        self._remembered_seconds = max(fresh_seconds, remembered_seconds)
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._away_until = -math.inf
        self._looking: asyncio.Task[None] | None = None

    @property
    def hub_is_away(self) -> bool:
        """Whether the hub was seen not to answer a moment ago."""
        return self._clock() < self._away_until

    async def find(self, key: str, ask: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> Mapping[str, Any] | None:
        """Whose `key` is; None: nobody's. `ask` asks the hub, and raises HubAway where it does not answer.

        Raises HubAway where the hub does not answer and the person is not remembered.
        """
        known = self._answers.get(key)
        if known is not None and self._age(known) <= self._fresh_seconds:
            return known.person
        if self.hub_is_away and (remembered := self._remembered(key)) is not None:
            return remembered
        asked_at = self._clock()
        try:
            person = await ask()
        except HubAway:
            self._note_absence()
            # Looked up anew: while this question waited, another one may have been answered with "nobody".
            if (remembered := self._remembered(key)) is not None:
                return remembered
            raise
        return self._note(key, _Answer(person=person, asked_at=asked_at))

    def _age(self, answer: _Answer) -> float:
        return self._clock() - answer.asked_at

    def _remembered(self, key: str) -> Mapping[str, Any] | None:
        answer = self._answers.get(key)
        if answer is None or self._age(answer) > self._remembered_seconds:
            return None
        return answer.person

    def _note(self, key: str, answer: _Answer) -> Mapping[str, Any] | None:
        for other, old in tuple(self._answers.items()):
            if self._age(old) > (self._fresh_seconds if old.person is None else self._remembered_seconds):
                del self._answers[other]
        # Asked in the same moment and answered differently: then it is nobody.
        newest = max(self._answers.get(key, answer), answer, key=lambda each: (each.asked_at, each.person is None))
        self._answers[key] = newest
        return newest.person

    def _note_absence(self) -> None:
        self._away_until = self._clock() + BELIEF_SECONDS
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        """Looks after a hub that is away until it answers."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._hub_answers():
                self._away_until = -math.inf
                return
            self._away_until = self._clock() + BELIEF_SECONDS
