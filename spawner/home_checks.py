"""Steps on people's homes in threads of their own: a disk that hangs keeps nobody else.

For the hub of one machine, and for the home service. Not the event loop's threads: a few disks that hang would take
all of those. Nor a pool: its threads are waited for when the process ends. Of a home one step runs at a time, so that
what hangs does not pile up.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from spawner.homes import LIMIT_SECONDS, HomesSilent

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 32
"""Steps at once, on all homes together. Where so many hang, the next one is told at once."""

Answer = TypeVar("Answer")


class HomeChecks:
    """The steps that run, by the home that they are on."""

    def __init__(self, *, seconds: float = LIMIT_SECONDS, most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._running: dict[str, asyncio.Future[None]] = {}

    async def run(self, home: str, step: Callable[[], Answer]) -> Answer:
        """What the step gives, or raises. Raises HomesSilent where the disk does not answer within the limit."""
        try:
            async with asyncio.timeout(self._seconds):
                while (before := self._running.get(home)) is not None:
                    await asyncio.wait((before,))
                if len(self._running) >= self._most:
                    raise HomesSilent("Too many homes do not answer at this moment.")
                return await self._in_thread(home, step)
        except TimeoutError:
            raise HomesSilent(f"Its disk did not answer within {self._seconds:g} s.") from None

    def _in_thread(self, home: str, step: Callable[[], Answer]) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        is_over: asyncio.Future[None] = loop.create_future()
        self._running[home] = is_over

        def end(give: Callable[[], None]) -> None:
            del self._running[home]
            is_over.set_result(None)
            if not answer.done():  # whoever asked may have gone
                give()

        def work() -> None:
            try:
                given = step()
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked gets it
                told: Callable[[], None] = _raising(answer, error)
            else:
                told = _giving(answer, given)
            with contextlib.suppress(RuntimeError):  # the process is about to end
                loop.call_soon_threadsafe(end, told)

        # A daemon: one that hangs in the kernel does not keep the process from ending.
        threading.Thread(target=work, name=f"home {home}", daemon=True).start()
        return answer


def _giving(answer: asyncio.Future[Answer], given: Answer) -> Callable[[], None]:
    return lambda: answer.set_result(given)


def _raising(answer: asyncio.Future[Answer], error: Exception) -> Callable[[], None]:
    return lambda: answer.set_exception(error)
