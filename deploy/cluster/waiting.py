"""Waiting for something to work, with a deadline and a reason when it does not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import NotHealthyInTimeError

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS: Final = 0.1


def wait_until(what: str, trouble: Callable[[], str], *, seconds: float) -> None:
    """Return once `trouble()` says nothing. Raises NotHealthyInTimeError with its last words."""
    deadline = time.monotonic() + seconds
    while reason := trouble():
        if time.monotonic() > deadline:
            raise NotHealthyInTimeError(what, seconds=seconds, reason=reason)
        time.sleep(POLL_SECONDS)
