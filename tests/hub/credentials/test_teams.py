"""What a team gives: to a start in the same one answer, and never mixed up with what a person of its name has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from alembic import command
from jupyterhub import orm
from sqlalchemy import text

from hub.credentials import store
from hub.credentials.actions import Credentials
from hub.credentials.credential import Owner
from hub.credentials.errors import CredentialRefused
from hub.credentials.keeping import SealedVault
from hub.credentials.source import ServicesCredentials
from hub.database import Database, alembic_config
from hub.jupyterhub_app import StudioloHub
from hub.keys import Keys
from hub.settings import Settings
from spawner.credential_choice import choose_credentials
from spawner.credentials import team_credential
from studiolo.client import NotFound, Studiolo
from studiolo.wire import NewCredential, NewValue
from tests.cluster.databases import PostgresServer

VISION = Owner.of_team("vision")
NAMESAKE = Owner.person("vision")
ODD = "CN=vision, OU=\u00fc/x" + "y" * 200


def new(name: str = "hub", value: str = "v1", **more: Any) -> NewCredential:
    return NewCredential.model_validate({"name": name, "kind": "env", "variable": "HF_TOKEN", "value": value, **more})


@pytest.fixture(params=["sqlite", "postgresql"])
def database(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Both kinds in turn."""
    url = settings.database_url
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    database = Database(url)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def credentials(database: Database) -> Credentials:
    return Credentials(database, SealedVault(database, lambda: b"k" * 32))


async def test_a_team_and_a_person_of_one_name_have_nothing_in_common(credentials: Credentials) -> None:
    await credentials.add(VISION, new(value="of the team"))
    await credentials.add(NAMESAKE, new(value="of the person"))
    assert [one.owner for one in await credentials.of(NAMESAKE)] == [NAMESAKE]
    opened = await credentials.open("vision", (), ("hub", "vision/hub"))
    assert (dict(opened.content.env), opened.missing) == ({"HF_TOKEN": "of the person"}, ("vision/hub",))
    opened = await credentials.open("alice", ("vision",), ("vision/hub",))
    assert dict(opened.content.env) == {"HF_TOKEN": "of the team"}
    await credentials.forget(NAMESAKE)
    assert [one.full_name for one in await credentials.of(VISION, NAMESAKE)] == ["vision/hub"]


@pytest.mark.parametrize("name", ["team/vision", "person/team/vision", "person/x", "vision"])
async def test_no_name_of_a_person_reaches_a_team(credentials: Credentials, name: str) -> None:
    await credentials.add(VISION, new())
    assert await credentials.of(Owner.person(name)) == ()
    await credentials.add(Owner.person(name), new("own", variable="OWN"))
    assert [one.owner.name for one in await credentials.of(Owner.person(name))] == [name]
    assert [one.name for one in await credentials.of_all_teams()] == ["hub"]


async def test_a_start_is_told_of_a_person_s_own_first_and_then_of_their_teams(credentials: Credentials) -> None:
    for owner, name in ((VISION, "hub"), (Owner.of_team(ODD), "odd"), (Owner.person("zoe"), "zz")):
        await credentials.add(owner, new(name))
    mounts = await credentials.mounts("zoe", ("vision", ODD))
    assert [(one.team, one.name.rpartition("/")[2]) for one in mounts] == [("", "zz"), (ODD, "odd"), ("vision", "hub")]
    assert all("," not in one.name for one in mounts)
    assert await credentials.mounts("nora", ()) == ()


async def test_files_named_for_a_credential_never_meet_those_of_a_team(credentials: Credentials) -> None:
    own, of_team = [
        await credentials.add(owner, NewCredential(name="forge", kind="ssh-key"))
        for owner in (Owner.person("zoe"), VISION)
    ]
    assert (own.files[0], of_team.files[0]) == ("ssh/forge", "ssh/vision--forge")


async def test_of_two_with_one_variable_the_first_counts(credentials: Credentials) -> None:
    await credentials.add(Owner.person("zoe"), new("mine", "own"))
    await credentials.add(VISION, new("hub", "of the team"))
    opened = await credentials.open("zoe", ("vision",), ("mine", "vision/hub"))
    assert dict(opened.content.env) == {"HF_TOKEN": "own"}


async def test_who_got_a_team_s_last_is_told_by_person_and_a_person_s_own_by_workspace(
    credentials: Credentials,
) -> None:
    await credentials.add(Owner.person("zoe"), new("mine"))
    await credentials.add(VISION, new("hub"))
    await credentials.note_mounted("zoe", ("vision", "audio"), ("mine", "vision/hub"), workspace="thesis")
    assert [one.mounted_by for one in await credentials.of(Owner.person("zoe"), VISION)] == ["thesis", "zoe"]


async def test_a_row_that_was_copied_from_a_team_to_a_person_of_its_name_does_not_open(
    credentials: Credentials, database: Database
) -> None:
    await credentials.add(VISION, new())
    await credentials.add(NAMESAKE, new())
    of_team, own = "team-credential-vision--hub", "credential-vision--hub"
    await database.run(
        lambda session: session.execute(
            text(
                "UPDATE sealed_credential SET sealed = (SELECT sealed FROM sealed_credential WHERE reference = :of) "
                "WHERE reference = :to"
            ),
            {"of": of_team, "to": own},
        )
    )
    opened = await credentials.open("vision", (), ("hub",))
    assert (dict(opened.content.env), opened.missing) == ({}, ("hub",))


