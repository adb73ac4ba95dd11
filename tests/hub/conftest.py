"""What several tests of the hub use: a data directory, cheap passwords, and a services process beside a fake hub."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from tornado import web
from tornado.httpserver import HTTPServer

from hub.app import RunningServices
from hub.keys import Keys, ensure_keys
from hub.passwords import PasswordFile
from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from tests.cluster.databases import PostgresServer


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """A data directory of its own."""
    return DataDirectory(root=tmp_path)


@pytest.fixture
def keys(data: DataDirectory) -> Keys:
    """The keys of that data directory."""
    return ensure_keys(data)


@pytest.fixture
def passwords(data: DataDirectory) -> PasswordFile:
    """Passwords with the cheapest hash there is: what is tested is not how long argon2 takes."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordFile(data.passwords, admin_copy=data.admin_password, hasher=cheap)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def settings(data: DataDirectory) -> Settings:
    """Settings whose addresses are free."""
    return effective(
        data.root, {"hub.port": free_port(), "services.url": f"http://127.0.0.1:{free_port()}", "proxy.port": 1024}
    )


@dataclass
class FakeHub:
    """Knows people by their tokens, as the hub's `GET /hub/api/user` does."""

    port: int
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    teams: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """`{"vision": {"users": […], "leads": […]}}`."""
    admins: set[str] = field(default_factory=set)
    is_broken: bool = False
    knows_no_teams: bool = False
    """It fails only where it is asked for them."""

    def knows_for_test(self, name: str, *, kind: str = "user", scopes: tuple[str, ...] | None = None) -> dict[str, str]:
        """The header with which this person calls; everybody may use the service unless `scopes` says otherwise."""
        token = f"token-of-{name}"
        allowed = ["access:services!service=studiolo"] if scopes is None else list(scopes)
        self.people[token] = {"name": name, "kind": kind, "groups": [], "scopes": allowed}
        return {"Authorization": f"token {token}"}

    def team_for_test(self, name: str, *users: str, leads: tuple[str, ...] = ()) -> None:
        """Put a team there; whoever leads it is a member only if named."""
        self.teams[name] = {"users": list(users), "leads": list(leads)}

    def standing_of(self, name: str) -> dict[str, Any]:
        """As `GET /hub/api/studiolo/standing/NAME` answers."""
        teams = [
            {"name": team, "leads": facts["leads"], "is_member": name in facts["users"]}
            for team, facts in self.teams.items()
            if name in facts["users"] or name in self.admins
        ]
        return {"is_admin": name in self.admins, "teams": teams}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer on the hub's port."""
        fake = self

        class UserHandler(web.RequestHandler):
            def get(self) -> None:
                person = fake.people.get(self.request.headers["Authorization"].removeprefix("token "))
                if fake.is_broken or person is None:
                    raise web.HTTPError(500 if fake.is_broken else 403)
                self.write(person)

        class StandingHandler(web.RequestHandler):
            def get(self, name: str) -> None:
                if fake.is_broken or fake.knows_no_teams:
                    raise web.HTTPError(500)
                self.write(fake.standing_of(name))

        routes = [("/hub/api/user", UserHandler), ("/hub/api/studiolo/standing/([^/]+)", StandingHandler)]
        server = HTTPServer(web.Application(routes, log_function=lambda _: None))
        server.listen(self.port, address="127.0.0.1")
        try:
            yield
        finally:
            server.stop()
            await server.close_all_connections()


@pytest.fixture
async def fake_hub(settings: Settings) -> AsyncIterator[FakeHub]:
    """A hub that knows nobody yet."""
    hub = FakeHub(port=settings.hub.port)
    async with hub.running():
        yield hub


@pytest.fixture
async def services(settings: Settings, keys: Keys) -> AsyncIterator[httpx.AsyncClient]:
    """A running services process, as a client of its address."""
    base = f"{settings.services.url}/services/studiolo/"
    async with RunningServices(settings, keys), httpx.AsyncClient(base_url=base, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for the whole run, for tests that leave it as it is."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL that a test may stop, hold and kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Logs are written as before afterwards: JupyterHub's migrations set up those of the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
