"""The rows of a database, out and in: read in one moment, written all or not at all."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import MetaData, Table, create_engine, func, insert, make_url, select, text

from hub.backup.cells import Cell, cell_of, value_of
from hub.backup.errors import BackupError, StillRunning
from hub.databases import HUB
from hub.postgresql import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from hub.databases import InstalledDatabase

ROWS_AT_ONCE: Final = 500
"""Neither side holds more of a large table."""

NOT_KEPT: Final = "alembic_version"
"""The revision is told apart: a backup is restored into tables that exist."""


@contextmanager
def one_moment(database: InstalledDatabase) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whoever goes on to write."""
    url = make_url(database.url)
    if url.get_backend_name() == "sqlite":
        with tempfile.TemporaryDirectory() as folder:  # mode 0700
            copy = Path(folder) / "copy.sqlite"
            _copy_sqlite(Path(url.database or ""), copy)
            with connected(f"sqlite:///{copy}") as connection:
                yield connection
        return
    with connected(database.url) as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same one
        yield connection


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of a plain kind, which waits for locks and long questions."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _copy_sqlite(source: Path, copy: Path) -> None:
    """SQLite's own way for a file that somebody writes to. The copy holds writers up for milliseconds."""
    if not source.is_file():
        raise BackupError(
            f"There is no database {source}.",
            hint="Is this the right data directory? A hub makes it at its first start.",
        )
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)


def tables_of(connection: Connection) -> tuple[Table, ...]:
    """All tables with rows of ours, those first that others point to."""
    metadata = MetaData()
    metadata.reflect(connection)
    return tuple(table for table in metadata.sorted_tables if table.name != NOT_KEPT)


def rows_of(connection: Connection, table: Table) -> Iterator[list[Cell]]:
    """Each row, its values in the order of the columns; in an order that is the same each time."""
    ordered = select(table).order_by(*table.primary_key.columns)
    found = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(ordered)
    for row in found:
        yield [cell_of(value) for value in row]


def has_rows(connection: Connection) -> bool:
    """Whether anything is kept there."""
    return any(connection.execute(select(table).limit(1)).first() is not None for table in tables_of(connection))


@contextmanager
def replacing(database: InstalledDatabase) -> Iterator[Connection]:
    """A transaction in which no hub works; whoever has it commits it, else everything is as before."""
    with connected(database.url) as connection:
        is_shared = connection.dialect.name == "postgresql" and database.key == HUB
        if is_shared and not connection.execute(text(LOCK)).scalar():
            raise StillRunning("kubectl scale deployment RELEASE-hub --replicas 0")
        yield connection


def clear(connection: Connection) -> None:
    """Removes every row, those first that point to others."""
    for table in reversed(tables_of(connection)):
        connection.execute(table.delete())


def fill(connection: Connection, table: Table, columns: list[str], rows: Iterable[list[Cell]]) -> None:
    """Puts rows into an empty table. Raises ValueError where they do not fit it."""
    if {column.name for column in table.columns} != set(columns):
        raise ValueError(f"the table {table.name} has other columns")
    kinds = [table.columns[name].type for name in columns]
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):  # one statement for many rows
        values = [
            {name: value_of(cell, kind) for name, cell, kind in zip(columns, row, kinds, strict=True)} for row in some
        ]
        connection.execute(insert(table), values)
    _count_on(connection, table)


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL counts numbers of rows by itself, and knows nothing of those that were put in."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        sequence = connection.execute(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name))).scalar()
        if sequence:
            highest: Any = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            connection.execute(select(func.setval(sequence, highest, False)))  # noqa: FBT003 - setval's "is_called"
