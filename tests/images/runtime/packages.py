"""Packages as they lie in an image, made of a few lines, and the real runner on them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from studiolo.packaging.inspection import inspect_module
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUN = Path(__file__).parents[3] / "images" / "runtime" / "run.py"
PATIENCE_SECONDS = 60.0


def package(root: Path, source: str, **files: str) -> Path:
    """The tree of an image's `/opt/studiolo`, with the contract that packaging this module gives."""
    inspection = inspect_module(source.encode(), name="model.py")
    contract = Plan(inspection=inspection, project=Project(folder=root, files=()), source="model.py").contract
    for folder in ("entry", "model", "packages"):
        (root / folder).mkdir(parents=True)
    (root / "entry" / "contract.json").write_text(json.dumps(contract))
    (root / "model" / "model.py").write_text(source)
    for name, content in files.items():
        (root / "model" / name.replace("__", ".")).write_text(content)
    return root


@dataclass(frozen=True)
class Done:
    """A run that has ended."""

    code: int
    err: str
    output: Path

    @property
    def result(self) -> Any:
        return json.loads((self.output / "result.json").read_text())

    @property
    def failure(self) -> str:
        return (self.output / "failure").read_text()


def run(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Done:
    output = root.parent / "output"
    command = [sys.executable, "-P", str(RUN), *words, "--output", str(output)]
    done = subprocess.run(
        command, env=_env(root, env), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    return Done(code=done.returncode, err=done.stderr, output=output)


@dataclass
class Served:
    """A model that is being served."""

    client: httpx.Client
    process: subprocess.Popen[str]
    url: str

    def post(self, path: str, content: Any, **headers: str) -> httpx.Response:
        if isinstance(content, str | bytes):
            return self.client.post(path, content=content, headers=headers)
        return self.client.post(path, json=content, headers=headers)


@contextmanager
def served(root: Path, *, env: Mapping[str, str] | None = None, until: str = "Ready.") -> Iterator[Served]:
    """Serves it on a port of the system's choice, until the log says that it is ready."""
    command = [sys.executable, "-P", str(RUN), "serve"]
    port = _free_port()
    process = subprocess.Popen(
        command,
        env=_env(root, {"PORT": str(port), "STUDIOLO_HOST": "127.0.0.1", **(env or {})}),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its own group: it may have worker processes
    )
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if re.search(until, line):
                break
        else:
            raise AssertionError(f"it ended before it was ready:\n{said}")
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            yield Served(client, process, url)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _free_port() -> int:
    import socket  # noqa: PLC0415 - here alone

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _env(root: Path, more: Mapping[str, str] | None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "STUDIOLO_MODEL_ROOT": str(root), **(more or {})}
