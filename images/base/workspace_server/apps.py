"""Apps beside JupyterLab: started when somebody opens them, behind the server's own door."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any


def tensorboard() -> dict[str, Any]:
    """How jupyter-server-proxy serves TensorBoard: at `tensorboard/` below the server, to whoever may see that."""
    runs = Path("~/runs").expanduser()
    with contextlib.suppress(OSError):  # a full home: TensorBoard says that there is nothing
        runs.mkdir(exist_ok=True)
    options = ("--logdir", str(runs), "--host", "127.0.0.1", "--port", "{port}", "--load_fast", "false")
    return {
        "command": [sys.executable, "-P", "-m", "tensorboard.main", *options],
        "timeout": 60,  # it imports for seconds; 5 are the default
        "launcher_entry": {"title": "TensorBoard"},
    }


APPS = {"tensorboard": tensorboard}
"""How each app is run. Which there are, and where their links lead, says the catalog (`studiolo.catalog.APPS`)."""
