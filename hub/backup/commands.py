"""`studiolo backup` and `studiolo restore`, for one machine and for a pod of the installation."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spawner.data_directory import default_data_directory

if TYPE_CHECKING:
    from hub.settings import Settings

data_option = click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The data directory.  [default: in a pod what its settings say, else ~/.local/share/studiolo]",
)
only_option = click.option(
    "--only",
    type=click.Choice(["hub", "services"]),
    help="One of the databases, in a pod that has no other. The keys go with the hub's.",
)
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))


@click.command()
@file_argument
@data_option
@only_option
def backup(*, file: Path, data: Path | None, only: str | None) -> None:
    """Keep both databases and the keys in FILE ("-": standard output). The hub may run.

    Whoever has the file can be anybody: keep it as you keep passwords. Homes are not in it.
    """
    from hub.backup.actions import make_backup  # noqa: PLC0415 - every other command starts without the hub's libraries

    settings = _settings(data)
    if str(file) != "-":
        manifest = make_backup(settings, file, only=only)
        rows = sum(table.rows for database in manifest.databases.values() for table in database.tables)
        click.echo(f"{file} has {rows} rows of {' and '.join(manifest.databases)}, and {len(manifest.keys)} keys.")
        return
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        made = Path(folder) / "backup"
        make_backup(settings, made, only=only)
        with made.open("rb") as content:
            shutil.copyfileobj(content, sys.stdout.buffer)


@click.command()
@file_argument
@data_option
@only_option
@click.option("--replace", "replaces", is_flag=True, help="What is there now may go.")
@click.option(
    "--keys",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the keys there, to make a Secret of them, where the installation's own is only read.",
)
def restore(*, file: Path, data: Path | None, only: str | None, replaces: bool, keys: Path | None) -> None:
    """Put back what FILE ("-": standard input) holds, all of it or nothing. The hub must not run."""
    from hub.backup.actions import restore_backup  # noqa: PLC0415 - as in `backup`

    settings = _settings(data)

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    if str(file) != "-":
        manifest = restore_backup(settings, file, replaces=replaces, keys_into=keys, say=say, only=only)
    else:
        with tempfile.TemporaryDirectory() as folder:  # mode 0700
            given = Path(folder) / "backup"
            with given.open("wb") as content:
                shutil.copyfileobj(sys.stdin.buffer, content)
            manifest = restore_backup(settings, given, replaces=replaces, keys_into=keys, say=say, only=only)
    click.echo(f"Everything is as it was on {manifest.made_at}.")


def _settings(data: Path | None) -> Settings:
    from hub.settings import SETTINGS_VARIABLE, effective, settings_of_this_process  # noqa: PLC0415 - as above

    if data is None and os.environ.get(SETTINGS_VARIABLE):
        return settings_of_this_process()
    return effective(data or default_data_directory())
