"""A start that waits until it is let go, for tests of what a person sees meanwhile."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READS = 100
"""More often than Jupyter reads its settings."""


@contextlib.contextmanager
def held_start(home: Path, gate: Path) -> Iterator[Callable[[], None]]:
    """The next server in this home waits in its person's own settings; what is given lets it, and later ones, go on.

    `gate` is a path that nothing is at yet.
    """
    os.mkfifo(gate)
    settings = home / ".jupyter" / "jupyter_server_config.py"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"with open({str(gate)!r}) as gate:\n    gate.readline()\n")
    descriptor = os.open(gate, os.O_RDWR)  # both ends, so that neither side waits for the other
    try:
        yield lambda: _let_go(descriptor)
    finally:
        _let_go(descriptor)
        settings.unlink()
        os.close(descriptor)


def _let_go(descriptor: int) -> None:
    os.write(descriptor, b"go\n" * READS)
