"""Installations with people, workspaces and earlier starts in them, on both kinds of database."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import orm
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from hub.backup.tables import connected, rows_of, tables_of
from hub.databases import installed_databases
from hub.keys import ensure_keys
from hub.migrate import bring_up_to_date
from hub.passwords import PasswordFile
from hub.settings import Settings, effective
from hub.starts.tables import StartRow
from tests.cluster.databases import PostgresServer

Contents = dict[str, dict[str, list[Any]]]
NewInstallation = Callable[[str], Settings]


@pytest.fixture
def new_installation(request: pytest.FixtureRequest, tmp_path: Path) -> NewInstallation:
    """An installation without anything in it: on `sqlite` or on `postgresql`."""

    def make(kind: str) -> Settings:
        root = tmp_path / secrets.token_hex(4)
        overrides: dict[str, Any] = {}
        if kind == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            overrides = {f"{part}.database.url": server.new_database() for part in ("hub", "services")}
        return effective(root, overrides)

    return make


def fill_for_test(settings: Settings, people: int = 3) -> None:
    """People, groups, tokens, workspaces, starts and keys, each with something that is hard to keep."""
    settings.data.root.mkdir(exist_ok=True)
    ensure_keys(settings.data)
    PasswordFile.of(settings.data).ensure_admin()
    hub, services = installed_databases(settings)
    for database in (hub, services):
        bring_up_to_date(database, say=print)
    engine = create_engine(hub.url)
    with Session(engine) as session:
        group = orm.Group(name="vision", properties={"leads": ["alice"], "quota": {}})
        session.add(group)
        for number in range(people):
            user = orm.User(name=f"anna-{number} Ångström 日本", encrypted_auth_state=secrets.token_bytes(40))
            user.groups.append(group)
            session.add(user)
            session.flush()
            server = orm.Server(proto="http", ip="10.0.0.1", port=8888, base_url=f"/user/{number}/")
            spawner = orm.Spawner(name="", user=user, server=server, state={"pod": ["time", "x"]}, started=_now())
            session.add_all([server, spawner])
            session.add(
                orm.APIToken(user=user, hashed=f"abc{number}", prefix="ab", scopes=["self"], note='it\'s "so"\n')
            )
        session.commit()
    engine.dispose()
    engine = create_engine(services.url)
    with Session(engine) as session:
        for number in range(people):
            session.add(
                StartRow(
                    user="anna",
                    server="",
                    environment="minimal",
                    hardware="small",
                    environment_digest=f"sha256:{number}",
                    outcome="ready",
                    started_at=datetime.now(UTC),
                    phases={"pull": 1.5, "bytes": ["bytes", "AAAA"]},
                )
            )
        session.commit()
    engine.dispose()


def contents(settings: Settings) -> Contents:
    """Every row of both databases, in the same words for every kind of database."""
    found: Contents = {}
    for database in installed_databases(settings):
        with connected(database.url) as connection:
            found[database.key] = {
                table.name: [[_same(cell) for cell in row] for row in rows_of(connection, table)]
                for table in tables_of(connection)
            }
    return found


def _same(cell: Any) -> Any:
    """SQLite keeps no zones; all times are UTC."""
    match cell:
        case ["time", text]:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return cell


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
