"""Parked servers for tests: what the keeper of a workspace, or the agent of a node, does with them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.hub_of_servers import HubOfServers
from tests.images.conftest import CHECKOUT, RunningServer, server_env

START_PARKED = CHECKOUT / "images" / "base" / "start_parked.py"
PARK_ENV = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}


@dataclass
class ParkedServer:
    """A server that waits for its person."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    ready: int
    ready_for_the_server: int
    listen_for_the_server: int
    door: str = "identity.sock"

    @property
    def log(self) -> Path:
        return self.folder / "parked.log"

    def send(self, sent: bytes) -> bytes:
        """What it answers; nothing where it does not take that."""
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(self.folder / self.door))
            door.settimeout(30)
            with contextlib.suppress(ConnectionError):
                door.sendall(sent)
                return door.recv(64)
        return b""

    def claim(self, message: Mapping[str, Any]) -> RunningServer:
        """Delivers an identity; gives the server once it answers."""
        assert self.send(json.dumps(message).encode() + b"\n") == b"accepted\n", self.log.read_text()
        assert os.read(self.ready, 64) == b"ready\n", self.log.read_text()
        home = Path(message["env"]["HOME"])
        return RunningServer(process=self.process, url=f"http://127.0.0.1:{self.port}", home=home, log=self.log)

    def identity(self, hub: HubOfServers, home: Path, python: Path, **env: str) -> dict[str, Any]:
        """Alice's, as `start_server.py` would get it as variables."""
        home.mkdir(exist_ok=True)
        ours = {
            "STUDIOLO_READY_FD": str(self.ready_for_the_server),
            "STUDIOLO_LISTEN_FD": str(self.listen_for_the_server),
        }
        return {
            "version": 1,
            "env": {**server_env(hub, home, python, self.port), **ours, **env},
            "cwd": str(home),
            "umask": 0o022,
            "arguments": ["--allow-root"] if os.geteuid() == 0 else [],
        }


Park = Callable[..., ParkedServer]


@contextlib.contextmanager
def parking(folder: Path) -> Iterator[Park]:
    """Parks servers, and ends them."""
    parked: list[ParkedServer] = []

    def park(python: Path, **env: str) -> ParkedServer:
        own = folder / f"parked-{len(parked)}"
        own.mkdir()
        listening = socket.create_server(("127.0.0.1", 0))
        ready, told = os.pipe()
        orders = {
            "STUDIOLO_PARK_UID": str(os.geteuid()),
            "STUDIOLO_PARK_LISTEN_FD": str(listening.fileno()),
            "STUDIOLO_PARK_READY_FD": str(told),
        }
        with (own / "parked.log").open("wb") as output:
            process = subprocess.Popen(
                [python, "-P", str(START_PARKED)],
                env={**PARK_ENV, **orders, **env},
                cwd=own,
                stdout=output,
                stderr=output,
                pass_fds=(listening.fileno(), told),
            )
        server = ParkedServer(
            process=process,
            folder=own,
            port=listening.getsockname()[1],
            ready=ready,
            ready_for_the_server=told,
            listen_for_the_server=listening.fileno(),
        )
        parked.append(server)
        os.close(told)
        listening.close()
        assert os.read(ready, 64) == b"parked\n", server.log.read_text()
        return server

    try:
        yield park
    finally:
        for server in parked:
            RunningServer(process=server.process, url="", home=server.folder, log=server.log).end()
            os.close(server.ready)
