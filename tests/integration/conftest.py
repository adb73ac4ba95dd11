"""`studiolo up` itself, as a person starts it: its lines are read, it is signalled, and it restarts what dies."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
import pytest

from deploy.local.run_record import RunRecord, load_record, record_path
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from hub.settings import CHECKOUT
from spawner.machine import running_records
from spawner.processes import ProcessIdentity, descendants, identify, is_running
from tests.installed_software import share_software

if TYPE_CHECKING:
    from types import TracebackType

STUDIOLO = str(Path(sys.executable).with_name("studiolo"))
LINE_SECONDS = 120.0


class RunningUp(ThrowawayHub):
    """A data directory with free ports, and `studiolo up` running on it. What dies there comes back by itself."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lines: list[str] = []
        self.arguments: tuple[str, ...] = ()
        self.catalog = CHECKOUT
        self._printed = threading.Condition()
        self._up: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
        self.close()

    def up(self) -> None:
        """Start `studiolo up` and wait until it says that it is ready."""
        self.begin()
        self.wait_for_line("Ctrl-C stops it")

    def begin(self) -> None:
        """Start `studiolo up`."""
        self.lines.clear()
        self._has_ended = False
        self._up = subprocess.Popen(
            [STUDIOLO, "up", "--data", str(self.data.root), "--port", str(self.settings.proxy.port), *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._up,))
        self._reader.start()

    def _read(self, up: subprocess.Popen[str]) -> None:
        assert up.stdout is not None
        for line in up.stdout:
            with self._printed:
                self.lines.append(line.rstrip("\n"))
                self._printed.notify_all()
        with self._printed:
            self._has_ended = True
            self._printed.notify_all()

    def wait_for_line(self, part: str, *, count: int = 1) -> str:
        """The line with this part, as soon as it was printed so many times."""

        def found() -> list[str]:
            return [line for line in self.lines if part in line]

        with self._printed:
            self._printed.wait_for(lambda: len(found()) >= count or self._has_ended, timeout=LINE_SECONDS)
            assert len(found()) >= count, f"no line with {part!r} in:\n" + "\n".join(self.lines)
            return found()[count - 1]

    @property
    def record(self) -> RunRecord:
        """What it wrote down of itself."""
        return load_record(record_path(self.data))

    def all_processes(self) -> list[ProcessIdentity]:
        """Everything that runs because of it: the supervisor, what it started, keepers and what is below them."""
        roots = [*self.record.processes.values(), *self.keepers()]
        if self._up is not None and (own := identify(self._up.pid)) is not None:
            roots.append(own)
        below = [identify(pid) for root in roots for pid in descendants(root.pid)]
        return [process for process in {*roots, *below} if process is not None and is_running(process)]

    def keepers(self) -> list[ProcessIdentity]:
        """The parents of running workspaces."""
        return [record.keeper for record in running_records(self.data) if record.keeper is not None]

    def process(self, name: str) -> ProcessIdentity:
        """`proxy`, `hub` or `services` as it runs now."""
        return self.record.processes[name]

    def kill(self, name: str) -> None:
        """End a process as `kill -9` does; the supervisor brings it back."""
        os.kill(self.process(name).pid, signal.SIGKILL)

    def signal_up(self, number: signal.Signals) -> None:
        """Send a signal to `studiolo up` alone."""
        assert self._up is not None
        self._up.send_signal(number)

    def wait_for_end(self) -> int:
        """Its exit code, once it has ended."""
        assert self._up is not None
        code = self._up.wait(LINE_SECONDS)
        self._reader.join()
        assert self._up.stdout is not None
        self._up.stdout.close()
        self._up = None
        return code

    def end(self, number: signal.Signals = signal.SIGINT) -> int | None:
        """Stop it as Ctrl-C does; its exit code."""
        if self._up is None:
            return None
        self.signal_up(number)
        return self.wait_for_end()


