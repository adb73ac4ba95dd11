"""`studiolo environment`: build software before somebody waits for it, list what is built, remove what is unused."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.commands import data_option
from studiolo.errors import StudioloError
from studiolo.problems import listed, perhaps
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from spawner.environments import BuildProgress, BuiltEnvironment, EnvironmentStore
    from studiolo.catalog import Catalog, Environment

_CATALOG = click.option(
    "--catalog",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with environments.yaml and hardware.yaml.  [default: this checkout]",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class UnknownEnvironmentError(StudioloError):
    """The catalog has no such software."""

    code = "environment_unknown"


@click.group()
def environment() -> None:
    """Software that lies built on this machine."""


@environment.command()
@click.argument("name")
@data_option
@_CATALOG
@_JSON
def build(name: str, *, data: Path, catalog: Path | None, as_json: bool) -> None:
    """Build the software NAME of the catalog, so that nobody has to wait for it.

    What is built already is used at once. Ctrl-C leaves nothing half done; what was downloaded is kept.
    """
    entries, store = _open(data, catalog)
    entry = entries.environment(name)
    if entry is None:
        known = [each.name for each in entries.environments]
        raise UnknownEnvironmentError(
            f'There is no software "{name}" for one machine in the catalog.{perhaps(name, known)}',
            hint=f"Choose one of {listed(known, last='or')}." if known else "The catalog has none.",
        )
    folder = asyncio.run(_build(store, entry, Console(stderr=True)))
    missing = store.missing_programs(entry)
    if as_json:
        facts = {"name": name, "digest": store.identify(entry).digest, "folder": str(folder)}
        click.echo(json.dumps({**facts, "missing_programs": missing}, indent=2))
        return
    click.echo(f"{entry.title} is ready in {folder}.")
    if missing:
        click.echo(f"It cannot start here yet: {listed(missing)} is not installed on this machine.")


@environment.command("list")
@data_option
@_CATALOG
@_JSON
def list_(*, data: Path, catalog: Path | None, as_json: bool) -> None:
    """List the software that is built, the last used first."""
    entries, store = _open(data, catalog)
    built = store.on_disk(entries.environments)
    if as_json:
        click.echo(json.dumps([_as_json(each) for each in built], indent=2))
        return
    if not built:
        click.echo("Nothing is built yet. The first start of a workspace builds its software.")
        return
    table = Table()
    for column in ("Software", "Packages", "Size", "Built", "Last used", "State", "Digest"):
        table.add_column(column, overflow="fold")
    for each in built:
        table.add_row(
            ", ".join(each.names),
            str(each.packages),
            format_memory(each.bytes),
            f"{each.built_at.astimezone():%Y-%m-%d %H:%M}",
            f"{each.last_used.astimezone():%Y-%m-%d %H:%M}",
            _state(each),
            each.digest[:12],
        )
    Console().print(table)


@environment.command()
@data_option
@_CATALOG
@_JSON
def prune(*, data: Path, catalog: Path | None, as_json: bool) -> None:
    """Remove the software that no entry of the catalog names and no running workspace uses."""
    entries, store = _open(data, catalog)
    removed = store.prune([*entries.environments, *entries.elsewhere])
    if as_json:
        click.echo(json.dumps([_as_json(each) for each in removed], indent=2))
        return
    for each in removed:
        click.echo(f"Removed {', '.join(each.names)} ({each.digest[:12]}, {format_memory(each.bytes)}).")
    if not removed:
        click.echo("There is nothing to remove: every environment is in the catalog or in use.")


def _open(data: Path, catalog: Path | None) -> tuple[Catalog, EnvironmentStore]:
    # Settings and the store bring the hub's libraries; `studiolo --help` starts without them.
    from hub.settings import effective  # noqa: PLC0415 - see above
    from spawner.environment_studiolo import own_wheels  # noqa: PLC0415 - see above
    from spawner.environments import EnvironmentStore  # noqa: PLC0415 - see above
    from studiolo.catalog import load_catalog  # noqa: PLC0415 - see above

    settings = effective(data, {"catalogDirectory": None if catalog is None else catalog.absolute()})
    store = EnvironmentStore(
        settings.data.environments,
        index_url=settings.packages.index_url or None,
        workspaces=settings.data.workspaces,
        wheels=own_wheels(settings.packages.index_url or None),
        log=logging.getLogger(__name__),
    )
    return load_catalog(settings.catalog_directory), store


async def _build(store: EnvironmentStore, entry: Environment, console: Console) -> Path:
    """Builds with a bar on a terminal, and with a line for each step elsewhere. Ctrl-C and SIGTERM stop the build."""
    from spawner.environments import BuildFailed  # noqa: PLC0415 - see `_open`

    building = asyncio.ensure_future(_build_shown(store, entry, console))
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, building.cancel)
    try:
        return await building
    except asyncio.CancelledError:
        console.print("Stopped. Nothing half done is left.")
        raise SystemExit(130) from None
    except BuildFailed as failure:
        for line in failure.log_tail:
            console.print(line, markup=False, highlight=False, style="dim")
        raise


async def _build_shown(store: EnvironmentStore, entry: Environment, console: Console) -> Path:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(entry.title, total=None)
        shown = ""

        def show(progress: BuildProgress) -> None:
            nonlocal shown
            if console.is_terminal:
                total = None if progress.share is None else 1.0
                bar.update(task, description=progress.sentence, completed=progress.share, total=total)
            elif progress.step != shown:
                shown = progress.step
                console.print(progress.sentence, markup=False)

        return await store.build(entry, show)


def _state(built: BuiltEnvironment) -> str:
    if built.in_use:
        return "in use"
    return "in the catalog" if built.is_named else "unused"


def _as_json(built: BuiltEnvironment) -> dict[str, Any]:
    return {
        "names": built.names,
        "digest": built.digest,
        "bytes": built.bytes,
        "packages": built.packages,
        "built_at": built.built_at.isoformat(),
        "last_used": built.last_used.isoformat(),
        "in_use": built.in_use,
        "in_catalog": built.is_named,
    }
