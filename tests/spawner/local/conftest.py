"""A small hub around our spawner: JupyterHub's own users and database, real processes, a fake store."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from spawner.admission import Capacity
from spawner.data_directory import DataDirectory
from spawner.environments import BuildFailed, BuildProgress, BuildStep
from spawner.gpu_watch import WatchedGpus
from spawner.gpus import SimulatedGpus
from spawner.local import LocalWorkspaceSpawner
from spawner.machine import Machine, running_records
from spawner.parked_servers import NothingParked, ParkedServers
from spawner.parts import SpawnerParts, StartRecord
from spawner.processes import kill_all, started_as
from spawner.record import read_record
from studiolo.catalog import Catalog
from tests.fakes.hub_objects import HubObjects

GIB = 1024**3
PATIENCE_SECONDS = 30.0
SMALL = {"environment": "python", "hardware": "small"}
GPU = {"environment": "python", "hardware": "gpu"}

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


# What runs as the server of a workspace


class ServerAnswers:
    """Adopts the socket, says that it is ready, and answers every request with its own environment."""

    source = """
        import http.server, json, os, signal, socket, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(dict(os.environ)).encode()
                self.send_response(200)
                self.send_header('X-JupyterHub-Version', '6.1.1')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        server = http.server.ThreadingHTTPServer(('', 0), Answer, bind_and_activate=False)
        server.socket.close()
        server.socket = socket.socket(fileno=int(os.environ['STUDIOLO_LISTEN_FD']))
        gate = os.environ.get('GATE')
        if gate:
            open(gate).read()
        try:
            os.write(int(os.environ['STUDIOLO_READY_FD']), b'ready\\n')
        except BrokenPipeError:
            pass
        os.close(int(os.environ['STUDIOLO_READY_FD']))
        server.serve_forever()
    """


class ServerExitsBeforeReady:
    """Says why and ends."""

    source = """
        import sys
        print('no module named jupyterlab')
        sys.exit(3)
    """


class ServerSaysNothing:
    """Runs and says nothing."""

    source = "import time; print('thinking', flush=True); time.sleep(600)"


PARKS = """
    import json, os, socket, sys, time
    if sys.argv[2].endswith('start_parked.py'):
        door = socket.socket(socket.AF_UNIX)
        door.bind('identity.sock')
        door.listen(1)
        os.write(int(os.environ['STUDIOLO_PARK_READY_FD']), b'parked\\n')
        asked, _ = door.accept()
        {before}
        message = json.loads(asked.makefile('rb').readline())
        asked.sendall(b'accepted\\n')
        {after}
        os.environ.clear()
        os.environ.update(message['env'])
        os.chdir(message['cwd'])
