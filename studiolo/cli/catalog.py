"""`studiolo catalog`: what is wrong in the catalogs, who would see what, and the schemas for editors."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from studiolo.catalog import DATA_FILE, ENVIRONMENTS_FILE, HARDWARE_FILE, Catalog, CatalogCheck, Platform, check_catalog
from studiolo.catalog_schema import SCHEMAS, json_schema
from studiolo.cli.exit_codes import ExitCode, exit_code_of
from studiolo.problems import listed
from studiolo.quantities import format_cores, format_duration, format_memory

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.catalog import Hardware
    from studiolo.catalog_pin import Pinning
    from studiolo.problems import Problem

SCHEMA_DIRECTORY = Path(__file__).parents[1] / "schema"
"""Where the schemas are committed; the catalogs that ship name them in their first line."""

_DIRECTORY = click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
_PLATFORM = click.option(
    "--platform",
    type=click.Choice([platform.value for platform in Platform]),
    default=Platform.LOCAL.value,
    show_default=True,
    help="Where the workspaces run: processes on one machine, or Kubernetes.",
)


@click.group()
def catalog() -> None:
    """Check and show environments.yaml, hardware.yaml and data.yaml."""


@catalog.command()
@_DIRECTORY
@_PLATFORM
def check(directory: Path, platform: str) -> None:
    """Say what is wrong in the catalogs of DIR (here, when left out).

    One line for each problem: FILE:LINE:COLUMN: path: what, why, what to do. Exits with 1 when there is an error, and
    with 0 when all is well or there are only warnings.
    """
    result = check_catalog(directory, platform=Platform(platform))
    _print_problems(result)
    if result.catalog is None:
        sys.exit(1)
    found = result.catalog
    counts = {
        ENVIRONMENTS_FILE: len(found.environments) + len(found.elsewhere),
        HARDWARE_FILE: len(found.hardware),
        DATA_FILE: len(found.data) + len(found.data_elsewhere),
    }
    files = listed(f"{file} ({count})" for file, count in counts.items() if count)
    click.echo(f"{files} can be used.", err=True)


@catalog.command()
@_DIRECTORY
@click.option("--update", is_flag=True, help="Look up the tags of images anew that have a digest already.")
@click.option(
    "--plain-http", is_flag=True, help="Speak plain HTTP with registries on this machine and in private networks."
)
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def pin(directory: Path, *, update: bool, plain_http: bool, dry_run: bool) -> None:
    """Write its digest behind every image of environments.yaml in DIR that has only a tag.

    What runs is decided by the digest; the tag stays for people. Comments and layout stay as they are. Private
    registries are asked with what `docker login` stored. Nothing is written when one image cannot be resolved.
    """
    result = asyncio.run(_pin(directory, update=update, plain_http=plain_http))
    for problem in result.problems:
        _print_problem(problem)
    if result.problems:
        click.echo(f"{_counted(len(result.problems), 'problem')}; nothing was written.", err=True)
        sys.exit(_pin_exit_code(result))
    if result.replacements and not dry_run:
        _replace_text(directory / ENVIRONMENTS_FILE, result.text)
    for replacement in result.replacements:
        click.echo(f"{replacement.image.path}: {replacement.value}")
    count = _counted(len(result.replacements), "image")
    done = "would be" if dry_run else "were" if len(result.replacements) != 1 else "was"
    click.echo(f"{count} {done} pinned." if result.replacements else "Every image has its digest already.", err=True)


async def _pin(directory: Path, *, update: bool, plain_http: bool) -> Pinning:
    from studiolo.catalog_pin import pin as pin_catalog  # noqa: PLC0415 - loads httpx; check and show need none
    from studiolo.registry import Registry  # noqa: PLC0415 - see above

    async with Registry(allow_http=plain_http) as registry:
        return await pin_catalog(directory, registry, update=update)


def _replace_text(path: Path, text: str) -> None:
    """The file holds the old text or the new one, never half of it; a link stays one, and so do the permissions."""
    target = path.resolve()
    try:
        descriptor, staged = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
            Path(staged).chmod(target.stat().st_mode & 0o777)
            Path(staged).replace(target)
        except BaseException:
            Path(staged).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise click.ClickException(
            f"{path} cannot be written ({error.strerror}). Make it and its folder writable."
        ) from None


def _pin_exit_code(result: Pinning) -> ExitCode:
    """One kind of failure has its own code; mixed ones, and those of the file, are problems like any other."""
    codes = {exit_code_of(error) for error in result.failures}
    is_one_kind = len(codes) == 1 and len(result.failures) == len(result.problems)
    return codes.pop() if is_one_kind else ExitCode.REFUSED


@catalog.command()
@_DIRECTORY
@_PLATFORM
@click.option(
    "--team", "teams", multiple=True, metavar="TEAM", help="Show what somebody in this team sees; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(directory: Path, platform: str, teams: tuple[str, ...], *, as_json: bool) -> None:
    """Show what people in each team would see in the catalogs of DIR, and what everyone would.

    With --team: what somebody sees who is in all the teams named.
    """
    result = check_catalog(directory, platform=Platform(platform))
    if result.catalog is None:
        _print_problems(result)
        sys.exit(1)
    views = [(), teams] if teams else [(), *((team,) for team in _teams_of(result.catalog))]
    if as_json:
        click.echo(json.dumps(_as_json(result.catalog, views), indent=2))
        return
    console = Console()
    console.print(_views_table(result.catalog, views))
    console.print(_hardware_table(result.catalog))
    if result.catalog.data:
        console.print(_data_table(result.catalog))
    if result.catalog.elsewhere:
        names = listed(entry.name for entry in result.catalog.elsewhere)
        lacking = "requirements" if platform == Platform.LOCAL else "image"
        console.print(f"Not offered here, because no {lacking} is named: {names}.", markup=False)
    if result.catalog.data_elsewhere:
        names = listed(entry.name for entry in result.catalog.data_elsewhere)
        lacking = "path" if platform == Platform.LOCAL else "claim"
        console.print(f"Data not offered here, because no {lacking} is named: {names}.", markup=False)


@catalog.command()
@click.argument("name", required=False, type=click.Choice(list(SCHEMAS)))
@click.option("--write", is_flag=True, help="Write the files under studiolo/schema/ instead of printing.")
def schema(name: str | None, *, write: bool) -> None:
    """Print the JSON Schema of a catalog, for editors; of all, when none is named."""
    names = [name] if name else list(SCHEMAS)
    if write:
        for each in names:
            path = SCHEMA_DIRECTORY / f"{each}.json"
            try:
                path.write_text(schema_text(each), encoding="utf-8")
            except OSError as error:
                message = f"{path} cannot be written ({error.strerror}). Schemas are written in a checkout of Studiolo."
                raise click.ClickException(message) from None
            click.echo(f"Wrote {path}.", err=True)
    elif name:
        click.echo(schema_text(name), nl=False)
    else:
        click.echo(json.dumps({each: json_schema(each) for each in names}, indent=2))


def schema_text(name: str) -> str:
    """One schema as its committed file holds it."""
    return json.dumps(json_schema(name), indent=2) + "\n"


def _print_problems(result: CatalogCheck) -> None:
    for problem in result.problems:
        _print_problem(problem)
    errors, warnings = len(result.errors), len(result.problems) - len(result.errors)
    if result.problems:
        click.echo(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}.", err=True)


def _print_problem(problem: Problem) -> None:
    # A terminal that is not UTF-8 must not turn a problem into a traceback.
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(str(problem).encode(encoding, "backslashreplace").decode(encoding))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _teams_of(catalog: Catalog) -> list[str]:
    entries = (*catalog.environments, *catalog.hardware, *catalog.data)
    return sorted({team for entry in entries for team in entry.teams or ()})


def _views_table(catalog: Catalog, views: Collection[tuple[str, ...]]) -> Table:
    table = Table(title="Who sees what", title_justify="left")
    for column in ("Who", "Software", "Hardware", "Without choosing"):
        table.add_column(column, overflow="fold")
    for teams in views:
        choice = catalog.default_choice(teams)
        _add_row(
            table,
            " + ".join(teams) or "everyone",
            ", ".join(entry.name for entry in catalog.offered_environments(teams)) or "nothing",
            ", ".join(entry.name for entry in catalog.offered_hardware(teams)) or "nothing",
            f"{choice.environment} on {choice.hardware}" if choice else "cannot start anything",
        )
    return table


def _hardware_table(catalog: Catalog) -> Table:
    table = Table(title="Hardware", title_justify="left")
    for column in ("Name", "Title", "Cores", "Memory", "GPUs", "Per hour"):
        table.add_column(column, overflow="fold")
    for entry in catalog.hardware:
        price = f"{entry.price_per_hour} {catalog.currency}" if entry.price_per_hour is not None else ""
        gpus = f"{entry.gpu.count} of {entry.gpu.resource}" if entry.gpu else ""
        _add_row(table, entry.name, entry.title, _cores(entry), format_memory(entry.memory_bytes), gpus, price)
    return table


def _data_table(catalog: Catalog) -> Table:
    table = Table(title="Data", title_justify="left")
    for column in ("Name", "Title", "Who", "In a workspace", "May be changed"):
        table.add_column(column, overflow="fold")
    for entry in catalog.data:
        teams = "everyone" if entry.teams is None else ", ".join(sorted(entry.teams))
        use = "no" if entry.read_only else "yes"
        if entry.max_age is not None:
            use += f"; removed when unused for {format_duration(entry.max_age)}"
        _add_row(table, entry.name, entry.title, teams, entry.mount, use)
    return table


def _add_row(table: Table, *cells: str) -> None:
    # As Text: brackets in a title or a team's name are not rich's markup.
    table.add_row(*(Text(cell) for cell in cells))


def _cores(hardware: Hardware) -> str:
    low, high = format_cores(hardware.cpu.request), format_cores(hardware.cpu.limit)
    return low if low == high else f"{low} to {high}"


def _as_json(catalog: Catalog, views: Collection[tuple[str, ...]]) -> dict[str, Any]:
    facts = catalog.model_dump(mode="json")
    facts["views"] = []
    for teams in views:
        choice = catalog.default_choice(teams)
        facts["views"].append(
            {
                "teams": list(teams),
                "environments": [entry.name for entry in catalog.offered_environments(teams)],
                "hardware": [entry.name for entry in catalog.offered_hardware(teams)],
                "data": [entry.name for entry in catalog.offered_data(teams)],
                "default": choice.as_user_options() if choice else None,
            }
        )
    return facts
