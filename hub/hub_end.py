"""How a hub ends that is told to: by an upgrade, by a node that is emptied, by Ctrl-C.

Where workspaces are pods it ends as if it had been killed. JupyterHub's own end closes connections under starts and
stops that are under way, then cancels them: each takes back what it had made, and a start that somebody waits for is
lost to an upgrade. What a killed hub leaves behind (pod, Secret, row in the database) is what the next one goes on
from, at every step (`spawner/cluster_resume.py`); so this one leaves the same.

On one machine a start is cancelled and takes everything back. Its software is installed by a child of the hub, which
nobody else would end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable


class Held(Protocol):
    """What keeps another hub from beginning: the lease."""

    def release(self) -> None:
        """Gives it back, and waits for that, a few seconds at most."""


def end_as_if_killed(lease: Held | None, *, log: logging.Logger, end: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """Gives the lease back, and ends this process with code 0.

    It never awaits, so no task of this loop runs once more; and it leaves no interpreter to take tasks apart, which
    would run what their `finally` says without them. Connections end with the process.
    """
    try:
        if lease is not None:
            lease.release()
    except Exception:
        log.exception("The lease was not given back: the next hub waits for its term")
    finally:
        end(0)