async def test_two_leads_at_once_leave_one_that_opens(credentials: Credentials) -> None:
    answers = await asyncio.gather(
        *(credentials.add(VISION, new(value=value)) for value in "ab"), return_exceptions=True
    )
    assert sum(isinstance(answer, Exception) for answer in answers) == 1


async def test_what_an_earlier_release_asks_for_finds_no_team_s(credentials: Credentials, database: Database) -> None:
    """It knows people alone, and goes on with the longer table."""
    await credentials.add(VISION, new())
    found = await database.run(
        lambda session: session.execute(text("SELECT count(*) FROM credential WHERE owner = 'vision'")).scalar()
    )
    assert found == 0
    assert len(await database.run(store.credentials_of_teams)) == 1


async def test_an_upgrade_keeps_what_people_keep_and_going_back_takes_only_what_teams_keep(
    credentials: Credentials, database: Database
) -> None:
    before = "20261126_keeps_credentials"
    config = alembic_config(database.url)
    await credentials.add(NAMESAKE, new())
    await credentials.add(VISION, new())
    await asyncio.to_thread(command.downgrade, config, before)
    assert [one.full_name for one in await credentials.of(NAMESAKE, VISION)] == ["hub"]
    await asyncio.to_thread(command.upgrade, config, "head")
    assert [one.full_name for one in await credentials.of(NAMESAKE, VISION)] == ["hub"]
    opened = await credentials.open("vision", (), ("hub",))
    assert (dict(opened.content.env), opened.missing) == ({"HF_TOKEN": "v1"}, ())
    with pytest.raises(CredentialRefused):
        await credentials.add(NAMESAKE, new())


@pytest.fixture(params=["vision", "CN=vision, OU=ü/x & y"])
def team(request: pytest.FixtureRequest) -> str:
    """A plain name, and one as a directory of people has it."""
    name: str = request.param
    return name


@pytest.fixture
def teams(fake_hub: Any, team: str) -> Any:
    fake_hub.team_for_test(team, "lena", "mara", leads=("lena",))
    return fake_hub


def token(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("token ")


@pytest.fixture
def in_teams(team: str) -> Callable[[str], tuple[str, ...]]:
    """As the hub has it."""
    return {"mara": (team,), "lena": (team,), "nora": ()}.__getitem__


@pytest.mark.usefixtures("services")
async def test_the_client_speaks_of_teams_as_the_routes_do(
    settings: Settings, keys: Keys, teams: Any, team: str, in_teams: Callable[[str], tuple[str, ...]]
) -> None:
    """The whole way: a lead adds, a member's start has it, somebody else's has not; one question for all of it."""
    lena, mara = (token(teams.knows_for_test(name)) for name in ("lena", "mara"))
    url, full = settings.services.url, team_credential(team, "hub")
    async with Studiolo(url, lena) as lead, Studiolo(url, mara) as member, Studiolo(url, keys.hub_token) as hub:
        added = await lead.add_credential(new(team=team, value="v1"))
        assert (added.team, added.full_name, added.may_change) == (team, full, True)
        await member.add_credential(new("own", variable="OWN"))
        assert [(one.team, one.name) for one in await member.credentials()] == [("", "own"), (team, "hub")]
        assert [one.name for one in await member.credentials(team=team)] == ["hub"]
        source = ServicesCredentials(hub, teams_of=in_teams, log=logging.getLogger("test"))
        chosen = choose_credentials(None, await source.known("mara")).mounted
        assert [one.name for one in chosen] == ["own", full]
        assert choose_credentials((full,), await source.known("nora")).gone == (full,)
        await lead.rotate_credential("hub", NewValue(value="v2"), team=team)
        values = await source.values("mara", "", (full,))
        assert values is not None
        assert dict(values.env) == {"HF_TOKEN": "v2"}
        values = await source.values("nora", "", (full,))
        assert values is not None
        assert (dict(values.env), values.missing) == ({}, (full,))
        with pytest.raises(NotFound):
            await lead.remove_credential("hub")
        await lead.remove_credential("hub", team=team)
        await lead.add_credential(new(team=team))
        await hub.forget_credentials("lena")
        assert [one.name for one in await member.credentials(team=team)] == ["hub"]  # its lead is gone, it is not
        await hub.forget_team_credentials(team)
        assert [one.name for one in await member.credentials()] == ["own"]


async def test_only_the_hub_forgets_a_team_and_names_people_s_teams(services: httpx.AsyncClient, teams: Any) -> None:
    lena = teams.knows_for_test("lena")
    for method, path in (
        ("POST", "api/team-credentials/vision/forget"),
        ("GET", "api/credentials/mara/mounts?team=vision"),
    ):
        assert (await services.request(method, path, headers=lena)).status_code == 403


def test_the_hub_knows_the_teams_of_each_and_of_nobody_else() -> None:
    factory = orm.new_session_factory("sqlite:///:memory:")
    with factory() as session:
        alice, bob = orm.User(name="alice"), orm.User(name="bob")
        session.add_all([bob, orm.Group(name="vision", users=[alice]), orm.Group(name="audio", users=[alice])])
        session.commit()
        hub: Any = SimpleNamespace(db=session)
        assert StudioloHub._teams_of(hub, "alice") == ("audio", "vision")
        assert StudioloHub._teams_of(hub, "bob") == StudioloHub._teams_of(hub, "nobody") == ()
    factory.kw["bind"].dispose()
