"""`studiolo model push` and `pull`: packages of this machine to registries, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from studiolo.cli.model_completion import complete_package
from studiolo.cli.model_names import find_package, parse_reference, registry_store
from studiolo.cli.output import json_option, note, plain_http_option, print_json

if TYPE_CHECKING:
    from studiolo.cli.model_moves import Pushed


@click.command()
@click.argument("reference", metavar="NAME[:VERSION]", shell_complete=complete_package)
@click.argument("target", metavar="HOST/REPOSITORY[:TAG]")
@click.option(
    "--base",
    metavar="IMAGE",
    help="The image that a package of this machine alone is put on; its digest is another one then. For a package that "
    "stands on an image: where that can be had, if not where it was.",
)
@plain_http_option
@json_option
def push(reference: str, target: str, base: str | None, *, plain_http: bool, as_json: bool) -> None:
    """Send a package to a registry; its digest stays, but where --base gives it something to stand on.

    Layers of what it stands on are not sent where the registry has them already.
    """
    from studiolo.cli.model_moves import send_package  # noqa: PLC0415 - most commands do not need it

    async def send() -> Pushed:
        store, found = await find_package(parse_reference(reference))
        remote, tag = registry_store(target, allow_http=plain_http)
        try:
            return await send_package(store, found, remote, tag=tag, base=base, allow_http=plain_http)
        finally:
            await remote.close()

    done = asyncio.run(send())
    for warning in done.warnings:
        note(f"warning: {warning}")
    if as_json:
        print_json({"reference": target, "digest": done.digest, **({"base": done.base} if done.base else {})})
        return
    if done.base:
        note(f"It stands on {done.base} there, so its digest is another one than here.")
    note(f"Pushed: {target.partition('@')[0]}@{done.digest}")


@click.command()
@click.argument("source", metavar="NAME[:VERSION]|HOST/REPOSITORY:TAG")
@click.option("--name", default="", help="What it is called here.  [default: as there]")
@click.option("--team", default="", help="The team of the hub that it is of.  [default: you yourself]")
@plain_http_option
@json_option
def pull(source: str, name: str, team: str, *, plain_http: bool, as_json: bool) -> None:
    """Fetch a package from the hub, by its name, or from a registry; its digest stays.

    Layers of what it stands on are named, not fetched.
    """
    from studiolo.cli.model_hub import pull_from_hub  # noqa: PLC0415 - most commands do not need it
    from studiolo.cli.model_moves import fetch_package  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import name_of  # noqa: PLC0415 - see above

    if "/" in source:
        called, digest = asyncio.run(fetch_package(source, name, allow_http=plain_http))
    else:
        asked = parse_reference(source)
        called = name_of(Path(asked.name), name)
        digest = pull_from_hub(asked, team=team, name=called)
    if as_json:
        print_json({"name": called, "digest": digest})
    else:
        note(f"Pulled: {called}, {digest}")
