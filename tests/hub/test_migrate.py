"""Both databases get this version's tables, whatever they had before, and nothing is done to those of a newer one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from hub.databases import (
    HUB,
    SERVICES,
    InstalledDatabase,
    Standing,
    hub_database,
    installed_databases,
    services_database,
)
from hub.migrate import DatabaseNewer, MigrationFailed, bring_up_to_date, main, revision_of, take_back
from hub.settings import SETTINGS_VARIABLE, Settings, effective
from studiolo.errors import StudioloError
from tests.cluster.databases import PostgresServer

pytestmark = pytest.mark.usefixtures("logs_as_before")

BEFORE_NAMES = "ff1860e38070"
"""The last revision of JupyterHub 5."""

NewDatabase = Callable[[str], InstalledDatabase]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> NewDatabase:
    """An empty database, of both kinds in turn."""

    def make(key: str) -> InstalledDatabase:
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.new_database()
        else:
            url = f"sqlite:///{tmp_path}/{key}.sqlite"
        return InstalledDatabase(key=key, title=f"The {key} database", url=url)

    return make


def tables(database: InstalledDatabase) -> set[str]:
    engine = create_engine(database.url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def run(database: InstalledDatabase, statement: str) -> None:
    engine = create_engine(database.url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("key", [HUB, SERVICES])
def test_an_empty_database_gets_its_tables_and_a_second_time_nothing_happens(
    new_database: NewDatabase, key: str
) -> None:
    database = new_database(key)
    said: list[str] = []
    bring_up_to_date(database, say=said.append)
    assert {"alembic_version", "users" if key == HUB else "start"} <= tables(database)
    assert revision_of(database) == database.head()
    bring_up_to_date(database, say=said.append)
    assert [sentence.rpartition(" database ")[2] for sentence in said] == ["has its tables.", "is up to date."]


def test_a_database_of_an_older_hub_is_upgraded_and_keeps_its_people(new_database: NewDatabase) -> None:
    database = new_database(HUB)
    bring_up_to_date(database, say=print)
    run(database, "INSERT INTO users (name, admin, cookie_id) VALUES ('alice', false, 'x')")
    # As JupyterHub 5 left it: workspaces had no free names yet.
    run(database, "ALTER TABLE spawners DROP COLUMN display_name")
    run(database, f"UPDATE alembic_version SET version_num = '{BEFORE_NAMES}'")
    assert database.standing(BEFORE_NAMES) is Standing.OLDER
    said: list[str] = []
    bring_up_to_date(database, say=said.append)
    assert said == [f"The hub database was upgraded from {BEFORE_NAMES} to {database.head()}."]
    engine = create_engine(database.url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM users")).scalars().all() == ["alice"]
        assert connection.execute(text("SELECT display_name FROM spawners")).all() == []
    engine.dispose()


@pytest.mark.parametrize("key", [HUB, SERVICES])
def test_a_database_of_a_newer_version_is_left_alone(new_database: NewDatabase, key: str) -> None:
    database = new_database(key)
    bring_up_to_date(database, say=print)
    run(database, "UPDATE alembic_version SET version_num = 'from_the_future'")
    with pytest.raises(DatabaseNewer, match="from_the_future is not known here"):
        bring_up_to_date(database, say=print)
    assert revision_of(database) == "from_the_future"


def test_a_migration_can_be_taken_back_and_made_again(new_database: NewDatabase) -> None:
    database = new_database(SERVICES)
    bring_up_to_date(database, say=print)
    with pytest.raises(StudioloError, match="has no revision nonsense"):
        take_back(database, to="nonsense", say=print)
    take_back(database, to=database.head(), say=print)
    assert revision_of(database) == database.head()


def test_what_stands_in_the_way_is_waited_for_and_named_in_the_end(postgres: PostgresServer) -> None:
    database = InstalledDatabase(key=SERVICES, title="The services' database", url=postgres.url("nothing"))
    pauses: list[float] = []
    with pytest.raises(MigrationFailed, match='database "nothing" does not exist'):
        bring_up_to_date(database, say=print, sleep=pauses.append)
    assert len(pauses) == 59


def test_a_table_that_somebody_holds_is_waited_for(postgres: PostgresServer) -> None:
    database = InstalledDatabase(key=SERVICES, title="The services' database", url=postgres.new_database())
    bring_up_to_date(database, say=print)
    with database.history() as history:
        command.downgrade(history, "base")
    other = psycopg.connect(database.url)
    other.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
    released: list[float] = []

    def release(seconds: float) -> None:
        released.append(seconds)
        other.close()

    # Where nothing is left of the history, its table is made anew, and that table is held.
    bring_up_to_date(database, say=print, sleep=release)
    assert "start" in tables(database)


def test_hub_and_services_may_not_have_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/one.sqlite"
    settings = effective(tmp_path, {"hub.database.url": url, "services.database.url": url})
    with pytest.raises(StudioloError, match="the same database"):
        installed_databases(settings)


def test_each_process_needs_the_address_of_its_own_database_only(tmp_path: Path) -> None:
    """In a cluster hub and services are given one Secret each."""
    own = tmp_path / "url"
    own.write_text("postgresql://studiolo@db/own")
    others = tmp_path / "not-mounted"
    hub = effective(tmp_path, {"hub.database.urlFile": own, "services.database.urlFile": others})
    services = effective(tmp_path, {"hub.database.urlFile": others, "services.database.urlFile": own})
    assert hub_database(hub).url == services_database(services).url == own.read_text()


def test_the_command_brings_both_up_to_date(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write(settings.data.effective_settings)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(settings.data.effective_settings))
    assert main([]) == 0
    assert main([]) == 0
    assert "The hub's database has its tables." in capsys.readouterr().out
    run(installed_databases(settings)[1], "UPDATE alembic_version SET version_num = 'from_the_future'")
    assert main([]) == 1
    assert "docs: operations" in capsys.readouterr().err
