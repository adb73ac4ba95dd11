"""What is remembered of packages, in both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from hub.builder import store
from hub.builder.model_package import Lineage, ModelPackage
from hub.credentials.credential import Owner
from hub.database import Database
from tests.cluster.databases import PostgresServer

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ALICE, VISION = Owner.person("alice"), Owner.of_team("vision")


def package(owner: Owner = ALICE, name: str = "iris", version: str = "1", **more: Any) -> ModelPackage:
    facts: dict[str, Any] = {
        "digest": f"sha256:{'a' * 64}",
        "place": "registry.example.org/models/alice/iris",
        "by": "alice",
        "made": NOW,
        "lineage": Lineage(
            source="iris.ipynb", source_sha256="b" * 64, tree_sha256="c" * 64, environment="python",
            environment_sha256="d" * 64, base_name="python@sha256:e", base_digest=f"sha256:{'e' * 64}",
            lock_sha256="f" * 64, commit="0" * 40, diff="+ä",
        ),
        "contract": {"methods": ["train"], "hyperparameters": {}, "doc": "é"},
        "cells_kept": (1, 3),
        "cells_left": (2,),
        "files": 3,
        "project_bytes": 3_000_000_000,
        "layer_bytes": 2_500_000_000,
        "sent_bytes": 17,
        "seconds": 0.25,
        "overridden": ("keys.py:1",),
        "warnings": ("one",),
    }  # fmt: skip
    return ModelPackage(owner=owner, name=name, version=version, **{**facts, **more})


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


def test_a_package_comes_back_as_it_went_in(database: Database) -> None:
    with database.transaction() as session:
        store.add_package(session, package())
    with database.transaction() as session:
        assert store.packages_of(session, [ALICE]) == (package(),)


def test_packages_stand_by_owner_and_name_with_the_newest_first(database: Database) -> None:
    made = [
        package(VISION, "a"), package(name="b"), package(name="a"), package(name="a", version="2"), package(VISION, "A")
    ]  # fmt: skip
    with database.transaction() as session:
        for one in made:
            store.add_package(session, one)
    with database.transaction() as session:
        found = store.packages_of(session, [VISION, ALICE])
        assert [(one.owner.team, one.name, one.version) for one in found] == [
            ("", "a", "2"), ("", "a", "1"), ("", "b", "1"), ("vision", "A", "1"), ("vision", "a", "1")
        ]  # fmt: skip
        assert {one.owner for one in store.packages_of_teams(session)} == {VISION}
        assert [one.version for one in store.versions_of(session, ALICE, "a")] == ["2", "1"]
        assert store.packages_of(session, [Owner.person("vision"), Owner.person("team/vision")]) == ()


def test_a_version_is_there_once(database: Database) -> None:
    with database.transaction() as session:
        store.add_package(session, package())
    with pytest.raises(IntegrityError), database.transaction() as session:
        store.add_package(session, package())
    with database.transaction() as session:
        store.add_package(session, package(VISION))
        store.remove_package(session, package())
        assert [one.owner for one in store.packages_of(session, [ALICE, VISION])] == [VISION]


def test_what_somebody_made_in_the_last_hour_and_what_an_owner_keeps_is_counted(database: Database) -> None:
    ages = [timedelta(minutes=minutes) for minutes in (5, 40, 59, 61, 600)]
    with database.transaction() as session:
        assert store.used(session, "alice", ALICE, now=NOW).packages_in_hour == 0
        for number, age in enumerate(ages):
            owner = VISION if number % 2 else ALICE
            store.add_package(session, package(owner, version=str(number), made=NOW - age, layer_bytes=10))
        store.add_package(session, package(VISION, version="other", by="bob", layer_bytes=5))
    with database.transaction() as session:
        used = store.used(session, "alice", VISION, now=NOW)
    assert (used.packages_in_hour, used.oldest_in_hour, used.bytes) == (3, timedelta(minutes=59), 25)
