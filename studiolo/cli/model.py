"""`studiolo model`: from a notebook to an image. Looking at one needs no service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from studiolo.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from studiolo.packaging.inspection import Inspection


@click.group()
def model() -> None:
    """Package models: notebooks with a class Model."""


@model.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def inspect(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show what would be packaged of the notebook or module PATH. Nothing of it is run.

    Ends with 1 where something stands against packaging it.
    """
    from studiolo.packaging.inspection import inspect_file  # noqa: PLC0415 - most commands do not need it

    found = inspect_file(path)
    if as_json:
        print_json(found.as_json())
    else:
        _show(found)
    if found.problems:
        ctx.exit(1)


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
