"""Who may do what with whose credentials: one table for the rule, one for all that is answered over REST."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.credentials.credential import Owner
from hub.credentials.rights import Action, Answer, Standing, TeamFacts, may

YES, REFUSED, HIDDEN = Answer.YES, Answer.REFUSED, Answer.HIDDEN
LED = TeamFacts(leads=("lena", "gone"))

PEOPLE = {
    "lead": Standing(name="lena", is_admin=False, teams={"vision": LED}),
    "member": Standing(name="mara", is_admin=False, teams={"vision": LED}),
    "lead of another team": Standing(name="olga", is_admin=False, teams={"audio": TeamFacts(leads=("olga",))}),
    "in no team": Standing(name="nora", is_admin=False, teams={}),
    "once lead, now out": Standing(name="gone", is_admin=False, teams={}),
    "a person called as the team": Standing(name="vision", is_admin=False, teams={}),
    "administrator": Standing(
        name="admin", is_admin=True, teams={"vision": TeamFacts(leads=("lena",), is_member=False)}
    ),
}

OF_THE_TEAM = {
    "lead": (YES, YES, YES),
    "member": (YES, REFUSED, REFUSED),
    "lead of another team": (HIDDEN, HIDDEN, HIDDEN),
    "in no team": (HIDDEN, HIDDEN, HIDDEN),
    "once lead, now out": (HIDDEN, HIDDEN, HIDDEN),
    "a person called as the team": (HIDDEN, HIDDEN, HIDDEN),
    "administrator": (YES, YES, YES),
}
"""To see, to add, to change."""


@pytest.mark.parametrize("person", PEOPLE)
def test_a_team_s_are_seen_by_its_members_and_changed_by_who_leads_it(person: str) -> None:
    answers = tuple(may(PEOPLE[person], action, Owner.of_team("vision")) for action in Action)
    assert answers == OF_THE_TEAM[person]


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("action", Action)
def test_a_person_s_own_are_theirs_alone(person: str, action: Action) -> None:
    who = PEOPLE[person]
    assert may(who, action, Owner.person(who.name)) is YES
    assert may(who, action, Owner.person("alice")) is HIDDEN


def test_of_a_team_that_is_gone_administrators_see_and_remove_what_is_left_and_nobody_adds() -> None:
    answers = tuple(may(PEOPLE["administrator"], action, Owner.of_team("ended")) for action in Action)
    assert answers == (YES, HIDDEN, YES)


def test_somebody_may_add_for_teams_that_they_lead() -> None:
    assert [PEOPLE[person].changeable_teams for person in ("lead", "member", "administrator")] == [
        ("vision",),
        (),
        ("vision",),
    ]
    assert PEOPLE["administrator"].own_teams == ()


ENV = {"name": "hub", "team": "vision", "kind": "env", "variable": "HF_TOKEN", "value": "v1"}
OK = {"list": 200, "list all": True, "check": 200, "add": 201, "rotate": 200, "remove": 204}
HIDE = {"list": 404, "list all": False, "check": 404, "add": 404, "rotate": 404, "remove": 404}
ONLY_SEEN = {"list": 200, "list all": True, "check": 403, "add": 403, "rotate": 403, "remove": 403}

OVER_REST = {
    "lena": OK,
    "mara": ONLY_SEEN,
    "olga": HIDE,
    "nora": HIDE,
    "gone": HIDE,
    "vision": HIDE,
    "admin": OK,
}


@pytest.fixture
def teams(fake_hub: Any) -> Any:
    fake_hub.team_for_test("vision", "lena", "mara", leads=("lena", "gone"))
    fake_hub.team_for_test("audio", "olga", leads=("olga",))
    fake_hub.admins.add("admin")
    return fake_hub


async def kept(services: httpx.AsyncClient, headers: dict[str, str], credential: dict[str, Any] = ENV) -> None:
    answer = await services.post("api/credentials", json=credential, headers=headers)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("caller", OVER_REST)
async def test_each_call_answers_by_the_same_rule(services: httpx.AsyncClient, teams: Any, caller: str) -> None:
    await kept(services, teams.knows_for_test("lena"))
    headers = teams.knows_for_test(caller)
    second = ENV | {"name": "second", "variable": "SECOND"}

    async def status(method: str, path: str, **more: Any) -> int:
        return (await services.request(method, path, headers=headers, **more)).status_code

    everything = (await services.get("api/credentials", headers=headers)).json()["credentials"]
    assert {
        "list": await status("GET", "api/credentials?team=vision"),
        "list all": any(one["team"] == "vision" for one in everything),
        "check": await status("POST", "api/credential-check", json=second),
        "add": await status("POST", "api/credentials", json=second),
        "rotate": await status("POST", "api/credentials/hub/rotate?team=vision", json={"value": "v2"}),
        "remove": await status("DELETE", "api/credentials/hub?team=vision"),
    } == OVER_REST[caller]
    for path in ("api/credentials/hub/rotate", "api/credentials/hub"):  # it is nobody's own
        assert await status("POST" if path.endswith("rotate") else "DELETE", path, json={"value": "x"}) == 404


async def test_what_is_not_somebody_s_does_not_exist(services: httpx.AsyncClient, teams: Any) -> None:
    """A team that there is and one that there is not are answered in the same words."""
    await kept(services, teams.knows_for_test("lena"))
    nora = teams.knows_for_test("nora")
    said = {
        (await services.delete(f"api/credentials/hub?team={team}", headers=nora)).text.replace(team, "TEAM")
        for team in ("vision", "ninety")
    }
    assert len(said) == 1


async def test_members_are_told_who_may(services: httpx.AsyncClient, teams: Any) -> None:
    await kept(services, teams.knows_for_test("lena"))
    mara = teams.knows_for_test("mara")
    answer = await services.delete("api/credentials/hub?team=vision", headers=mara)
    assert answer.json()["message"] == (
        'Only who leads the team "vision" may change its credentials. Ask lena or gone.'
    )
    [view] = (await services.get("api/credentials", headers=mara)).json()["credentials"]
    assert (view["team"], view["may_change"], view["is_given"]) == ("vision", False, True)
    assert "value" not in view


async def test_who_has_left_the_team_is_out_with_the_very_next_call(services: httpx.AsyncClient, teams: Any) -> None:
    lena = teams.knows_for_test("lena")
    await kept(services, lena)
    teams.team_for_test("vision", "mara", leads=("lena",))
    assert (await services.get("api/credentials", headers=lena)).json() == {"credentials": []}
    assert (await services.delete("api/credentials/hub?team=vision", headers=lena)).status_code == 404


async def test_an_administrator_removes_what_a_team_left_that_is_gone(services: httpx.AsyncClient, teams: Any) -> None:
    await kept(services, teams.knows_for_test("lena"))
    del teams.teams["vision"]
    admin = teams.knows_for_test("admin")
    [view] = (await services.get("api/credentials", headers=admin)).json()["credentials"]
    assert (view["team"], view["name"], view["is_given"]) == ("vision", "hub", False)
    assert (await services.post("api/credentials", json=ENV | {"name": "x"}, headers=admin)).status_code == 404
    assert (await services.delete("api/credentials/hub?team=vision", headers=admin)).status_code == 204
    assert (await services.get("api/credentials", headers=admin)).json() == {"credentials": []}


async def test_a_hub_that_does_not_answer_gives_nobody_a_right(services: httpx.AsyncClient, teams: Any) -> None:
    lena = teams.knows_for_test("lena")
    await kept(services, lena, ENV | {"team": ""})
    teams.knows_no_teams = True
    answer = await services.post("api/credentials", json=ENV, headers=lena)
    assert (answer.status_code, "Try again" in answer.text) == (503, True)
    assert (await services.delete("api/credentials/hub", headers=lena)).status_code == 204  # their own need no answer
