"""`studiolo model base`: what a model needs that no layer of ours holds, built once by the hub's cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json, print_table
from studiolo.quantities import format_duration, format_memory

if TYPE_CHECKING:
    from studiolo.client import Studiolo
    from studiolo.wire_bases import DerivedBaseView, NewDerivedBase

SHORT_KEY = 12
"""Characters of a key that are shown, and are enough to name one."""


@click.group()
def base() -> None:
    """Have a base built with Debian packages, or with packages that have no wheel. Once for each recipe."""


@base.command("ask")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--environment", required=True, help="What it begins with, as the catalog calls it.")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="A package that has no wheel. Repeatable.")
@click.option("--team", default="", help="Count it with a team's builds.  [default: yours]")
@click.option("--dry-run", is_flag=True, help="Say what would be built, word for word, and begin nothing.")
@json_option
def ask_(path: Path, environment: str, sources: tuple[str, ...], team: str, *, dry_run: bool, as_json: bool) -> None:
    """Have a base built for the notebook or module PATH: with what apt.txt beside it names, and each --source."""
    new = _wanted(path, environment, sources, team)
    if dry_run:
        plan = ask(lambda hub: hub.plan_base(new))
        if as_json:
            print_json(plan.model_dump(mode="json"))
            return
        click.echo(plan.containerfile, nl=False)
        if not plan.offer.available:
            note(f"warning: {plan.offer.why_not}")
        return
    view = ask(lambda hub: hub.ask_base(new))
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        _say(view)


@base.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """Show the bases that you asked for, and what becomes of them."""
    found = ask(lambda hub: hub.bases())
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if not found.available:
        note(found.why_not)
    print_table(
        ("key", "environment", "with", "state", "size"),
        (
            (
                one.key[:SHORT_KEY],
                one.environment,
                ", ".join((*one.apt, *one.sources)),
                one.phase or one.state,
                format_memory(one.size) if one.size else "",
            )
            for one in found.bases
        ),
    )


@base.command()
@click.argument("key")
@json_option
def show(key: str, *, as_json: bool) -> None:
    """Show what became of the base KEY: its image, or why there is none, with the end of the log."""

    async def look(hub: Studiolo) -> DerivedBaseView:
        return await hub.base(await _whole(hub, key))

    view = ask(look)
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        _say(view)


@base.command()
@click.argument("key")
def cancel(key: str) -> None:
    """Take back that you asked for the base KEY. Its build ends, unless somebody else wants it, too."""

    async def take_back(hub: Studiolo) -> DerivedBaseView:
        return await hub.cancel_base(await _whole(hub, key))

    view = ask(take_back)
    note("Cancelled." if view.state == "cancelled" else "You asked for it no more; it stays for others.")


def _wanted(path: Path, environment: str, sources: tuple[str, ...], team: str) -> NewDerivedBase:
    from studiolo.packaging.apt import apt_beside  # noqa: PLC0415 - most commands do not need it
    from studiolo.packaging.dependency_layer import ask_python, index_of  # noqa: PLC0415 - as above
    from studiolo.packaging.inspection import inspect_file  # noqa: PLC0415 - as above
    from studiolo.packaging.project import collect, folder_of  # noqa: PLC0415 - as above
    from studiolo.packaging.requirements_beside import lock_of_sources, requirements_beside  # noqa: PLC0415 - as above
    from studiolo.wire_bases import NewDerivedBase  # noqa: PLC0415 - as above

    project = collect(folder_of(path))
    lock = ""
    if sources:
        python = ask_python(Path(sys.executable))
        needed = requirements_beside(project, inspect_file(path), base=python.installed, kernel=python.installed)
        lock = lock_of_sources(needed, sources, python, index_url=index_of(os.environ))
    return NewDerivedBase(environment=environment, apt=apt_beside(project), sources=lock, team=team)


async def _whole(hub: Studiolo, key: str) -> str:
    """A key of yours from its beginning; as it is where there is none, or more than one."""
    found = [one.key for one in (await hub.bases()).bases if one.key.startswith(key)]
    return found[0] if len(found) == 1 else key


def _say(view: DerivedBaseView) -> None:
    what = ", ".join((*view.apt, *view.sources))
    match view.state:
        case "ready":
            click.echo(view.reference)
            note(f"Ready: {view.environment} with {what}. Packages that need it stand on it by themselves.")
        case "failed":
            note(f"error: {view.reason}")
            if view.log:
                click.echo(view.log.rstrip("\n"))
        case "cancelled":
            note("It was cancelled.")
        case _:
            took = "" if view.about_seconds is None else f", about {format_duration(view.about_seconds)} in all"
            note(f"{view.environment} with {what}: {view.phase or view.state}{took}.")
            click.echo(f"studiolo model base show {view.key[:SHORT_KEY]}")
