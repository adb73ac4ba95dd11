"""What the two commands do: everything in one moment into a file, and everything or nothing back."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from hub.backup.archive import FORMAT, ArchiveReader, ArchiveWriter, KeptDatabase, Manifest, reading, writing
from hub.backup.errors import ArchiveDamaged, BackupError, NotEmpty, OtherRevision, StillRunning
from hub.backup.keys import key_files
from hub.backup.tables import clear, connected, fill, has_rows, one_moment, replacing, rows_of, tables_of
from hub.databases import SERVICES, InstalledDatabase, installed_databases
from hub.migrate import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from hub.settings import Settings


def make_backup(settings: Settings, path: Path, *, only: str | None = None) -> Manifest:
    """Both databases and the keys, into a new file; the hub may run. Raises BackupError.

    `only`: one database, in a pod that has no other; the keys go with the hub's.
    """
    files = key_files(settings).load() if only != SERVICES else {}
    with writing(path) as archive:
        databases = {database.key: _keep(database, archive) for database in installed_databases(settings, only=only)}
        manifest = Manifest(
            format=FORMAT,
            version=version("studiolo"),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            databases=databases,
            keys={name: archive.key(name, content) for name, content in files.items()},
        )
        archive.manifest(manifest)
    return manifest


def _keep(database: InstalledDatabase, archive: ArchiveWriter) -> KeptDatabase:
    try:
        with one_moment(database) as connection:
            revision = database.revision(connection)
            if not revision:
                raise BackupError(
                    f"{database.title} has no tables, so there is nothing to keep.",
                    hint="Is this the right data directory? A hub makes the tables at its first start.",
                )
            tables = [
                archive.table(
                    database.key,
                    table.name,
                    [column.name for column in table.columns],
                    rows_of(connection, table),
                )
                for table in tables_of(connection)
            ]
    except SQLAlchemyError as error:
        raise BackupError(f"{database.title} cannot be read: {_first_line(error)}") from error
    return KeptDatabase(revision=revision, tables=tables)


def restore_backup(
    settings: Settings,
    path: Path,
    *,
    replaces: bool,
    keys_into: Path | None,
    say: Callable[[str], None],
    only: str | None = None,
) -> Manifest:
    """Put back what a backup holds. Raises BackupError, and then everything is as before.

    `only`: one database, as in `make_backup`; `replaces`: what is there may go. `keys_into`: a folder for the keys,
    where the installation's own is only read.
    """
    files = key_files(settings, into=keys_into)
    with reading(path) as archive, _standing_still(settings), ExitStack() as open_until_the_end:
        databases = installed_databases(settings, only=only)
        settings.data.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for database in databases:
            _check_revision(database, archive.manifest)
            if not replaces:
                _check_empty(database)
        keys = files.wanted(archive.keys()) if only != SERVICES else {}
        files.check(keys, replaces=replaces)
        connections: list[Connection] = []
        for database in databases:
            bring_up_to_date(database, say=say)
            try:
                connection = open_until_the_end.enter_context(replacing(database))
                _put_back(database, connection, archive, path, replaces=replaces)
            except SQLAlchemyError as error:
                raise BackupError(f"{database.title} took nothing: {_first_line(error)}") from error
            connections.append(connection)
        # All was written and nothing is seen yet; what is left can hardly fail.
        files.save(keys)
        for connection in connections:
            connection.commit()
        return archive.manifest


def _check_revision(database: InstalledDatabase, manifest: Manifest) -> None:
    kept = manifest.databases.get(database.key)
    if kept is None:
        raise BackupError(
            f"{database.title} is not in this backup.",
            hint=f"It has: {', '.join(manifest.databases)}. Add --only NAME.",
        )
    if kept.revision != (head := database.head()):
        raise OtherRevision(database.title, revision=kept.revision, head=head, version=manifest.version)


def _check_empty(database: InstalledDatabase) -> None:
    """Before an older one would be brought up to date only to be refused."""
    try:
        with connected(database.url) as connection:
            if has_rows(connection):
                raise NotEmpty(f"{database.title} is not empty.")
    except SQLAlchemyError as error:
        raise BackupError(f"{database.title} cannot be read: {_first_line(error)}") from error


def _put_back(
    database: InstalledDatabase, connection: Connection, archive: ArchiveReader, path: Path, *, replaces: bool
) -> None:
    if has_rows(connection):
        if not replaces:  # since it was looked at
            raise NotEmpty(f"{database.title} is not empty.")
        clear(connection)
    tables = {table.name: table for table in tables_of(connection)}
    kept = {table.name: table for table in archive.manifest.databases[database.key].tables}
    if kept.keys() != tables.keys():
        raise ArchiveDamaged(path, f"its tables of the {database.key} database are not those of its revision")
    for name, table in tables.items():
        try:
            fill(connection, table, kept[name].columns, archive.rows(database.key, kept[name]))
        except (ValueError, KeyError) as error:
            raise ArchiveDamaged(path, f"the table {name} cannot be read ({error})") from error


@contextmanager
def _standing_still(settings: Settings) -> Iterator[None]:
    """Nobody runs Studiolo on this data directory, and nobody begins to."""
    lock = settings.data.run / "up.lock"  # held by `studiolo up`
    if not lock.exists():
        yield
        return
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StillRunning("Ctrl-C where `studiolo up` runs") from None
        yield


def _first_line(error: SQLAlchemyError) -> str:
    said = str(error.orig) if isinstance(error, OperationalError) else str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0]
