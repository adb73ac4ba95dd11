"""What a person's home holds, for their page: known at once or not at all. Pages never wait for a disk."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from spawner.homes import HomeUsage

LIMIT_SECONDS: Final = 1.0
"""The longest an answer is waited for, in the background; then what the home holds is not known."""

ASK_EVERY_SECONDS: Final = 15.0
"""A page that is open asks for itself every few seconds; a home does not change as fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeLook:
    """What is known of a home at this moment."""

    usage: HomeUsage | None
    """None: not known."""
    is_asked: bool
    """Whether somebody is being asked right now, so that it may be known soon."""
    quota_bytes: int | None


@dataclass(slots=True)
class _Known:
    usage: HomeUsage | None
    until: float


class HomeBoard:
    """The last answer about each home that a page has asked for."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[HomeUsage]],
        *,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        """`ask` may raise, and may take as long as it likes."""
        self._ask = ask
        self._log = log
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def look(self, home: str, *, quota_bytes: int | None = None) -> HomeLook:
        """At once; asks for news in the background where the last answer is old."""
        known = self._known.get(home)
        if home not in self._asking and (known is None or self._clock() >= known.until):
            self._asking[home] = asyncio.create_task(self._learn(home), name=f"Asking what the home {home} holds")
        return HomeLook(
            usage=known.usage if known else None,
            is_asked=known is None,
            quota_bytes=quota_bytes,
        )

    async def _learn(self, home: str) -> None:
        usage: HomeUsage | None = None
        try:
            async with asyncio.timeout(self._limit_seconds):
                usage = await self._ask(home)
        except (StudioloError, OSError) as error:  # also TimeoutError
            self._log.debug("What the home %s holds is not known: %s", home, error)
        except Exception:  # noqa: BLE001 - a page is shown without it, whatever it was
            self._log.exception("This is a bug. What the home %s holds is not known", home)
        finally:
            self._known[home] = _Known(usage=usage, until=self._clock() + ASK_EVERY_SECONDS)
            self._asking.pop(home, None)
