"""Answers a second of a model that does next to nothing: the runner of our images against uvicorn and Starlette.

The same model, the same body, one process each, predictions in threads on both sides, sixteen connections that stay
open, interleaved. `python -m bench.serving` prints every round and writes `bench/results/serving.json`.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx
from rich.console import Console

from bench.comparison import RESULTS
from bench.http_load import Answered, ask_for
from bench.stock import free_ports
from spawner.data_directory import default_cache_directory
from studiolo.packaging.inspection import inspect_module
from studiolo.packaging.plan import Plan
from studiolo.packaging.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUN = Path(__file__).parents[1] / "images" / "runtime" / "run.py"
STOCK = {"uvicorn": ("uvicorn", "starlette"), "uvicorn[standard]": ("uvicorn[standard]", "starlette")}
"""As pip installs it, and with the parser and the event loop in C that it can have beside it."""

MODEL = "class Model:\n    def predict(self, x: float, y: float = 1.0):\n        return x * y\n"
BODY = json.dumps({"x": 2.0, "y": 3.0}).encode()
PATH = "/invocations"
CONNECTIONS = 16

APP = f"""
{MODEL}
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

model = Model()

async def invocations(request):
    result = await run_in_threadpool(model.predict, **await request.json())
    return JSONResponse({{"predictions": result}})

app = Starlette(routes=[Route("{PATH}", invocations, methods=["POST"])])
"""
"""What a person writes: predictions in threads, as our runner makes them and as FastAPI does with a plain `def`."""


def stock_python(name: str) -> Path:
    """The Python of an environment with one of the stacks."""
    home = default_cache_directory() / "bench" / f"serving-{name.replace('[', '-').replace(']', '')}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
        install: list[str | Path] = [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            python,
            *STOCK[name],
        ]
        subprocess.run(install, check=True, cwd=home)  # away from this checkout's settings
        (home / "complete").touch()
    return python


def versions_of(python: Path) -> dict[str, str]:
    """What the comparison depends on."""
    ask = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    )
    said = subprocess.run([python, "-I", "-c", ask], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(said)
    return found


@contextmanager
def _running(words: list[str | Path], port: int, folder: Path, env: Mapping[str, str]) -> Iterator[int]:
    process = subprocess.Popen(
        words, cwd=folder, env={"PATH": os.environ["PATH"], **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=9), trust_env=False, timeout=30) as client:
            client.get(f"http://127.0.0.1:{port}/ping")
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serve_ours(folder: Path) -> Iterator[int]:
    """The runner on the tree of an image, by this Python; the port."""
    contract = Plan(
        inspection=inspect_module(MODEL.encode(), name="model.py"),
        project=Project(folder=folder, files=()),
        source="model.py",
    ).contract
    for name in ("entry", "model", "packages"):
        (folder / name).mkdir(parents=True)
    (folder / "entry" / "contract.json").write_text(json.dumps(contract))
    (folder / "model" / "model.py").write_text(MODEL)
    (port,) = free_ports(1)
    env = {"STUDIOLO_MODEL_ROOT": str(folder), "STUDIOLO_HOST": "127.0.0.1", "PORT": str(port)}
    with _running([sys.executable, "-P", RUN, "serve"], port, folder, env):
        yield port


@contextmanager
def serve_stock(name: str, folder: Path) -> Iterator[int]:
    """uvicorn; the port."""
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (port,) = free_ports(1)
    words: list[str | Path] = [stock_python(name), "-m", "uvicorn", "app:app", "--port", str(port), "--no-access-log"]
    with _running(words, port, folder, {}):
        yield port


def as_json(rounds: list[Answered]) -> dict[str, Any]:
    """Answers a second of each round, and how long they took."""
    seconds = sorted(second for one in rounds for second in one.seconds)
    rates = [one.per_second for one in rounds]
    return {
        "per_second": {
            "samples": [round(rate) for rate in rates],
            "median": round(statistics.median(rates)),
            "max": round(max(rates)),
        },
        "milliseconds": {
            "median": round(statistics.median(seconds) * 1000, 2),
            "p99": round(seconds[int(len(seconds) * 0.99)] * 1000, 2),
        },
    }


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Of each stack, after one that is not counted.")
@click.option("--seconds", default=3.0, show_default=True, help="Of each round.")
def main(rounds: int, seconds: float) -> None:
    """Ask all of them in turns."""
    console = Console(width=120, highlight=False, markup=False)
    with tempfile.TemporaryDirectory(prefix="studiolo-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        ports = {"ours": stack.enter_context(serve_ours(folder / "ours"))}
        ports |= {name: stack.enter_context(serve_stock(name, folder / f"stock{n}")) for n, name in enumerate(STOCK)}
        taken: dict[str, list[Answered]] = {name: [] for name in ports}
        for number in range(rounds + 1):
            for name, port in ports.items():
                answered = asyncio.run(ask_for(seconds, port, PATH, BODY, connections=CONNECTIONS))
                if number:
                    taken[name].append(answered)
                console.print(f"{number or 'warm-up'}: {name} {answered.per_second:.0f} answers a second")
    found = {name: as_json(answers) for name, answers in taken.items()}
    rates = {name: one["per_second"] for name, one in found.items()}
    ratios = {
        name: {key: round(rates["ours"][key] / rates[name][key], 3) for key in ("median", "max")} for name in STOCK
    }
    for name, ratio in ratios.items():
        console.print(f"ours / {name}: median {ratio['median']:.2f}, best round {ratio['max']:.2f}")
    result = {
        "name": "serving",
        "what": "Answers a second, one process, predictions in threads",
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "versions": {name: versions_of(stock_python(name)) for name in STOCK},
        "connections": CONNECTIONS,
        **found,
        "ratio": ratios,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "serving.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written: {path}")


if __name__ == "__main__":
    main()
