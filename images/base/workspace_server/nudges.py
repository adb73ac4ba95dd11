"""A notebook is connected to its kernel as soon as the kernel answers.

Jupyter asks a kernel that has only just been started whether it is there, and asks again after half a second where no
answer came: a kernel that is up after a fifth of one lets its first cell wait until then. It is asked more often here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 0.03
OFTEN = 30
"""So many times; later as seldom as stock, and counted from there: Jupyter warns of each tenth."""


def ask_kernels_often() -> None:
    """Put it in."""
    channels: Any = importlib.import_module("jupyter_server.services.kernels.connection.channels")
    stock = channels.IOLoop

    class Loops:
        @staticmethod
        def current() -> Any:
            return _AskingLoop(stock.current())

    channels.IOLoop = Loops


class _AskingLoop:
    """The event loop, as one connection to a kernel sees it."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._left = OFTEN

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, **options: Any) -> Any:
        """As stock, but for the question to a kernel that is to be asked again."""
        if getattr(callback, "__name__", "") == "nudge" and delay and self._left:
            self._left -= 1
            delay, args = SECONDS, (0,)
        return self._loop.call_later(delay, callback, *args, **options)
