"""Hub or services in a process that ends itself as `kill -9` does, where it is told to.

    python -P dying_process.py ORDERS MODULE [the module's own arguments]

`ORDERS` is a file: while it is there, it says how many commits to its database there may still be, or names a step:
`before _patch`, `after _patch`, or `within _patch`, which is a moment after it has begun.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from hub.capacity.pool import PoolKeeper
from spawner.claim import ClusterClaim

ORDERS = Path(sys.argv.pop(1))
MODULE = sys.argv.pop(1)
STEPS = ((ClusterClaim, ("_patch", "_give_order", "_probe")), (PoolKeeper, ("_create", "_delete")))
WITHIN_SECONDS = 0.004
made = 0


def _told() -> str:
    try:
        return ORDERS.read_text()
    except FileNotFoundError:
        return ""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@event.listens_for(Session, "before_commit")
def _die_if_told(_session: Session, *_: Any) -> None:
    global made  # noqa: PLW0603 - of this process alone
    told = _told()
    if not told.isdecimal():
        made = 0
        return
    made += 1
    if made > int(told):
        _die()


def _dies_at(owner: type, name: str) -> None:
    real = getattr(owner, name)

    async def step(*given: Any) -> Any:
        if _told() == f"before {name}":
            _die()
        if _told() == f"within {name}":
            asyncio.get_running_loop().call_later(WITHIN_SECONDS, _die)
        done = await real(*given)
        if _told() in {f"after {name}", f"within {name}"}:
            _die()
        return done

    setattr(owner, name, step)


for one, names in STEPS:
    for each in names:
        _dies_at(one, each)
runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
