"""What tests of running workspaces share: a launcher whose processes end with the test, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spawner.admission import Held
from spawner.data_directory import WorkspaceFiles
from spawner.ending import Ending
from spawner.processes import kill_all, started_as
from spawner.record import WorkspaceRecord
from spawner.workspace_process import KeeperJob, WorkspaceProcess

PATIENCE_SECONDS = 30.0
"""Ten times what anything here takes on an idle machine."""


@dataclass
class LaunchedServer:
    """A Python program under a real keeper, and the lines it says on the pipe that a server would say `ready` on."""

    process: WorkspaceProcess
    files: WorkspaceFiles
    start_id: str
    lines: asyncio.StreamReader
    said: list[str] = field(default_factory=list)

    async def says(self) -> str:
        """The next line; "" when nobody is left who could say one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self.lines.readline()).decode().strip()

    async def ending(self) -> Ending:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait_until_ended()

    @property
    def log(self) -> str:
        return self.files.log.read_text()


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts a piece of Python as the server of a workspace; `say(text)` in it reaches the test."""
    launched: list[LaunchedServer] = []
    transports: list[asyncio.BaseTransport] = []

    async def launch_server(
        source: str, *, memory_bytes: int | None = None, argv: tuple[str, ...] | None = None, stop_seconds: float = 10.0
    ) -> LaunchedServer:
        files = WorkspaceFiles(root=tmp_path / "workspace")
        start_id = uuid.uuid4().hex
        read, write = os.pipe()
        say = f"import os, sys, time\nsay = lambda text: os.write({write}, f'{{text}}\\n'.encode())\n"
        record = WorkspaceRecord(
            start_id=start_id,
            held=Held(key="alice--default", memory_bytes=memory_bytes or 0, cpu_cores=1),
            url="http://127.0.0.1:1",
            environment_digest="d" * 8,
            started_at=datetime.now(UTC),
        )
        process = WorkspaceProcess(files)
        process.prepare(record)
        process.launch(
            KeeperJob(
                argv=argv or (sys.executable, "-S", "-u", "-c", say + textwrap.dedent(source)),
                env={"GREETING": "hello"},
                cwd=tmp_path,
                record=record,
                memory_bytes=memory_bytes,
                is_memory_watched=memory_bytes is not None,
                pass_fds=(write,),
                stop_seconds=stop_seconds,
            )
        )
        os.close(write)
        lines = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(read, "rb")
        )
        transports.append(transport)
        server = LaunchedServer(process=process, files=files, start_id=start_id, lines=lines)
        launched.append(server)
        return server

    yield launch_server
    for transport in transports:
        transport.close()
    for server in launched:
        kill_all(started_as(server.start_id))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.process.wait_until_ended()


async def eventually(holds: Callable[[], bool]) -> None:
    """Returns once it holds; for facts of other processes that nothing announces."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - another process makes it true and tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[[Callable[[], bool]], Any]:
    return eventually
