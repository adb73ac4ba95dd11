"""`studiolo model`: from a notebook to an image, on this machine. No service is needed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from studiolo.cli.model_completion import complete_package
from studiolo.cli.model_copies import pull, push
from studiolo.cli.model_names import find_package, parse_reference, tags_of
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


@model.command()
@click.argument("path", type=NOTEBOOK)
@json_option
@click.pass_context
def inspect(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show what would be packaged of the notebook or module PATH. Nothing of it is run.

    Ends with 1 where something stands against packaging it.
    """
    from studiolo.packaging.inspection import inspect_file  # noqa: PLC0415 - most commands do not need it

    found = inspect_file(_there(path))
    if as_json:
        print_json(found.as_json())
    else:
        _show(found)
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
    from studiolo.packaging.dependency_layer import ask_python, index_of  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import check_version, name_of, package_locally  # noqa: PLC0415 - see above

    check_version(version)
    facts = ask_python(python or Path(sys.executable))

    async def make() -> LocalPackage:
        return await package_locally(
            _there(path),
            name=name_of(path, name),
            version=version,
            python=facts,
            on=await chosen_base(base, environment, catalog, python=facts, allow_http=plain_http),
            index_url=index_of(os.environ),
            allow_secrets=allow_secrets,
        )

    done = asyncio.run(make())
    if as_json:
        print_json(_described(done))
        return
    _say(done)


@model.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the packages on this machine."""
    from studiolo.packaging.locally import record_of  # noqa: PLC0415 - see above

    rows = asyncio.run(tags_of())
    records = [(store, name, tag, digest, record_of(store, digest)) for store, name, tag, digest in rows]
    if as_json:
        print_json(
            [{"name": name, "version": tag, "digest": digest, **record} for _, name, tag, digest, record in records]
        )
        return
    print_table(
        ("name", "version", "methods", "size", "made", "digest"),
        (
            (
                name,
                tag,
                ", ".join(record.get("contract", {}).get("methods", ())),
                format_memory(record["size"]) if "size" in record else "",
                str(record.get("at", ""))[:16].replace("T", " "),
                digest.removeprefix("sha256:")[:12],
            )
            for _, name, tag, digest, record in records
        ),
    )


@model.command()
@click.argument("reference", metavar="NAME[:VERSION]", shell_complete=complete_package)
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON, as it does without.")
def show(reference: str) -> None:
    """Show everything that is known of a package, as JSON."""
    from studiolo.packaging.images import as_object  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import record_of  # noqa: PLC0415 - see above
    from studiolo.packaging.provenance import statements_of  # noqa: PLC0415 - see above

    asked = parse_reference(reference)
    store, found = asyncio.run(find_package(asked))
    manifest = as_object(found.content)
    said = asyncio.run(statements_of(store, found.digest))
    print_json(
        {
            "name": asked.name,
            "digest": found.digest,
            "layers": manifest.get("layers", []),
            "record": record_of(store, found.digest),
            "provenance": list(said),
        }
    )


@model.command()
@click.argument("reference", metavar="NAME:VERSION", shell_complete=complete_package)
@click.confirmation_option(prompt="Delete this package?")
@json_option
def delete(reference: str, *, as_json: bool) -> None:
    """Delete a package from this machine. What was pushed stays where it is."""

    async def forget() -> str:
        store, found = await find_package(parse_reference(reference))
        await store.delete(found.digest)
        return found.digest

    digest = asyncio.run(forget())
    if as_json:
        print_json({"name": parse_reference(reference).name, "digest": digest})
    else:
        note(f"Deleted: {reference}, {digest}")


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
