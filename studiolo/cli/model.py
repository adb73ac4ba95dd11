"""`studiolo model`: from a notebook to an image, on this machine. No service is needed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from studiolo.cli.model_base import base
from studiolo.cli.model_copies import pull, push
from studiolo.cli.model_kept import delete, list_, show
from studiolo.cli.model_run import run
from studiolo.cli.output import json_option, note, plain_http_option, print_json, print_table
from studiolo.quantities import format_duration, format_memory

if TYPE_CHECKING:
    from studiolo.packaging.inspection import Inspection
    from studiolo.packaging.locally import LocalPackage

NOTEBOOK = click.Path(path_type=Path)


@click.group()
def model() -> None:
    """Package models: notebooks with a class Model."""


model.add_command(push)
model.add_command(pull)
model.add_command(run)
model.add_command(list_)
model.add_command(show)
model.add_command(delete)


model.add_command(base)


@model.command()
@click.argument("path", type=NOTEBOOK)
@json_option
@click.pass_context
def inspect(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show what would be packaged of the notebook or module PATH. Nothing of it is run.

    Ends with 1 where something stands against packaging it.
    """
    from studiolo.packaging.apt import apt_in, needs_apt  # noqa: PLC0415 - most commands do not need it
    from studiolo.packaging.inspection import inspect_file  # noqa: PLC0415 - as above

    found = inspect_file(_there(path))
    apt = apt_in(path.parent)
    if as_json:
        print_json({**found.as_json(), "apt": list(apt)})
    else:
        _show(found)
        if apt:
            note(f"warning: {needs_apt(apt)}")
    if found.problems:
        ctx.exit(1)


@model.command()
@click.argument("path", type=NOTEBOOK)
@click.option("--name", default="", help="What the model is called.  [default: as its file]")
@click.option("--version", default="", help="A version, written once.  [default: from its content]")
@click.option(
    "--python",
    "python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The Python that it will run under, with what is installed there.  [default: this one]",
)
@click.option("--base", metavar="IMAGE", help="The image it stands on: HOST/REPOSITORY@sha256:…  [default: none]")
@click.option("--environment", metavar="NAME", help="The environment whose image it stands on, of a catalog.")
@click.option(
    "--catalog",
    default=".",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where environments.yaml is.  [default: here]",
)
@plain_http_option
@click.option("--allow-secrets", is_flag=True, help="Package what looks like a key or a password; that is recorded.")
@json_option
def package(
    path: Path,
    *,
    name: str,
    version: str,
    python: Path | None,
    base: str | None,
    environment: str | None,
    catalog: Path,
    plain_http: bool,
    allow_secrets: bool,
    as_json: bool,
) -> None:
    """Make an image of the notebook or module PATH and its folder, on this machine.

    Of what it stands on, nothing is fetched but its description. What nobody knows to be in an image goes in.
    """
    from studiolo.cli.model_bases import chosen_base  # noqa: PLC0415 - see above
    from studiolo.packaging.dependency_layer import OWN_PACKAGES, ask_python, index_of  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import check_version, name_of, package_locally  # noqa: PLC0415 - see above

    check_version(version)
    executable = python or Path(sys.executable)
    facts = ask_python(executable)
    kernel = ask_python(executable, is_alone=False).installed if OWN_PACKAGES in os.environ else None

    async def make() -> LocalPackage:
        return await package_locally(
            _there(path),
            name=name_of(path, name),
            version=version,
            python=facts,
            kernel=kernel,
            on=await chosen_base(base, environment, catalog, python=facts, allow_http=plain_http),
            index_url=index_of(os.environ),
            allow_secrets=allow_secrets,
        )

    done = asyncio.run(make())
    if as_json:
        print_json(_described(done))
        return
    _say(done)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise click.BadParameter(f"there is no file {str(path)!r}.", param_hint="PATH")
    return path


def _described(done: LocalPackage) -> dict[str, Any]:
    return {
        "name": done.name,
        "version": done.version,
        "digest": done.digest,
        "is_new": done.is_new,
        "size": done.size,
        "seconds": round(done.seconds, 3),
        "needed": [{"requirement": one.requirement, "source": str(one.source)} for one in done.needed],
        "warnings": list(done.warnings),
    }


def _say(done: LocalPackage) -> None:
    for warning in done.warnings:
        note(f"warning: {warning}")
    what = "Packaged" if done.is_new else "Already packaged"
    note(f"{what}: {done.name}:{done.version}, {format_memory(done.size)}, in {format_duration(done.seconds)}.")
    note(f"  {done.digest}")
    click.echo(f"studiolo model run {done.name}:{done.version} train")
    click.echo(f"studiolo model run {done.name}:{done.version} serve")


def _show(found: Inspection) -> None:
    contract = found.contract
    if contract.doc:
        click.echo(contract.doc)
    click.echo(f"Methods: {', '.join(contract.methods) or 'none'}")
    if contract.hyperparameters:
        click.echo()
        print_table(
            ("hyperparameter", "type", "default", "values", "description"),
            (_row(one.as_json()) for one in contract.hyperparameters),
        )
    if found.cells:
        kept = [str(use.number) for use in found.cells if use.is_kept]
        left = [str(use.number) for use in found.cells if not use.is_kept]
        click.echo(f"\nCells that go in: {', '.join(kept)}. Left out: {', '.join(left) or 'none'}.")
    click.echo(f"\n{found.module}")
    for warning in found.warnings:
        note(f"warning: {warning}")
    for problem in found.problems:
        note(f"error: {problem}")


def _row(described: dict[str, Any]) -> tuple[str, str, str, str, str]:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = [f"{word} {described[key]}" for key, word in words.items() if key in described]
    choices = [", ".join(str(value) for value in described.get("enum", ()))]
    default = "required" if described["required"] else described.get("default_expression", str(described["default"]))
    kind = f"{described['type']} or nothing" if described.get("nullable") else described["type"]
    return described["name"], kind, default, " ".join([*choices, *limits]).strip(), described.get("description", "")
