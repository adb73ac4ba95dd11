"""What hub and spawner know of earlier starts: asked from the services process, and never waited for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.capacity.spreads import from_spreads
from hub.capacity.stage_times import StageTimes
from studiolo.client import ClientError, Refused
from studiolo.wire import ForecastAccuracy

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from studiolo.client import Studiolo
    from studiolo.wire import StartRecord

LIMIT = timedelta(milliseconds=300)
"""The longest an answer is waited for, in the background; nobody's page waits at all."""

FRESH = timedelta(seconds=20)
"""How long an answer is good enough. What is known of stages are medians: they change slowly."""

MAX_UNSENT = 200
"""Starts kept while the services process is away; the oldest are dropped, for they only sharpen an estimate."""


class StartHistory:
    """What stages take, at once, from the last answer; starts to remember, sent when there is somebody to listen.

    Nothing here raises and nothing waits: a start goes on the same without services.
    """

    def __init__(
        self,
        client: Studiolo,
        *,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client` speaks to the services process with the hub's token, waits LIMIT at most, and is its owner's."""
        self._client = client
        self._log = log
        self._clock = clock
        self._stage_times = StageTimes()
        self._accuracy = self._claims_accuracy = ForecastAccuracy()
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._unsent: deque[StartRecord] = deque(maxlen=MAX_UNSENT)
        self._wanted = asyncio.Event()
        self._is_away = False

    @property
    def is_away(self) -> bool:
        """Whether the services process did not answer when last asked: pages say then that estimates are missing."""
        self._want_news()
        return self._is_away

    def seconds_silent(self) -> float | None:
        """Since the services process last answered; None where it never did."""
        return None if self._answered_at is None else max(0.0, self._clock() - self._answered_at)

    @property
    def stage_times(self) -> StageTimes:
        """How long each stage of a start takes, as far as is known; asks for news in the background."""
        self._want_news()
        return self._stage_times

    @property
    def accuracy(self) -> ForecastAccuracy:
        """How well starts were forecast, as far as is known; asks for news in the background."""
        self._want_news()
        return self._accuracy

    @property
    def claims_accuracy(self) -> ForecastAccuracy:
        """The same of starts that were promised a warm pod."""
        self._want_news()
        return self._claims_accuracy

    def record(self, start: StartRecord) -> None:
        """Remember a start that ended."""
        self._unsent.append(start)
        self._wanted.set()

    async def run(self) -> None:
        """Talk to the services process whenever there is something to say or to ask, for ever."""
        self._wanted.set()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self.talk_once()
            # Away: what is unsent is tried again with the next question, which pages and starts ask all the time.

    async def talk_once(self) -> None:
        """Send what is unsent and ask what is known; keeps the last answer when that fails."""
        self._asked_at = self._clock()
        try:
            await self._send()
            await self._ask()
        except ClientError as error:
            if not self._is_away:
                self._log.warning("The services process does not answer (%s): starts go on without estimates.", error)
            self._is_away = True
        else:
            if self._is_away:
                self._log.info("The services process answers again.")
            self._is_away = False
            self._answered_at = self._clock()

    def _want_news(self) -> None:
        """Have the background ask again when the last answer is old."""
        if self._asked_at is None or self._clock() - self._asked_at >= FRESH.total_seconds():
            self._wanted.set()

    async def _send(self) -> None:
        while self._unsent:
            start = self._unsent[0]
            try:
                await self._client.record_start(start)
            except Refused as error:
                self._log.error("The services process refused a start: %s", error)
            # Only now: what was not answered is sent again, and twice remembered is better than never.
            if self._unsent and self._unsent[0] is start:
                self._unsent.popleft()

    async def _ask(self) -> None:
        told = await self._client.expectations()
        self._stage_times = from_spreads(told.stages)
        self._accuracy, self._claims_accuracy = told.accuracy, told.claims
