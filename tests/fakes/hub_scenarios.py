"""What every hub does, the real one and the fake one: the same table is run against both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from studiolo.client import NotAllowed, NotFound, NotSignedIn, Refused, Studiolo

ANNE, BERT, CARL = "anne-of-scenarios", "bert-of-scenarios", "carl-of-scenarios"
TEAM = "team-of-scenarios"


class AnyHub(Protocol):
    """A hub with the people `admin`, ANNE and BERT, who have no workspace. No other test uses these names."""

    def client(self, user: str | None) -> Studiolo:
        """A client with a full token of that person; None: with a token that nobody has."""
        ...


async def it_says_its_version_to_everybody(hub: AnyHub) -> None:
    async with hub.client(None) as studiolo:
        assert (await studiolo.hub_version()).startswith("6.")


async def it_knows_whose_token_it_is(hub: AnyHub) -> None:
    async with hub.client(ANNE) as studiolo:
        me = await studiolo.whoami()
        assert (me.name, me.kind, me.admin) == (ANNE, "user", False)
    async with hub.client("admin") as studiolo:
        assert (await studiolo.whoami()).admin


async def it_tells_an_unknown_token_from_a_missing_right(hub: AnyHub) -> None:
    async with hub.client(None) as studiolo:
        with pytest.raises(NotSignedIn):
            await studiolo.whoami()
        with pytest.raises(NotSignedIn):
            await studiolo.create_user(CARL)
        with pytest.raises(NotSignedIn):
            await studiolo.workspaces(ANNE)
    async with hub.client(ANNE) as studiolo:
        with pytest.raises(NotAllowed):
            await studiolo.create_user(CARL)
        with pytest.raises(NotAllowed):
            await studiolo.set_password(BERT)
        with pytest.raises(NotAllowed):
            await studiolo.create_team(TEAM)


async def it_adds_a_person_once_and_gives_passwords(hub: AnyHub) -> None:
    async with hub.client("admin") as studiolo:
        created = await studiolo.create_user(CARL)
        assert (created.name, created.admin) == (CARL, False)
        with pytest.raises(Refused, match="already exists"):
            await studiolo.create_user(CARL)
        assert len(await studiolo.set_password(CARL)) >= 8
        assert await studiolo.set_password(CARL, "correct horse battery staple") == "correct horse battery staple"
        with pytest.raises(NotFound, match="nobody"):
            await studiolo.set_password("nobody")


async def it_makes_teams_of_people_it_knows(hub: AnyHub) -> None:
    async with hub.client("admin") as studiolo:
        with pytest.raises(Refused, match="No such user: nobody"):
            await studiolo.create_team(TEAM, ["nobody"])
        team = await studiolo.create_team(TEAM, [ANNE], ["admin"])
        assert (sorted(team.users), team.leads) == (["admin", ANNE], ("admin",))
        with pytest.raises(Refused, match="already exists"):
            await studiolo.create_team(TEAM)
        assert sorted((await studiolo.add_team_members(TEAM, [BERT, ANNE])).users) == ["admin", ANNE, BERT]
        with pytest.raises(NotFound, match="nothing-here"):
            await studiolo.add_team_members("nothing-here", [BERT])
    async with hub.client(ANNE) as studiolo:
        assert TEAM in (await studiolo.whoami()).groups


async def it_hides_other_peoples_workspaces(hub: AnyHub) -> None:
    async with hub.client(ANNE) as studiolo:
        with pytest.raises(NotFound):
            await studiolo.workspaces(BERT)
        with pytest.raises(NotFound):
            await studiolo.start_workspace(user=BERT)
        with pytest.raises(NotFound):
            await studiolo.stop_workspace(user=BERT)
        with pytest.raises(NotFound):
            await studiolo.workspace_log(user=BERT)


async def it_has_only_the_default_workspace_before_one_is_started(hub: AnyHub) -> None:
    async with hub.client(BERT) as studiolo:
        (default,) = await studiolo.workspaces()
        assert (default.name, default.state, default.environment) == ("default", "stopped", None)
        assert default.url == f"{studiolo.address.public}/user/{BERT}/"
        await studiolo.stop_workspace()
        with pytest.raises(NotFound, match='no workspace "iris"'):
            await studiolo.workspace_url("iris")
        with pytest.raises(NotFound):
            await studiolo.workspace_log()
        with pytest.raises(NotFound, match="iris"):
            await studiolo.delete_workspace("iris")
        with pytest.raises(Refused, match="default workspace cannot be deleted"):
            await studiolo.delete_workspace("default")


async def it_refuses_what_is_not_on_offer(hub: AnyHub) -> None:
    async with hub.client(BERT) as studiolo:
        with pytest.raises(Refused, match="pyton"):
            await studiolo.start_workspace(options={"environment": "pyton"})
        with pytest.raises(Refused, match="enormous"):
            await studiolo.start_workspace(options={"hardware": "enormous"})
        with pytest.raises(Refused, match="Bad_Name"):
            await studiolo.start_workspace("Bad_Name", {})


async def its_services_are_there(hub: AnyHub) -> None:
    async with hub.client(None) as studiolo:
        assert (await studiolo.health()).status == "ok"
    async with hub.client(ANNE) as studiolo:
        with pytest.raises(NotAllowed):
            await studiolo.expectations()


SCENARIOS: tuple[Callable[[AnyHub], Awaitable[None]], ...] = (
    it_says_its_version_to_everybody,
    it_knows_whose_token_it_is,
    it_tells_an_unknown_token_from_a_missing_right,
    it_has_only_the_default_workspace_before_one_is_started,
    it_adds_a_person_once_and_gives_passwords,
    it_makes_teams_of_people_it_knows,
    it_hides_other_peoples_workspaces,
    it_refuses_what_is_not_on_offer,
    its_services_are_there,
)
