"""What the tests of the supervisor share: a program that can be healthy or broken, and a reporter that remembers."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from deploy.local.ports import free_port
from deploy.local.processes import HealthCheck, ProcessPlan
from deploy.local.reporting import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """
import http.server, os, pathlib, signal, subprocess, sys
port, folder, mode = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
print("started", os.getpid(), flush=True)
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\\n")
if mode == "broken":
    print("this is why", flush=True)
    sys.exit(3)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "with-helper":
    helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    (folder / "helper").write_text(str(helper.pid))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if mode == "sick" else 200)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def lines() -> io.StringIO:
    """What a reporter has printed."""
    return io.StringIO()


@pytest.fixture
def reporter(lines: io.StringIO) -> Reporter:
    return Reporter(Console(file=lines, width=200, highlight=False))


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., ProcessPlan]:
    """A plan for a small program: `plan("hub")`, `plan("hub", "broken")`."""

    def make(name: str = "hub", mode: str = "healthy") -> ProcessPlan:
        port = free_port()
        folder = tmp_path / name
        folder.mkdir()
        return ProcessPlan(
            name=name,
            argv=(sys.executable, "-c", PROGRAM, str(port), str(folder), mode),
            env=dict(os.environ),
            cwd=folder,
            log=folder / "log",
            health=HealthCheck(url=f"http://127.0.0.1:{port}/"),
        )

    return make
