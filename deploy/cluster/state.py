"""What the supervisor and the commands tell each other through files: who runs, what is held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from deploy.cluster.components import Component, parse_components, render_components
from spawner.processes import START_ID_VARIABLE, ProcessIdentity, identify, is_running

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.cluster.layout import Layout


def supervisor_process(layout: Layout) -> ProcessIdentity | None:
    """The supervisor, if it runs."""
    try:
        process = ProcessIdentity(**json.loads((layout.run / "supervisor.json").read_text()))
    except (FileNotFoundError, ValueError):
        return None
    return process if is_running(process) else None


def start_supervisor(layout: Layout) -> None:
    """Start it in the background; it reads the plan."""
    env = os.environ | {START_ID_VARIABLE: layout.start_id, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    log_path = layout.logs / "supervisor.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "deploy.cluster.supervisor", str(layout.state)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    if (identity := identify(process.pid)) is not None:
        _write(layout.run / "supervisor.json", json.dumps(asdict(identity)))


def load_plan(layout: Layout) -> tuple[Component, ...]:
    """What the supervisor runs; nothing where there is no cluster."""
    try:
        return parse_components((layout.run / "components.json").read_text())
    except FileNotFoundError:
        return ()


def save_plan(layout: Layout, plan: tuple[Component, ...]) -> None:
    """Tell the supervisor what to run. It starts what is new to it, at once."""
    _write(layout.run / "components.json", render_components(plan))


def hold_file(layout: Layout, name: str) -> Path:
    """While it is there, the supervisor does not start this component."""
    return layout.run / "held" / name


def _write(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)
