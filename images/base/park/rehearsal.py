"""One whole start that nobody waits for, as a person who does not exist, so that the real one finds everything warm.

What stays of it is code: imports made on the way, compiled templates and expressions, schemas that were read. What must
not stay is in `traces.py`. No hub is asked: the answer that one would give is put in.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import shutil
import socket
import tempfile
from typing import TYPE_CHECKING, Any

from park.traces import Traces
from workspace_server.main import ALWAYS, Prepared, launch
from workspace_server.startup import HTTP_CLIENT, Startup

if TYPE_CHECKING:
    from collections.abc import Callable

NOBODY = "rehearsal"
PREFIX = f"/user/{NOBODY}/"
TOKEN = "nobody"  # noqa: S105 - opens nothing

ENV = {
    "JUPYTERHUB_API_TOKEN": TOKEN,
    "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",  # the port that discards: nothing is ever sent there
    "JUPYTERHUB_ACTIVITY_URL": "",
    "JUPYTERHUB_BASE_URL": "/",
    "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{NOBODY}",
    "JUPYTERHUB_HOST": "",
    "JUPYTERHUB_OAUTH_ACCESS_SCOPES": f'["access:servers!user={NOBODY}"]',
    "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
    "JUPYTERHUB_OAUTH_SCOPES": f'["access:servers!user={NOBODY}"]',
    "JUPYTERHUB_SERVER_NAME": "",
    "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
    "JUPYTERHUB_USER": NOBODY,
}
PERSON = {"kind": "user", "name": NOBODY, "scopes": [f"access:servers!user={NOBODY}"], "groups": [], "admin": False}

ASKED = ("api", "api/kernelspecs", "lab", "lab/api/settings", "lab/api/workspaces/default", "api/contents?content=1")
"""What JupyterLab's page asks for first."""

SECONDS = 60.0
"""On a machine that does a lot else. A rehearsal that hangs is given up, with the process: another one is parked."""


class _Rehearsal(Startup):
    """A start whose first answers nobody sees, and that ends after them."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__()
        self._socket = listening
        self.stop: Callable[[], None] = lambda: None
        self._asking: asyncio.Task[None] | None = None
        self._put_off: tuple[str, ...] = ()

    def adopted_socket(self) -> socket.socket:
        return self._socket

    def is_serving(self) -> None:
        self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def settled(self) -> None:
        """Never: what waits for it talks to the hub."""
        await asyncio.Event().wait()

    def puts_off(self, modules: tuple[str, ...]) -> None:
        self._put_off = modules

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                for path in ASKED:
                    await _get(self._socket.getsockname()[1], PREFIX + path)
            # Nobody waits for it here; of ten servers that are claimed at once, the first would do it while the others
            # are still waited for.
            for module in (HTTP_CLIENT, *self._put_off):
                with contextlib.suppress(Exception):  # the real start says what is wrong with it
                    importlib.import_module(module)
        finally:
            self.stop()


async def _get(port: int, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: token {TOKEN}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise RuntimeError(f"the rehearsal was answered {status} for {path}")


def rehearse(prepared: Prepared) -> dict[str, str]:
    """Starts a server as nobody, asks it a little, ends it, and forgets it.

    Gives the variables that modules set when they were imported on the way: they are imported only once.
    """
    env, folder = dict(os.environ), os.getcwd()  # noqa: PTH109 - given back as it was
    traces = Traces(prepared.single_user)
    home = tempfile.mkdtemp(prefix="rehearsal-")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)  # noqa: FBT003 - the only way to say it
    url = f"http://127.0.0.1:{listening.getsockname()[1]}{PREFIX}"
    os.environ.update(ENV, HOME=home, JUPYTER_RUNTIME_DIR=f"{home}/runtime", JUPYTERHUB_SERVICE_URL=url)
    os.chdir(home)
    given = set(os.environ)
    try:
        _launch(prepared, listening)
        return {name: value for name, value in os.environ.items() if name not in given and home not in value}
    finally:
        listening.close()
        os.environ.clear()
        os.environ.update(env)
        os.chdir(folder)
        shutil.rmtree(home, ignore_errors=True)
        traces.forget()


def _launch(prepared: Prepared, listening: socket.socket) -> None:
    hub_auth = importlib.import_module("jupyterhub.services.auth").HubAuth
    stock = hub_auth._api_request  # noqa: SLF001 - where all that is asked of the hub passes

    async def answered(self: Any, *_: Any, **__: Any) -> Any:  # noqa: ARG001 - JupyterHub's signature
        return PERSON

    startup = _Rehearsal(listening)
    hub_auth._api_request = answered  # noqa: SLF001 - as above
    try:
        quiet = ("--Application.log_level=ERROR", "--ServerApp.log_level=ERROR", "--allow-root")
        startup.stop = lambda: prepared.single_user.serverapp_class.instance().stop()
        launch(prepared, startup, [*quiet, *ALWAYS, f"--NotebookNotary.data_dir={os.environ['JUPYTER_RUNTIME_DIR']}"])
    finally:
        hub_auth._api_request = stock  # noqa: SLF001 - as above
