"""The supervisor with real processes: starts in order, starts again, leaves alone what is held, stops all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.cluster.components import Component, render_components
from deploy.cluster.health import HealthCheck
from deploy.cluster.supervisor import RunFile, restart_delay
from spawner.processes import is_running

SECONDS = 30.0


def _sleeper(tmp_path: Path, name: str, *, needs: tuple[str, ...] = ()) -> Component:
    """A process that works from its first moment: it listens on a socket before it does nothing."""
    socket_path = tmp_path / f"{name}.sock"
    program = (
        "import socket, os, time; p = os.sys.argv[1]; os.path.exists(p) and os.unlink(p);"
        " s = socket.socket(socket.AF_UNIX); s.bind(p); s.listen(); time.sleep(600)"
    )
    return Component(
        name=name,
        argv=(sys.executable, "-c", program, str(socket_path)),
        log=str(tmp_path / f"{name}.log"),
        health=HealthCheck(url=f"unix://{socket_path}"),
        needs=needs,
    )


class Running:
    def __init__(self, state: Path) -> None:
        self.run = state / "run"
        (self.run / "held").mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None

    def plan(self, *components: Component) -> None:
        (self.run / "components.json").write_text(render_components(components))

    def start(self) -> None:
        argv = (sys.executable, "-P", "-m", "deploy.cluster.supervisor", str(self.run.parent))
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=SECONDS)

    def file(self, name: str) -> RunFile | None:
        return RunFile.load(self.run / f"{name}.json")

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    supervisor = Running(tmp_path / "state")
    yield supervisor
    supervisor.stop()


def test_what_needs_another_is_started_after_it_works(running: Running, tmp_path: Path) -> None:
    never = Component(
        name="never",
        argv=(sys.executable, "-c", "import time; time.sleep(600)"),
        log=str(tmp_path / "never.log"),
        health=HealthCheck(url=f"unix://{tmp_path / 'never.sock'}"),
    )
    first, second = _sleeper(tmp_path, "first"), _sleeper(tmp_path, "second", needs=("first",))
    third = _sleeper(tmp_path, "third", needs=("never",))
    running.plan(never, first, second, third)
    running.start()
    running.until(lambda: running.file("second") is not None)
    assert first.health.trouble() == ""
    assert running.file("third") is None


def test_what_ends_is_started_again_and_counted(running: Running, tmp_path: Path) -> None:
    running.plan(_sleeper(tmp_path, "one"))
    running.start()
    running.until(lambda: running.file("one") is not None)
    before = running.file("one")
    assert before is not None
    os.kill(before.process.pid, signal.SIGKILL)
    running.until(lambda: running.file("one") != before)
    after = running.file("one")
    assert after is not None
    assert (before.starts, after.starts) == (1, 2)


def test_what_is_held_stays_away_until_it_is_released(running: Running, tmp_path: Path) -> None:
    held, other = _sleeper(tmp_path, "held"), _sleeper(tmp_path, "other")
    (running.run / "held" / "held").touch()
    running.plan(held, other)
    running.start()
    running.until(lambda: running.file("other") is not None)
    assert running.file("held") is None
    (running.run / "held" / "held").unlink()
    running.until(lambda: running.file("held") is not None)


def test_a_component_that_joins_the_plan_is_started(running: Running, tmp_path: Path) -> None:
    running.plan(_sleeper(tmp_path, "one"))
    running.start()
    running.until(lambda: running.file("one") is not None)
    before = running.file("one")
    running.plan(_sleeper(tmp_path, "one"), _sleeper(tmp_path, "two"))
    running.until(lambda: running.file("two") is not None)
    assert running.file("one") == before


def test_all_end_with_the_supervisor(running: Running, tmp_path: Path) -> None:
    running.plan(_sleeper(tmp_path, "one"), _sleeper(tmp_path, "two"))
    running.start()
    running.until(lambda: running.file("one") is not None and running.file("two") is not None)
    running.stop()
    for name in ("one", "two"):
        run_file = running.file(name)
        assert run_file is not None
        assert not is_running(run_file.process)


def test_a_run_file_that_is_cut_off_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({})[:1])
    assert RunFile.load(tmp_path / "one.json") is None
    assert RunFile.load(tmp_path / "missing.json") is None


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 5), (9, 5)])
def test_pauses_grow_to_five_seconds(failures: int, seconds: float) -> None:
    assert restart_delay(failures) == seconds
