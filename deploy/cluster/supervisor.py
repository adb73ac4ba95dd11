"""The parent of every component: starts them in order, and again within seconds when they end.

`python -P -m deploy.cluster.supervisor STATE` runs until SIGTERM. It reads `run/components.json` (again whenever that
changes), writes `run/NAME.json` for each process, and leaves alone what has a file `run/held/NAME`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from deploy.cluster.components import Component, parse_components
from deploy.local.processes import bound_log, how_it_ended
from spawner.processes import ProcessIdentity, identify

TICK_SECONDS: Final = 0.1
"""How soon an end is noticed."""

MAX_DELAY_SECONDS: Final = 5.0
"""Longest pause before something that keeps failing is tried again: tests wait for its return."""

STEADY_SECONDS: Final = 20.0
"""A process that worked this long is no longer the one that kept failing."""

STOP_SECONDS: Final = 5.0
"""For a component to stop by itself before it is killed."""


@dataclass(slots=True, kw_only=True)
class Kept:
    """One component and how it fares."""

    component: Component
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    failures: int = 0
    may_start_at: float = 0.0
    was_started: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """What `run/NAME.json` says of a component."""

    process: ProcessIdentity
    starts: int

    @classmethod
    def load(cls, path: Path) -> RunFile | None:
        """What is written there; None where nothing is."""
        try:
            facts = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return cls(process=ProcessIdentity(**facts["process"]), starts=facts["starts"])


def restart_delay(failures: int) -> float:
    """Seconds before the next try, after so many ends in a row: at once, then 1, 2, 4, 5."""
    return 0.0 if failures <= 1 else min(2.0 ** (failures - 2), MAX_DELAY_SECONDS)


class Supervisor:
    """Keeps the components of one state folder running."""

    def __init__(self, run: Path) -> None:
        """`run`: the folder of its files."""
        self._run = run
        self._kept: dict[str, Kept] = {}
        self._plan_changed = 0
        self._healthy: set[str] = set()
        self._stopping = False

    def run(self) -> None:
        """Until SIGTERM; then stop everything, last started first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        while not self._stopping:
            self._read_plan()
            for kept in self._kept.values():
                self._look_after(kept)
            time.sleep(TICK_SECONDS)
        self._stop_all()

    def _request_stop(self, _signum: int, _frame: object) -> None:
        self._stopping = True

    def _read_plan(self) -> None:
        plan = self._run / "components.json"
        changed = plan.stat().st_mtime_ns
        if changed == self._plan_changed:
            return
        self._plan_changed = changed
        for component in parse_components(plan.read_text()):
            if component.name not in self._kept:
                self._kept[component.name] = Kept(component=component)

    def _look_after(self, kept: Kept) -> None:
        now = time.monotonic()
        if kept.process is not None:
            if (code := kept.process.poll()) is None:
                return
            kept.process = None
            kept.failures = 1 if now - kept.began >= STEADY_SECONDS else kept.failures + 1
            kept.may_start_at = now + restart_delay(kept.failures)
            self._note(f"{kept.component.name} {how_it_ended(code)}")
        if now < kept.may_start_at or (self._run / "held" / kept.component.name).exists():
            return
        if kept.was_started or self._has_what_it_needs(kept.component):
            self._start(kept)

    def _has_what_it_needs(self, component: Component) -> bool:
        for name in component.needs:
            if name not in self._healthy:
                needed = self._kept[name]
                if needed.process is None or needed.component.health.trouble():
                    return False
                self._healthy.add(name)
        return True

    def _start(self, kept: Kept) -> None:
        component = kept.component
        log_path = Path(component.log)
        bound_log(log_path)
        kept.began = time.monotonic()
        try:
            with log_path.open("ab") as log:
                kept.process = subprocess.Popen(
                    component.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            kept.may_start_at = kept.began + MAX_DELAY_SECONDS
            self._note(f"{component.name} cannot be started: {error}")
            return
        path = self._run / f"{component.name}.json"
        before = RunFile.load(path)
        if (identity := identify(kept.process.pid)) is not None:
            run_file = RunFile(process=identity, starts=before.starts + 1 if before else 1)
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(asdict(run_file)))
            unfinished.replace(path)
        self._note(f"{component.name} {'started again' if kept.was_started else 'started'}")
        kept.was_started = True

    def _stop_all(self) -> None:
        running = [kept for kept in reversed(self._kept.values()) if kept.process is not None]
        for kept in running:
            _signal(kept, signal.Signals[kept.component.stop_signal])
        deadline = time.monotonic() + STOP_SECONDS
        for kept in running:
            _wait(kept, deadline)
        for kept in running:
            _signal(kept, signal.SIGKILL)
        for kept in running:
            _wait(kept, time.monotonic() + STOP_SECONDS)

    def _note(self, line: str) -> None:
        # Our own output is the supervisor's log.
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stdout.flush()


def _signal(kept: Kept, signum: int) -> None:
    if kept.process is not None and kept.process.poll() is None:
        kept.process.send_signal(signum)


def _wait(kept: Kept, deadline: float) -> None:
    if kept.process is not None:
        try:
            kept.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


if __name__ == "__main__":
    os.umask(0o022)
    Supervisor(Path(sys.argv[1]) / "run").run()
