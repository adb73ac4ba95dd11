"""The hub in a process that ends itself as `kill -9` does: before the nth commit to its database, once it is told to.

    python -P dying_hub.py ORDERS [the hub's own arguments]

`ORDERS` is a file: while it is there, its number says how many commits there may still be.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

ORDERS = Path(sys.argv.pop(1))
made = 0


@event.listens_for(Session, "before_commit")
def _die_if_told(_session: Session, *_: Any) -> None:
    global made  # noqa: PLW0603 - of this process alone
    try:
        allowed = int(ORDERS.read_text())
    except FileNotFoundError:
        made = 0
        return
    made += 1
    if made > allowed:
        os.kill(os.getpid(), signal.SIGKILL)


runpy.run_module("hub.jupyterhub_app", run_name="__main__", alter_sys=True)
