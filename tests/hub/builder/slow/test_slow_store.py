"""What is remembered of slow builds, in both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.builder.slow import store
from hub.builder.slow.derived_base import DerivedBase, State, asked, begun, cancelled, failed
from hub.builder.slow.recipe import Recipe
from hub.database import Database
from tests.cluster.databases import PostgresServer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path}/services.sqlite"
    database = Database(url)
    database.upgrade()
    yield database
    database.close()


def new(apt: str = "g++", *, minutes: int = 0) -> DerivedBase:
    recipe = Recipe(base=f"example.org/python@sha256:{'a' * 64}", apt=(apt,), lock=("docopt==0.6.2",))
    moment = NOW + timedelta(minutes=minutes)
    return asked(recipe, environment="python", base_digest=f"sha256:{'a' * 64}", by="alice", now=moment)


def test_all_of_a_recipe_comes_back(database: Database) -> None:
    full = replace(
        failed(begun(new(), now=NOW), "Nö.", log="end\n", now=NOW), more_bytes=5_000_000_000, seconds=1.5, phase="x"
    )
    with database.transaction() as session:
        store.add_base(session, full)
    with database.transaction() as session:
        assert store.base_of(session, full.key) == full
        assert store.base_of(session, "0" * 64) is None


def test_a_change_is_kept_once_whoever_else_was_at_it(database: Database) -> None:
    base = new()
    with database.transaction() as session:
        store.add_base(session, base)
    with database.transaction() as session:
        assert store.change_base(session, base, begun(base, now=NOW))
    with database.transaction() as session:
        assert not store.change_base(session, base, cancelled(base, now=NOW))
        found = store.base_of(session, base.key)
        assert found == begun(base, now=NOW)


def test_what_something_is_to_be_done_about_is_found_until_its_job_is_gone(database: Database) -> None:
    waiting, running, over = new("liba"), begun(new("libb", minutes=1), now=NOW), begun(new("libc", minutes=2), now=NOW)
    over = failed(over, "No.", now=NOW)
    with database.transaction() as session:
        for base in (over, running, waiting, replace(over, key="f" * 64, job="")):
            store.add_base(session, base)
    with database.transaction() as session:
        assert store.unfinished(session) == (waiting, running, over)


def test_somebody_sees_what_they_asked_for_the_newest_first(database: Database) -> None:
    old, late = new("liba"), new("libb", minutes=1)
    with database.transaction() as session:
        for base in (old, late):
            store.add_base(session, base)
            session.flush()
            for person in ("alice", "alice", "bob"):
                store.add_wish(session, base.key, person)
    with database.transaction() as session:
        store.remove_wish(session, late.key, "bob")
    with database.transaction() as session:
        assert store.bases_of(session, "alice") == (late, old)
        assert store.bases_of(session, "bob") == (old,)
        assert store.bases_of(session, "eve") == ()
        assert store.wishes(session, old.key) == {"alice", "bob"}
        assert store.keys_wished(session, "bob") == (old.key,)


def test_builds_of_a_day_are_counted_for_each_person(database: Database) -> None:
    with database.transaction() as session:
        for hours in (30, 3):
            store.note_begun(session, "alice", now=NOW - timedelta(hours=hours))
            session.flush()
        store.note_begun(session, "bob", now=NOW)
    with database.transaction() as session:
        store.note_begun(session, "alice", now=NOW)
    with database.transaction() as session:
        assert sorted(store.begun_by(session, "alice")) == [NOW - timedelta(hours=3), NOW]
        assert store.begun_by(session, "bob") == (NOW,)


def test_how_long_builds_took_is_told_of_those_that_went_well(database: Database) -> None:
    with database.transaction() as session:
        store.add_base(session, replace(new("liba"), state=State.READY, seconds=90.0))
        store.add_base(session, replace(new("libb"), state=State.FAILED, seconds=5.0))
    with database.transaction() as session:
        assert store.seconds_of_earlier(session) == (90.0,)
