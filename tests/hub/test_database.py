"""Our own database: one history of migrations, short transactions, none of them in the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from jupyterhub import orm
from sqlalchemy import text
from sqlalchemy.orm import Session

from hub.database import MIGRATIONS, Database, alembic_config, settle_sqlite


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/studiolo.sqlite")
    yield database
    database.close()


def test_the_tables_are_what_the_migrations_make(database: Database) -> None:
    database.upgrade()
    command.check(alembic_config(database.url))


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    database.upgrade()


def test_every_migration_can_be_taken_back(database: Database) -> None:
    database.upgrade()
    command.downgrade(alembic_config(database.url), "base")
    database.upgrade()


def test_migrations_are_named_by_day_and_change_and_have_one_history() -> None:
    names = [path.stem for path in (MIGRATIONS / "versions").glob("*.py")]
    assert all(name[:8].isdigit() and name[8] == "_" for name in names)
    command.heads(alembic_config("sqlite://"), verbose=False)


def test_a_percent_sign_in_a_password_does_not_break_the_address(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/100%25.sqlite")
    database.upgrade()
    database.close()


async def test_work_runs_in_a_thread_and_is_kept(database: Database) -> None:
    def work(session: Session) -> int:
        session.execute(text("CREATE TABLE t (n INTEGER)"))
        session.execute(text("INSERT INTO t VALUES (1)"))
        return threading.get_ident()

    assert await database.run(work) != threading.get_ident()
    with database.transaction() as session:
        assert session.execute(text("SELECT n FROM t")).scalar() == 1


async def test_work_that_fails_leaves_nothing_behind(database: Database) -> None:
    await database.run(lambda session: session.execute(text("CREATE TABLE t (n INTEGER)")))

    def work(session: Session) -> None:
        session.execute(text("INSERT INTO t VALUES (1)"))
        raise LookupError("half way")

    with pytest.raises(LookupError):
        await database.run(work)
    with database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM t")).scalar() == 0


async def test_many_writers_at_once_all_succeed(database: Database) -> None:
    await database.run(lambda session: session.execute(text("CREATE TABLE t (n INTEGER)")))
    await asyncio.gather(
        *(database.run(lambda session: session.execute(text("INSERT INTO t VALUES (1)"))) for _ in range(50))
    )
    with database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM t")).scalar() == 50


def pragma(session: Session, name: str) -> object:
    return session.execute(text(f"PRAGMA {name}")).scalar_one()


def test_the_hub_s_own_sqlite_does_not_wait_for_the_disk_with_each_commit(tmp_path: Path) -> None:
    factory = orm.new_session_factory(f"sqlite:///{tmp_path}/hub.sqlite")
    engine = factory.kw["bind"]
    settle_sqlite(engine)
    with factory() as session:
        assert (pragma(session, "journal_mode"), pragma(session, "synchronous")) == ("wal", 1)
        assert pragma(session, "foreign_keys") == 1
    engine.dispose()


def test_a_database_in_memory_is_left_as_it_is() -> None:
    factory = orm.new_session_factory("sqlite:///:memory:")
    engine = factory.kw["bind"]
    with factory() as session:
        session.add(orm.User(name="alice"))
        session.commit()
        settle_sqlite(engine)
        assert session.query(orm.User).one().name == "alice"
    engine.dispose()