@pytest.fixture
def new_up(tmp_path: Path) -> Iterator[Callable[[], RunningUp]]:
    """A data directory that `studiolo up` has not seen yet; nothing runs yet."""
    made: list[RunningUp] = []

    def make() -> RunningUp:
        made.append(RunningUp(tmp_path / f"data{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.__exit__(None, None, None)


@pytest.fixture
def up(new_up: Callable[[], RunningUp]) -> RunningUp:
    """A data directory; the test starts it."""
    return new_up()


@pytest.fixture(scope="module")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """`studiolo up`, one for a whole file, with catalogs of its own: the smallest software, all hardware."""
    catalog = tmp_path_factory.mktemp("catalog")
    requirements = "images/minimal/requirements.lock"
    (catalog / requirements).parent.mkdir(parents=True)
    shutil.copy(CHECKOUT / requirements, catalog / requirements)
    (catalog / "environments.yaml").write_text(
        f"environments:\n  minimal:\n    title: Minimal\n    requirements: {requirements}\n    default: true\n"
    )
    shutil.copy(CHECKOUT / "hardware.yaml", catalog / "hardware.yaml")
    root = tmp_path_factory.mktemp("up")
    share_software(root)
    running = RunningUp(root)
    running.arguments = ("--catalog", str(catalog))
    running.catalog = catalog
    with running:
        yield running


HOSTILE_TITLE = 'Ours <xss onxss=1> "&'
"""Whoever edits the catalogs is trusted; what they write is text all the same."""

TEAM_CATALOG = {
    "environments.yaml": f"""
environments:
  minimal:
    title: {json.dumps(HOSTILE_TITLE)}
    summary: {json.dumps(HOSTILE_TITLE)}
    requirements: images/minimal/requirements.lock
    default: true
  lab:
    title: The lab of vision
    requirements: images/minimal/requirements.lock
    teams: [vision]
  broken:
    title: Needs what no machine has
    requirements: images/minimal/requirements.lock
    programs: [no-such-program-anywhere]
""",
    "hardware.yaml": """
hardware:
  small: {title: Small, cpu: {request: 0.1, limit: 1}, memory: 1Gi, default: true}
  reserved: {title: Reserved for vision, cpu: {request: 0.1, limit: 1}, memory: 1Gi, teams: [vision]}
""",
}

VICTIM, ATTACKER = "alice", "mallory"
PASSWORD = "known to both of them"


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A real Studiolo for those who attack it: alice is of the team vision, mallory of none, and both may sign in."""
    catalogs = tmp_path_factory.mktemp("attacked-catalogs")
    (catalogs / "images").symlink_to(CHECKOUT / "images")
    for name, text in TEAM_CATALOG.items():
        (catalogs / name).write_text(text)
    root = tmp_path_factory.mktemp("attacked")
    share_software(root)
    with ThrowawayHub(root, {"catalogDirectory": catalogs}) as hub:
        with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
            for name in (VICTIM, ATTACKER):
                api.post(f"users/{name}").raise_for_status()
                api.put(f"users/{name}/password", json={"password": PASSWORD}).raise_for_status()
            api.post("groups/vision").raise_for_status()
            api.post("groups/vision/users", json={"users": [VICTIM]}).raise_for_status()
        yield hub


@pytest.fixture
def alice(attacked: ThrowawayHub) -> Iterator[httpx.Client]:
    """The victim's browser, signed in."""
    with contextlib.closing(attacked.browser(VICTIM, PASSWORD)) as browser:
        yield browser


@pytest.fixture
def mallory(attacked: ThrowawayHub) -> Iterator[httpx.Client]:
    """The attacker's browser, signed in."""
    with contextlib.closing(attacked.browser(ATTACKER, PASSWORD)) as browser:
        yield browser


@pytest.fixture
def administrator(attacked: ThrowawayHub) -> Iterator[httpx.Client]:
    """The browser of the administrator, who looks at what others typed."""
    with contextlib.closing(attacked.browser(ADMIN, attacked.admin_password)) as browser:
        yield browser
