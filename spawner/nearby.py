"""Whether somebody near is there: how long an answer counts, and a short wait for one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Coroutine

FRESH_SECONDS: Final = 1.0
"""Whoever answered anything within it is there, and is not asked again. So the knock that a start makes while its home
is made ready is enough, and of many starts at once one knocks: the answers to the orders of those before it say as
much. Who vanishes within this second costs what one costs that vanishes between a knock and the order."""

SLICE_SECONDS: Final = 0.01
"""A wait is so many slices. A process that did nothing for a while because of its own work, or had no processor, has
lost one slice by it and not all of them: nobody is taken for away whose answer lies there unread."""

Found = TypeVar("Found")


def is_fresh(heard: float | None, *, now: float) -> bool:
    """Whether somebody who was heard of last at that moment counts as there. None: never heard of."""
    return heard is not None and now - heard < FRESH_SECONDS


async def answer_or_connection(asking: Coroutine[Any, Any, Found], url: str, *, seconds: float) -> Found | None:
    """What that gives, if it does in time; None: whoever is asked there is busy.

    A kernel takes a connection for a process that has no processor just now, and at once: after half of the time, its
    port is asked for one. Where nobody listens or packets get lost, none comes about. So a busy moment is told from an
    absence. Raises OSError for that (TimeoutError is one), and what asking raises.
    """
    answer = asyncio.ensure_future(asking)
    connection: asyncio.Future[None] | None = None
    try:
        if not await _is_done(answer, seconds / 2):
            connection = asyncio.ensure_future(_connect(url))
            if not await _is_done(answer, seconds / 2):
                if not connection.done():
                    raise TimeoutError
                connection.result()
                return None
        return answer.result()
    finally:
        asked = (answer,) if connection is None else (answer, connection)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _is_done(asked: asyncio.Future[Found], seconds: float) -> bool:
    for _ in range(round(seconds / SLICE_SECONDS)):
        await asyncio.wait({asked}, timeout=SLICE_SECONDS)
        if asked.done():
            return True
    return False


async def _connect(url: str) -> None:
    parts = urlsplit(url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
