"""`studiolo model list`, `show` and `delete`: what there is of packages on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from studiolo.cli.model_completion import complete_package
from studiolo.cli.model_names import find_package, parse_reference, tags_of
from studiolo.cli.output import json_option, note, print_json, print_table
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo.packaging.layout_store import LayoutStore
    from studiolo.packaging.stores import Manifest


@click.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the packages on this machine."""
    rows = asyncio.run(_described())
    if as_json:
        print_json(rows)
        return
    print_table(("name", "version", "methods", "size", "made", "stands on", "digest"), map(_row, rows))


@click.command()
@click.argument("reference", metavar="NAME[:VERSION]", shell_complete=complete_package)
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON, as it does without.")
def show(reference: str) -> None:
    """Show everything that is known of a package, as JSON: what it stands on and where it comes from, too."""
    print_json(asyncio.run(_shown(reference)))


@click.command()
@click.argument("reference", metavar="NAME:VERSION", shell_complete=complete_package)
@click.confirmation_option(prompt="Delete this package?")
@json_option
def delete(reference: str, *, as_json: bool) -> None:
    """Delete a package from this machine. What was pushed stays where it is."""
    from studiolo.packaging.locally import delete_locally  # noqa: PLC0415 - most commands do not need it

    async def forget() -> tuple[str, bool]:
        asked = parse_reference(reference)
        store, found = await find_package(asked)
        tag = asked.version if asked.version in await store.tags() else ""
        return found.digest, await delete_locally(store, found.digest, tag)

    digest, is_gone = asyncio.run(forget())
    if as_json:
        print_json({"name": parse_reference(reference).name, "digest": digest})
    elif is_gone:
        note(f"Deleted: {reference}, {digest}")
    else:
        note(f"Deleted: {reference}. Its image stays: another version is the very same, {digest}")


async def _described() -> list[dict[str, Any]]:
    """All packages, with what their records and their images say."""
    from studiolo.packaging.images import base_name  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import record_of  # noqa: PLC0415 - see above

    found: list[dict[str, Any]] = []
    for store, name, tag, manifest in await tags_of():
        record = record_of(store, manifest.digest)
        said = {"contract": await _contract(store, manifest), "stands_on": base_name(manifest.content)}
        # A record is of an image, which several versions may be.
        found.append({**said, **record, "name": name, "version": tag, "digest": manifest.digest})
    return found


async def _contract(store: LayoutStore, manifest: Manifest) -> dict[str, Any]:
    from studiolo.packaging.errors import StoreError  # noqa: PLC0415 - see above
    from studiolo.packaging.unpacked import contract_of  # noqa: PLC0415 - see above

    try:
        return await contract_of(store, manifest.content)
    except StoreError:  # a damaged package is listed, so that it can be deleted
        return {}


async def _shown(reference: str) -> dict[str, Any]:
    from studiolo.packaging.images import as_object, base_name  # noqa: PLC0415 - see above
    from studiolo.packaging.locally import record_of  # noqa: PLC0415 - see above
    from studiolo.packaging.provenance import statements_of  # noqa: PLC0415 - see above

    asked = parse_reference(reference)
    store, found = await find_package(asked)
    return {
        "name": asked.name,
        "digest": found.digest,
        "versions": [
            tag for one, name, tag, kept in await tags_of() if (name, kept.digest) == (asked.name, found.digest)
        ],
        "stands_on": base_name(found.content),
        "layers": as_object(found.content).get("layers", []),
        "record": record_of(store, found.digest),
        "provenance": list(await statements_of(store, found.digest)),
    }


def _row(package: Mapping[str, Any]) -> tuple[str, ...]:
    methods = package["contract"].get("methods") or ("",)
    base = str(package["stands_on"]).partition("@")[0]
    return (
        package["name"],
        package["version"],
        ", ".join(methods),
        format_memory(package["size"]) if "size" in package else "",
        str(package.get("at", ""))[:16].replace("T", " "),
        base or "this machine",
        package["digest"].removeprefix("sha256:")[:12],
    )
