"""Teams and what they give, in a real hub: who leads is known to services, and a team goes with its credentials."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.local.plans import SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.integration

HUB_TOKEN = {"name": "hub", "team": "vision", "kind": "env", "variable": "HF_TOKEN", "value": "canary-team"}


@pytest.fixture
def admin(running_hub: ThrowawayHub) -> Iterator[httpx.Client]:
    with running_hub.api(running_hub.token(ADMIN, running_hub.admin_password)) as api:
        yield api


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Somebody's whole name: of their own for each test."""
    return lambda who: f"{who}-{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def people(
    running_hub: ThrowawayHub, admin: httpx.Client, name: Callable[[str], str]
) -> Iterator[dict[str, httpx.Client]]:
    """A lead, a member, and somebody else, as they call the services process; the team is new."""
    clients = {
        who: running_hub.services_api(running_hub.token(name(who), running_hub.add_user(name(who))))
        for who in ("lena", "mara", "nora")
    }
    make_team(admin, name("lena"), name("mara"))
    yield clients
    admin.delete("groups/vision").raise_for_status()
    for client in clients.values():
        client.close()


def make_team(admin: httpx.Client, lead: str, *members: str) -> None:
    admin.post("groups/vision", json={"users": [lead, *members]}).raise_for_status()
    admin.put("groups/vision/properties", json={"leads": [lead], "quota": {}}).raise_for_status()


def kept_by(client: httpx.Client) -> list[str]:
    return [
        f"{one['team']}/{one['name']}" for one in client.get("credentials").raise_for_status().json()["credentials"]
    ]


def test_a_lead_adds_a_member_sees_and_nobody_else(people: dict[str, httpx.Client]) -> None:
    assert people["mara"].post("credentials", json=HUB_TOKEN).status_code == 403
    assert people["nora"].post("credentials", json=HUB_TOKEN).status_code == 404
    assert people["lena"].post("credentials", json=HUB_TOKEN).status_code == 201
    assert [kept_by(people[name]) for name in ("lena", "mara", "nora")] == [["vision/hub"], ["vision/hub"], []]


def test_who_is_out_of_the_team_has_nothing_of_it_at_once(
    people: dict[str, httpx.Client], admin: httpx.Client, name: Callable[[str], str]
) -> None:
    people["lena"].post("credentials", json=HUB_TOKEN).raise_for_status()
    admin.request("DELETE", "groups/vision/users", json={"users": [name("mara"), name("lena")]}).raise_for_status()
    assert kept_by(people["mara"]) == []
    assert people["lena"].delete("credentials/hub?team=vision").status_code == 404


def test_a_team_goes_with_its_credentials_and_a_later_one_of_its_name_inherits_nothing(
    people: dict[str, httpx.Client], admin: httpx.Client, name: Callable[[str], str]
) -> None:
    people["lena"].post("credentials", json=HUB_TOKEN).raise_for_status()
    assert admin.delete("groups/vision").status_code == 204
    make_team(admin, name("mara"), name("lena"))
    assert kept_by(people["mara"]) == []


def test_a_team_whose_credentials_cannot_be_removed_is_kept(
    running_hub: ThrowawayHub, people: dict[str, httpx.Client], admin: httpx.Client
) -> None:
    running_hub.stop(SERVICES)
    try:
        answer = admin.delete("groups/vision")
        assert answer.status_code == 503
        assert "so the team is kept" in answer.json()["message"]
    finally:
        running_hub.start(SERVICES)
    assert admin.get("groups/vision").status_code == 200
    assert kept_by(people["nora"]) == []


def test_a_team_s_credentials_outlive_who_leads_it(
    people: dict[str, httpx.Client], admin: httpx.Client, name: Callable[[str], str]
) -> None:
    people["lena"].post("credentials", json=HUB_TOKEN).raise_for_status()
    admin.delete(f"users/{name('lena')}").raise_for_status()
    assert kept_by(people["mara"]) == ["vision/hub"]


@pytest.mark.parametrize("properties", [{}, {"leads": None}, {"leads": "mara"}, {"leads": [1, {"x": 2}]}])
def test_whatever_the_properties_of_a_team_hold_nobody_becomes_its_lead_by_it(
    people: dict[str, httpx.Client], admin: httpx.Client, properties: dict[str, object]
) -> None:
    admin.put("groups/vision/properties", json=properties).raise_for_status()
    assert people["mara"].post("credentials", json=HUB_TOKEN).status_code == 403


def test_who_should_lead_a_team_and_is_not_in_it_is_named_to_nobody(
    people: dict[str, httpx.Client], admin: httpx.Client, name: Callable[[str], str]
) -> None:
    leads = {"leads": [name("nora"), name("lena"), "nobody"], "quota": {}}
    admin.put("groups/vision/properties", json=leads).raise_for_status()
    refused = people["mara"].post("credentials", json=HUB_TOKEN)
    assert refused.json()["message"].endswith(f"Ask {name('lena')}.")
    assert people["nora"].post("credentials", json=HUB_TOKEN).status_code == 404
    standing = admin.get(f"studiolo/standing/{ADMIN}").json()
    assert standing["is_admin"]
    assert {"name": "vision", "leads": [name("lena")], "is_member": False} in standing["teams"]


def test_only_who_may_read_teams_is_told_where_somebody_stands(
    running_hub: ThrowawayHub, people: dict[str, httpx.Client], admin: httpx.Client, name: Callable[[str], str]
) -> None:
    assert kept_by(people["mara"]) == []
    path = f"studiolo/standing/{name('mara')}"
    assert admin.get(path).json() == {
        "is_admin": False,
        "teams": [{"name": "vision", "leads": [name("lena")], "is_member": True}],
    }
    with running_hub.api(running_hub.token(name("nora"), "")) as api:
        assert api.get(path).status_code in {403, 404}
    with running_hub.api() as api:
        assert api.get(path).status_code == 403


@pytest.mark.patient  # the hub looks at credentials once a minute
def test_a_member_s_workspace_on_this_machine_has_it_and_follows_what_its_lead_does(
    running_hub: ThrowawayHub, people: dict[str, httpx.Client], name: Callable[[str], str]
) -> None:
    for credential in ("one", "two"):
        file = {"name": credential, "team": "vision", "kind": "file", "path": f"~/.lab/{credential}", "value": "v1"}
        people["lena"].post("credentials", json=file).raise_for_status()
    member = name("mara")
    token = running_hub.token(member, "")
    folder = running_hub.data.workspace(member, "").credentials / "home" / ".lab"
    running_hub.start_workspace(token, member)
    try:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"one": "v1", "two": "v1"}
        running_hub.until(
            lambda: people["mara"].get("credentials").json()["credentials"][0]["mounted_by"] == member,
            what="the lead and the members see who got it last",
        )
        people["lena"].post("credentials/one/rotate?team=vision", json={"value": "v2"}).raise_for_status()
        people["lena"].delete("credentials/two?team=vision").raise_for_status()
        running_hub.until(
            lambda: {path.name: path.read_text() for path in folder.iterdir()} == {"one": "v2"},
            what="what runs has the new value, and the removed one no more",
            seconds=180,
        )
    finally:
        running_hub.stop_workspace(token, member)
