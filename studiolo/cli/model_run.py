"""`studiolo model run`: a package of this machine, without a container."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from studiolo.cli.model_completion import KeepsWords, complete_hyperparameter, complete_package
from studiolo.cli.model_names import find_package, parse_reference
from studiolo.cli.output import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERBS: Final = ("train", "batch_predict", "serve")

LARGEST_RESULT: Final = 2**20
"""Bytes of a result that is printed; a larger one stays in its file."""


@click.command(cls=KeepsWords)
@click.argument("reference", metavar="NAME[:VERSION]", shell_complete=complete_package)
@click.argument("verb", metavar="[train|batch_predict|serve]", required=False, type=click.Choice(VERBS))
@click.option(
    "--set",
    "values",
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=complete_hyperparameter,
    help="A hyperparameter; as often as there are some to set.",
)
@click.option(
    "--input", "input_", type=click.Path(), help="What batch_predict is given: CSV, JSON, JSON lines, Parquet."
)
@click.option("--output", type=click.Path(file_okay=False), help="Where results are left.  [default: below /tmp]")
@click.option("--python", "python", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The Python.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON at the end, and nothing else to stdout.")
@click.pass_context
def run(
    ctx: click.Context,
    reference: str,
    verb: str | None,
    *,
    values: tuple[str, ...],
    input_: str | None,
    output: str | None,
    python: Path | None,
    as_json: bool,
) -> None:
    """Run a package without a container; it serves where nothing else is said.

    Ends with 1 where the model failed, and with 2 where what was asked cannot be done.
    """
    from studiolo.packaging.dependency_layer import OWN_PACKAGES  # noqa: PLC0415 - completion needs none of it
    from studiolo.packaging.runner_layer import runner_folder  # noqa: PLC0415 - see above
    from studiolo.packaging.unpacked import unpack  # noqa: PLC0415 - see above

    asked = parse_reference(reference)
    store, found = asyncio.run(find_package(asked))
    root = asyncio.run(unpack(store, found.digest))
    if as_json:
        output = output or os.environ.get("STUDIOLO_OUTPUT_DIR") or tempfile.mkdtemp(prefix="studiolo-")
    words = [*([verb] if verb else []), *(f"--set={one}" for one in values)]
    words += [f"--{name}={told}" for name, told in (("input", input_), ("output", output)) if told]
    command = [str(python or sys.executable), "-P", str(runner_folder() / "run.py"), *words]
    # Without what its person has installed beside the environment, as wherever else it will run.
    env = {name: value for name, value in os.environ.items() if name != OWN_PACKAGES}
    env |= {"STUDIOLO_MODEL_ROOT": str(root), "PYTHONPATH": str(root / "packages")}
    if not as_json or output is None:
        ctx.exit(_exit_code(subprocess.run(command, env=env, check=False).returncode))
    told = {"name": asked.name, "digest": found.digest, "verb": verb or os.environ.get("STUDIOLO_VERB", "serve")}
    described = _watched(command, env, Path(output))
    click.echo(json.dumps({**told, **described}, ensure_ascii=False))
    ctx.exit(described["exit_code"])


def _watched(command: Sequence[str], env: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """How it ended, and what came of it. What it prints goes to stderr."""
    result, failure = folder / "result.json", folder / "failure"
    before = {path: _written(path) for path in (result, failure)}
    last = ""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=subprocess.STDOUT, errors="replace") as process:
        for line in process.stdout or ():
            sys.stderr.write(line)
            sys.stderr.flush()
            last = line.strip() or last
    code = process.returncode
    described: dict[str, Any] = {"exit_code": _exit_code(code), "output": str(folder.absolute())}
    if code == 0:
        is_new = _written(result) not in {before[result], (0, 0)}
        return {**described, "result": _result(result) if is_new else None}
    if code < 0:
        return {**described, "reason": f"It was ended by {signal.Signals(-code).name}."}
    is_new = _written(failure) not in {before[failure], (0, 0)}
    return {**described, "reason": one_line(failure.read_text(errors="replace") if is_new else last)}


def _exit_code(code: int) -> int:
    """As a shell has it: 128 and the signal, where one ended it."""
    return code if code >= 0 else 128 - code


def _written(path: Path) -> tuple[int, int]:
    """Which file it is, and of when; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def _result(path: Path) -> Any:
    """What came of it; None where it is too large, or no JSON that others read."""
    try:
        return json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST_RESULT else None
    except (OSError, ValueError):
        return None
