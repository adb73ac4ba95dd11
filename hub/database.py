"""The one door to our own database. Opened by the services process alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from hub.database_watch import DatabaseWatch

Answer = TypeVar("Answer")

MIGRATIONS = Path(__file__).resolve().parent / "migrations"

THREADS = 4
"""Transactions at once. SQLite writes one at a time anyway; PostgreSQL is asked little."""

BUSY_MILLISECONDS = 5_000
"""How long SQLite waits for another writer before it gives up."""


class DatabaseAway(StudioloError):
    """The database does not answer, or takes no changes; nothing was changed."""

    code = "database_away"

    def __init__(self) -> None:
        super().__init__("The services' database does not answer.", hint="Try again in a few seconds.")


class Table(DeclarativeBase):
    """What all our tables have in common: constraint names that a migration can find again."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """Short transactions, in threads: nothing runs SQL in an event loop."""

    def __init__(self, url: str, *, watch: DatabaseWatch | None = None) -> None:
        """`url` as SQLAlchemy reads it; `watch` keeps anybody from waiting for a database that does not answer."""
        self.url = url
        self.watch = watch
        self.engine = _engine(url, watch)
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")

    def upgrade(self) -> None:
        """Bring the tables to this version's; makes the database when there is none."""
        command.upgrade(alembic_config(self.url), "head")

    async def run(self, work: Callable[[Session], Answer]) -> Answer:
        """What `work` answers, in one transaction of its own; rolled back when it raises. No network inside.

        Raises DatabaseAway for a fault of the database itself.
        """
        if self.watch is not None and self.watch.is_away:
            raise DatabaseAway  # without a thread, or four questions that wait would hold up all others
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._in_transaction, work)
        except SQLAlchemyError as error:
            if self.watch is not None and self.watch.note(error):
                raise DatabaseAway from error
            raise

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction, for callers that are in a thread already."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Wait for what is running and let go of the connections."""
        self._threads.shutdown()
        self.engine.dispose()

    def _in_transaction(self, work: Callable[[Session], Answer]) -> Answer:
        with self.transaction() as session:
            return work(session)


def alembic_config(url: str) -> Config:
    """Where Alembic finds our one history, and the database it is for."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url  # not an option: ConfigParser would take a % of a password for its own
    return config


def _engine(url: str, watch: DatabaseWatch | None) -> Engine:
    arguments = {} if watch is None else watch.engine_arguments()
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), **arguments)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def settle_sqlite(engine: Engine) -> None:
    """Give an engine that JupyterHub made the settings of ours, where it is SQLite's and has a file.

    JupyterHub commits nine times for each start. As it comes, the whole hub waits for the disk each time: a hundred
    starts took a third longer. What a power failure may take is the last moment, never the file.
    """
    if engine.dialect.name == "sqlite" and engine.url.database not in {None, "", ":memory:"}:
        event.listen(engine, "connect", _prepare_sqlite)
        engine.dispose()  # connections that were made before


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers go on while one writes
    cursor.execute("PRAGMA synchronous = NORMAL")  # with WAL a crash loses no committed consistency
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
