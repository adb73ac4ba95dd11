"""Real servers in the real `minimal` environment, against a hub that is a hundred lines of its API."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from spawner.environment_studiolo import own_wheels
from spawner.environments import EnvironmentStore
from studiolo.catalog import Environment
from tests.fakes.hub_of_servers import SERVER_TOKEN, HubOfServers, running_hub
from tests.installed_software import SHARED

CHECKOUT = Path(__file__).parents[2]
START_SERVER = CHECKOUT / "images" / "base" / "start_server.py"
PREFIX = "/user/alice/"
PATIENCE_SECONDS = 60.0
"""For a server to answer, on a machine that is busy with other tests."""


@dataclass
class RunningServer:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path
    log: Path

    def get(self, path: str, token: str = "", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.get(f"{self.url}{PREFIX}{path}", headers=headers, trust_env=False, timeout=30, **options)

    def post(self, path: str, token: str = "", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.post(f"{self.url}{PREFIX}{path}", headers=headers, trust_env=False, timeout=30, **options)

    def end(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.send_signal(signum)
                self.process.wait(PATIENCE_SECONDS)
                return


def server_env(hub: HubOfServers, home: Path, python: Path, port: int) -> dict[str, str]:
    """What JupyterHub gives every server."""
    return {
        "HOME": str(home),
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "JUPYTERHUB_ACTIVITY_URL": f"{hub.url}/users/alice/activity",
        "JUPYTERHUB_API_TOKEN": SERVER_TOKEN,
        "JUPYTERHUB_API_URL": hub.url,
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!user=alice"]',
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!user=alice"]',
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{PREFIX}",
        "JUPYTERHUB_USER": "alice",
    }


StartServer = Callable[..., RunningServer]


@contextlib.contextmanager
def starting_servers(hub: HubOfServers, folder: Path) -> Iterator[StartServer]:
    running: list[RunningServer] = []

    def start_server(
        python: Path,
        *,
        program: tuple[str, ...] = ("-P", str(START_SERVER)),
        env: Mapping[str, str] | None = None,
        is_told: bool = True,
    ) -> RunningServer:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        ready, told = os.pipe()
        ours = {"STUDIOLO_LISTEN_FD": str(listening.fileno()), "STUDIOLO_READY_FD": str(told)} if is_told else {}
        if not is_told:
            listening.close()
        log = folder / f"server-{len(running)}.log"
        as_root = ("--allow-root",) if os.geteuid() == 0 else ()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [python, *program, *as_root],
                env={**server_env(hub, home, python, port), **ours, **(env or {})},
                cwd=home,
                stdout=output,
                stderr=output,
                pass_fds=(listening.fileno(), told) if is_told else (),
            )
        server = RunningServer(process=process, url=f"http://127.0.0.1:{port}", home=home, log=log)
        running.append(server)
        os.close(told)
        if is_told:
            listening.close()
            with os.fdopen(ready, "rb") as pipe:
                assert pipe.read() == b"ready\n", log.read_text()
        else:
            os.close(ready)
            wait_until_it_answers(server)
        return server

    try:
        yield start_server
    finally:
        for server in running:
            server.end()


@pytest.fixture
def hub() -> Iterator[HubOfServers]:
    with running_hub() as known:
        yield known


@pytest.fixture
def start(hub: HubOfServers, tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers the way the spawner does; `program` and `env` for those who do it otherwise."""
    with starting_servers(hub, tmp_path) as start_server:
        yield start_server


STOCK = ("-c", "from jupyterhub.singleuser import main; main()")


@pytest.fixture(scope="module", params=["ours", "stock"])
def ours_and_stock(
    request: pytest.FixtureRequest, minimal: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, HubOfServers]]:
    """Our server, then the stock one, and the hub each belongs to: what is asked of the one holds for the other."""
    with running_hub() as known, starting_servers(known, tmp_path_factory.mktemp("server")) as start_server:
        if request.param == "ours":
            yield start_server(minimal), known
        else:
            yield start_server(minimal, program=STOCK, is_told=False), known


def wait_until_it_answers(server: RunningServer) -> None:
    with httpx.Client(
        trust_env=False, transport=httpx.HTTPTransport(retries=9)
    ) as client:  # half a second, then twice …
        client.get(f"{server.url}{PREFIX}api", timeout=PATIENCE_SECONDS)


def build(environment: Environment) -> Path:
    """The Python of an environment. Kept from run to run: what is built already is used at once, as in life."""
    store = EnvironmentStore(SHARED, wheels=own_wheels(), log=logging.getLogger(__name__))
    asyncio.run(store.build(environment, lambda _: None))
    return store.python(environment)


@pytest.fixture(scope="session")
def minimal() -> Path:
    lock = CHECKOUT / "images" / "minimal" / "requirements.lock"
    return build(Environment(name="minimal", title="Minimal", requirements=lock))


TENSORBOARD_FOR_TEST = '''
"""Serves what it was started with, under TensorBoard's name and with its options."""
import argparse, functools, http.server, pathlib
options = argparse.ArgumentParser()
for name in ("--logdir", "--host", "--port", "--load_fast"):
    options.add_argument(name)
known = options.parse_args()
serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=known.logdir)
http.server.ThreadingHTTPServer((known.host, int(known.port)), serve).serve_forever()
'''


@pytest.fixture(scope="session")
def with_apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`minimal` with jupyter-server-proxy and something that answers as TensorBoard."""
    folder = tmp_path_factory.mktemp("with-apps")
    large = (CHECKOUT / "images" / "deep-learning" / "requirements.lock").read_text()
    more = [re.search(rf"^{name}==.*(\n .*)*", large, re.MULTILINE) for name in ("jupyter-server-proxy", "simpervisor")]
    lock = (CHECKOUT / "images" / "minimal" / "requirements.lock").read_text()
    (folder / "requirements.lock").write_text("\n".join([lock, *(found[0] for found in more if found)]) + "\n")
    package = folder / "files" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages" / "tensorboard"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "main.py").write_text(TENSORBOARD_FOR_TEST)
    return build(Environment(name="apps", title="Apps", requirements=folder / "requirements.lock"))
