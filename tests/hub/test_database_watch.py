"""Nobody waits for a database that does not answer, and it is noticed when it does again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import OperationalError

from hub.database_watch import DatabaseWatch
from hub.postgresql import DatabaseSilent, PostgresqlProbe, connections
from tests.cluster.databases import PostgresServer

LOG = logging.getLogger("test")
PATIENCE_SECONDS = 60.0


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def watched(url: str, *, is_exclusive: bool = False) -> Iterator[tuple[DatabaseWatch, Engine]]:
    watch = DatabaseWatch(url, what="The database", is_exclusive=is_exclusive, log=LOG)
    engine = create_engine(url, **watch.engine_arguments())

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        watch.note(context.sqlalchemy_exception)

    watch.start()
    try:
        yield watch, engine
    finally:
        engine.dispose()
        watch.stop()


def ask(engine: Engine, question: str = "SELECT 1") -> object:
    with engine.connect() as connection:
        return connection.execute(text(question)).scalar()


def test_a_question_that_hangs_is_given_up_once_nobody_answers_and_all_works_when_it_is_back(
    own_postgres: PostgresServer,
) -> None:
    with watched(own_postgres.new_database()) as (watch, engine):
        assert ask(engine) == 1
        own_postgres.hold()
        with pytest.raises(OperationalError):
            ask(engine)
        assert watch.is_away
        # From now on nobody waits at all: not even a connection is tried.
        with pytest.raises(OperationalError, match="does not answer"):
            ask(engine)
        own_postgres.release()
        until(lambda: not watch.is_away)
        assert ask(engine) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_server_that_ends_is_away_until_it_was_started_again(own_postgres: PostgresServer, how: str) -> None:
    with watched(own_postgres.new_database()) as (watch, engine):
        assert ask(engine) == 1
        getattr(own_postgres, how)()
        until(lambda: watch.is_away)
        with pytest.raises(OperationalError):
            ask(engine)
        own_postgres.start()
        until(lambda: not watch.is_away)
        assert ask(engine) == 1


def test_one_connection_that_is_cut_is_no_outage(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with watched(url) as (watch, engine), engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        postgres.run(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
        assert watch.faults == 1
        connection.rollback()
        assert connection.execute(text("SELECT 1")).scalar() == 1
        assert not watch.is_away


def test_a_question_may_take_long_while_the_server_answers(postgres: PostgresServer) -> None:
    with watched(postgres.new_database()) as (watch, engine):
        assert ask(engine, "SELECT 1 FROM pg_sleep(2.5)") == 1
        assert not watch.is_away


def test_a_lock_that_somebody_else_holds_is_not_waited_for_long(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with watched(url) as (_, engine), psycopg.connect(url) as other:
        other.execute("CREATE TABLE t (n INTEGER)")
        other.commit()
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            ask(engine, "SELECT count(*) FROM t")


def test_a_database_that_only_lets_itself_be_read_cannot_be_used(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    probe = PostgresqlProbe(url, is_exclusive=False)
    assert probe() == "it only lets itself be read"
    probe.close()


def test_of_two_hubs_with_one_database_one_waits_until_the_other_has_gone(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    first, second = (PostgresqlProbe(url, is_exclusive=True) for _ in range(2))
    assert first() == ""
    assert second() == "another hub uses it"
    assert first() == ""
    first.close()
    until(lambda: not second())
    assert first() == "another hub uses it"
    first.close()
    second.close()


def test_a_hub_whose_lock_is_lost_takes_it_again_unless_another_has_it(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    first, second = (PostgresqlProbe(url, is_exclusive=True) for _ in range(2))
    assert first() == ""
    name = url.rpartition("/")[2]
    postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert "does not answer" in first()
    assert second() == ""
    assert first() == "another hub uses it"
    second.close()
    until(lambda: not first())
    first.close()


def test_nothing_secret_is_said_of_a_database_that_refuses_us(postgres: PostgresServer) -> None:
    url = f"postgresql://nobody:hunter2@127.0.0.1:{postgres.port}/nothing"
    probe = PostgresqlProbe(url, is_exclusive=False)
    assert "does not exist" in probe()
    assert "hunter2" not in probe()


async def test_who_needs_the_database_to_begin_waits_for_it(postgres: PostgresServer) -> None:
    answers = iter(["it does not answer", "it does not answer", ""])
    watch = DatabaseWatch("sqlite://", what="The database", log=LOG, probe=lambda: next(answers), every_seconds=0)
    await watch.until_there()
    assert not watch.is_away


def test_an_sqlite_file_is_never_away_and_nothing_looks_at_it() -> None:
    watch = DatabaseWatch("sqlite://", what="The database", log=LOG)
    before = threading.active_count()
    watch.start()
    assert threading.active_count() == before
    assert watch.engine_arguments() == {}
    assert not watch.is_away
    watch.stop()


def test_a_connection_is_not_even_tried_while_it_is_known_that_nobody_answers() -> None:
    with pytest.raises(DatabaseSilent):
        connections("postgresql://nobody@192.0.2.1/x", lambda _seconds: True)()
