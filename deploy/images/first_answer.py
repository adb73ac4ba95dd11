"""How long an image takes from its start to its first HTTP answer, measured by running it here.

The server is started by the image's own command, with a hub that is the few answers a server asks for at its start.
It runs in a chroot, without the limits and the isolation of a pod: a figure to compare images by, not a promise.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

import httpx

from deploy.images.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.images.buildah import ImageStore

PATIENCE_SECONDS: Final = 60.0
LOOK_AGAIN_SECONDS: Final = 0.02
PREFIX: Final = "/user/check/"


class NoAnswerError(ImageError):
    """The server ended, or it did not answer in time."""

    code = "image_no_answer"


def measure_first_answer(layout: Path, *, store: ImageStore, hub_version: str) -> float:
    """Seconds from the start of the image's command to the first HTTP answer. Raises NoAnswerError."""
    with store.container(f"oci:{layout}") as container, _hub(hub_version) as hub_port:
        port = _free_port()
        env = _env(hub_port, port)
        command = store.run_in(container, env)
        began = time.monotonic()
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            printed: list[bytes] = []
            reader = threading.Thread(target=lambda: printed.extend(process.stdout or ()), daemon=True)
            reader.start()
            try:
                return _wait(process, f"http://127.0.0.1:{port}{PREFIX}api", began, printed)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_SECONDS / 6)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], url: str, began: float, printed: list[bytes]) -> float:
    with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        while (passed := time.monotonic() - began) < PATIENCE_SECONDS:
            if process.poll() is not None:
                said = b"".join(printed[-5:]).decode(errors="replace").strip()
                raise NoAnswerError(f"The server ended with exit code {process.returncode}. It said: {said}")
            with contextlib.suppress(httpx.TransportError):
                client.get(url)
                return time.monotonic() - began
            time.sleep(LOOK_AGAIN_SECONDS)
    raise NoAnswerError(f"The server did not answer within {passed:.0f} s.")


def _env(hub_port: int, port: int) -> dict[str, str]:
    """What JupyterHub gives every server."""
    hub = f"http://127.0.0.1:{hub_port}/hub/api"
    return {
        "JUPYTERHUB_ACTIVITY_URL": f"{hub}/users/check/activity",
        "JUPYTERHUB_API_TOKEN": "measured",
        "JUPYTERHUB_API_URL": hub,
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-check",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!user=check"]',
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!user=check"]',
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{PREFIX}",
        "JUPYTERHUB_USER": "check",
    }


@contextlib.contextmanager
def _hub(version: str) -> Iterator[int]:
    """A hub that knows its version, and thanks for everything else."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            text = json.dumps({"version": version}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-JupyterHub-Version", version)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            """Says nothing: the questions are not what is measured."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