"""


class ServerParks(ServerAnswers):
    """The same, also started for nobody: then it waits for one message, and answers afterwards."""

    source = textwrap.dedent(PARKS.format(before="", after="")) + textwrap.dedent(ServerAnswers.source)


class ServerDiesAtTheClaim(ServerAnswers):
    """Where it was parked, it ends in the very moment of the claim."""

    source = textwrap.dedent(PARKS.format(before="sys.exit('gone')", after="")) + textwrap.dedent(ServerAnswers.source)


class ServerDiesAfterTheClaim(ServerAnswers):
    """Where it was parked, it takes the message and ends."""

    source = textwrap.dedent(PARKS.format(before="", after="sys.exit(4)")) + textwrap.dedent(ServerAnswers.source)


class ServerTakesNoMessage(ServerAnswers):
    """Where it was parked, it hangs when somebody comes."""

    source = textwrap.dedent(PARKS.format(before="time.sleep(600)", after="")) + textwrap.dedent(ServerAnswers.source)


# What the store of environments does


@dataclass
class FakeEnvironments:
    """An environment is the program that was set; it is there, unless a build was asked for."""

    folder: Path
    program: type = ServerAnswers
    is_built: bool = True
    missing: tuple[str, ...] = ()
    builds: list[str] = field(default_factory=list)

    def identify(self, environment: Any) -> Any:
        return SimpleNamespace(digest=f"digest-of-{environment.name}")

    def is_ready(self, environment: Any) -> bool:
        return self.is_built

    def missing_programs(self, environment: Any) -> tuple[str, ...]:
        return self.missing

    def python(self, environment: Any) -> Path:
        program = self.folder / "python"
        program.write_text(f"#!{sys.executable} -S\n{textwrap.dedent(self.program.source)}")
        program.chmod(0o700)
        return program

    async def build(self, environment: Any, on_progress: Callable[[BuildProgress], None]) -> Path:
        if not self.is_built:
            self.builds.append(environment.name)
            on_progress(
                BuildProgress(
                    step=BuildStep.INSTALLING,
                    packages_done=3,
                    packages_total=9,
                    seconds_left=4.0,
                    printed=("uv says hi",),
                )
            )
            self.is_built = True
        return self.folder


class SoftwareCannotBeInstalled(FakeEnvironments):
    """uv says why, and that is what the person reads."""

    async def build(self, environment: Any, on_progress: Callable[[BuildProgress], None]) -> Path:
        raise BuildFailed("The package index has no package nunpy.", ["error: nunpy was not found"])


class SoftwareTakesForEver(FakeEnvironments):
    """A download that hangs."""

    is_built: bool = False

    async def build(self, environment: Any, on_progress: Callable[[BuildProgress], None]) -> Path:
        await asyncio.Event().wait()
        return self.folder


class RememberedStarts:
    """Keeps what it is told."""

    is_away: ClassVar[bool] = False

    def __init__(self) -> None:
        self.told: list[StartRecord] = []

    def record(self, start: StartRecord) -> None:
        self.told.append(start)


class SmallHub(HubObjects[LocalWorkspaceSpawner]):
    """JupyterHub's own user and database objects around our spawner, without its web server and its proxy."""

    def __init__(self, data: DataDirectory, catalog: Catalog, environments: FakeEnvironments) -> None:
        super().__init__(LocalWorkspaceSpawner)
        self.data = data
        self.environments = environments
        self.starts = RememberedStarts()
        self.capacity = Capacity(memory_bytes=10 * GIB, cpu_cores=4, gpus=("GPU-a",))
        self.catalogs = SimpleNamespace(current=catalog)
        self.parked: ParkedServers = NothingParked()
        self.gate = Path()
        """Where a server that was told to waits for a word."""
        self.restart()

    def restart(self) -> None:
        """What was in memory is gone; files, database and processes stay."""
        self.machine = Machine(lambda: self.capacity)
        self.machine.restore(record.held for record in running_records(self.data))
        LocalWorkspaceSpawner.parts = SpawnerParts(
            data=self.data,
            catalogs=self.catalogs,  # type: ignore[arg-type]  # a catalog that does not change
            machine=self.machine,
            environments=self.environments,  # type: ignore[arg-type]  # the fake above
            starts=self.starts,
            gpus=WatchedGpus(SimulatedGpus(0)),
            parked=self.parked,
        )
        super().restart()

    def is_recorded(self) -> bool:
        """Whether the keeper has written down who runs, a moment after the server was made."""
        return any(record.server_process for record in running_records(self.data))


@pytest.fixture
async def hub(tmp_path: Path, sample_catalog: Catalog) -> AsyncIterator[SmallHub]:
    data = DataDirectory(root=tmp_path / "data")
    program = tmp_path / "environment"
    program.mkdir()
    hub = SmallHub(data, sample_catalog, FakeEnvironments(program))
    yield hub
    for path in data.workspaces.glob("*/record.json"):
        if (record := read_record(path)) is not None:
            kill_all(started_as(record.start_id))
    for server in list(hub.user.orm_user.orm_spawners):
        await hub.spawner(server).stop(now=True)
        hub.spawner(server).stop_polling()
    await hub.close()


# One fixture for each way to fail: the hub of the test, and what goes wrong in it


@pytest.fixture
def server_exits_before_ready(hub: SmallHub) -> SmallHub:
    hub.environments.program = ServerExitsBeforeReady
    return hub


@pytest.fixture
def server_says_nothing(hub: SmallHub) -> SmallHub:
    hub.environments.program = ServerSaysNothing
    return hub


@pytest.fixture
def software_cannot_be_installed(hub: SmallHub) -> SmallHub:
    hub.environments = SoftwareCannotBeInstalled(hub.environments.folder, is_built=False)
    hub.restart()
    return hub


@pytest.fixture
def software_takes_for_ever(hub: SmallHub) -> SmallHub:
    hub.environments = SoftwareTakesForEver(hub.environments.folder, is_built=False)
    hub.restart()
    return hub


@pytest.fixture
async def hub_restarts_during_start(hub: SmallHub, tmp_path: Path, eventually: Eventually) -> AsyncIterator[SmallHub]:
    """The hub is gone between the start of the process and its first answer; `hub.gate` holds the server back."""
    hub.gate = tmp_path / "gate"
    os.mkfifo(hub.gate)
    begun = asyncio.ensure_future(hub.start({**SMALL, "env": {"GATE": str(hub.gate)}}))
    await eventually(hub.is_recorded)
    # The start goes on in the hub that was, which must not be cancelled: a hub that is killed cleans nothing up.
    hub.restart()
    yield hub
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun
