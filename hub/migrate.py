"""`python -P -m hub.migrate`: both databases get this version's tables. Safe to repeat, and while an older hub runs.

The chart runs it before an upgrade and before a rollback. A database that a newer version wrote is left alone: take its
last migrations back first, with that newer version (`--services-revision REVISION`), or restore a backup.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Final

from alembic import command
from jupyterhub.dbutil import backup_db_file
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from hub.databases import HUB, InstalledDatabase, Standing, installed_databases
from hub.settings import settings_of_this_process
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRIES: Final = 60
"""A database that is starting, or a table that somebody is writing to, is waited for as long as a minute or five."""

PAUSE_SECONDS: Final = 1.0

LOCK_SECONDS: Final = 5
"""A migration that waits for a table makes everybody wait who comes after it: better to step back and try again."""


class DatabaseNewer(StudioloError):
    """A newer version wrote it."""

    code = "database_newer"

    def __init__(self, database: InstalledDatabase, revision: str) -> None:
        super().__init__(
            f"{database.title} was written by a newer version of Studiolo: its revision {revision} is not known here.",
            hint="Install that version again. To go back, take its migrations back with it, or restore the backup that "
            "was made before the upgrade (docs: operations).",
        )


class MigrationFailed(StudioloError):
    """The database could not be brought to this version's tables; what is there is whole."""

    code = "migration_failed"


def bring_up_to_date(
    database: InstalledDatabase, *, say: Callable[[str], None], sleep: Callable[[float], object] = time.sleep
) -> None:
    """Give a database the tables of this version. Raises DatabaseNewer, or MigrationFailed after many tries."""
    for attempt in range(1, TRIES + 1):
        try:
            _bring_up_to_date(database, say)
        except OperationalError as error:
            why = _first_line(error)
            if attempt == TRIES:
                raise MigrationFailed(
                    f"{database.title} could not be brought to this version's tables: {why}",
                    hint="Nothing is half done. If it waited for a lock, stop the hub and services and try again.",
                ) from error
            if attempt == 1:
                say(f"{database.title} cannot be changed yet ({why}); trying again.")
            sleep(PAUSE_SECONDS)
        else:
            return


def _bring_up_to_date(database: InstalledDatabase, say: Callable[[str], None]) -> None:
    revision = revision_of(database)
    match database.standing(revision):
        case Standing.CURRENT:
            say(f"{database.title} is up to date.")
        case Standing.EMPTY:
            # JupyterHub also tells apart what was written before it kept revisions.
            database.create()
            say(f"{database.title} has its tables.")
        case Standing.OLDER:
            _copy_file(database)
            with database.history(url=_impatient(database.url)) as history:
                command.upgrade(history, "head")
            say(f"{database.title} was upgraded from {revision} to {database.head()}.")
        case Standing.NEWER:
            raise DatabaseNewer(database, revision)


def take_back(database: InstalledDatabase, *, to: str, say: Callable[[str], None]) -> None:
    """Take migrations back to a revision that an older version knows. Raises StudioloError where there is none such."""
    if database.standing(to) not in {Standing.OLDER, Standing.CURRENT}:
        raise StudioloError(f"{database.title} has no revision {to}.", hint="The older version's notes name its own.")
    _copy_file(database)
    with database.history(url=_impatient(database.url)) as history:
        command.downgrade(history, to)
    say(f"{database.title} is at revision {to} again.")


def revision_of(database: InstalledDatabase) -> str:
    """The revision of the tables that are there; empty where there are none."""
    engine = create_engine(_impatient(database.url))
    try:
        with engine.connect() as connection:
            return database.revision(connection)
    finally:
        engine.dispose()


def _copy_file(database: InstalledDatabase) -> None:
    """SQLite has no transaction around a change of tables: a copy of the file is kept beside it."""
    url = make_url(database.url)
    if database.key == HUB and url.get_backend_name() == "sqlite" and url.database:
        backup_db_file(url.database)


def _impatient(url: str) -> str:
    found = make_url(url)
    if found.get_backend_name() == "postgresql" and "options" not in found.query:
        found = found.update_query_dict({"options": f"-c lock_timeout={LOCK_SECONDS}s"})
    return found.render_as_string(hide_password=False)


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when both databases are as this version needs them."""
    parser = argparse.ArgumentParser(prog="hub.migrate", description="Bring both databases to this version's tables.")
    parser.add_argument(
        "--services-revision",
        metavar="REVISION",
        help="take the services' database back to it, and change nothing else",
    )
    chosen = parser.parse_args(arguments)

    def say(sentence: str) -> None:
        print(sentence, flush=True)  # noqa: T201 - it is a command

    try:
        hub, services = installed_databases(settings_of_this_process())
        if chosen.services_revision:
            take_back(services, to=chosen.services_revision, say=say)
            return 0
        for database in (hub, services):
            bring_up_to_date(database, say=say)
    except StudioloError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)  # noqa: T201 - said to whoever started this
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
