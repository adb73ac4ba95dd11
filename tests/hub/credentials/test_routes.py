"""Credentials over REST: what their owner may do with them, and what nobody may."""

from __future__ import annotations

import asyncio
import stat
from typing import Any

import httpx
import pytest

from hub.credentials.ssh_keys import new_ssh_key
from hub.keys import Keys
from hub.settings import Settings
from spawner.credentials import CredentialKind
from spawner.data_directory import DataDirectory
from studiolo.client import NotAllowed, NotFound, Refused, Studiolo
from studiolo.wire import CredentialMount, CredentialsWanted, CredentialWord, NewCredential, NewValue

ENV = {"name": "hf", "kind": "env", "variable": "HF_TOKEN", "value": "v1"}
FILE = {"name": "kaggle", "kind": "file", "path": "~/.kaggle/kaggle.json", "value": "{}", "always": False}
SSH = {"name": "work", "kind": "ssh-key"}

Headers = dict[str, str]


@pytest.fixture
def alice(fake_hub: Any) -> Headers:
    headers: Headers = fake_hub.knows_for_test("alice")
    return headers


@pytest.fixture
def hub(keys: Keys) -> Headers:
    return {"Authorization": f"token {keys.hub_token}"}


async def added(services: httpx.AsyncClient, headers: Headers, *credentials: dict[str, Any]) -> None:
    for credential in credentials:
        answer = await services.post("api/credentials", json=credential, headers=headers)
        assert answer.status_code == 201, answer.text


async def names(services: httpx.AsyncClient, headers: Headers) -> list[str]:
    answer = await services.get("api/credentials", headers=headers)
    return [one["name"] for one in answer.json()["credentials"]]


def test_the_wire_knows_the_kinds_that_the_spawner_knows() -> None:
    assert set(CredentialWord.__args__) == set(CredentialKind)  # type: ignore[attr-defined]


def test_the_texts_of_a_credential_on_its_way_show_no_value() -> None:
    new = NewCredential(name="x", kind="env", variable="X", value="canary")
    assert "canary" not in f"{new!r} {new} {new.model_dump()} {new.model_dump_json()}"
    assert new.with_value()["value"] == "canary"


async def test_a_person_adds_lists_rotates_and_removes(services: httpx.AsyncClient, alice: Headers) -> None:
    await added(services, alice, ENV, FILE, SSH)
    found = {one["name"]: one for one in (await services.get("api/credentials", headers=alice)).json()["credentials"]}
    assert found["hf"]["env"] == ["HF_TOKEN"]
    assert (found["hf"]["always"], found["kaggle"]["always"]) == (True, False)
    assert found["kaggle"]["files"] == ["~/.kaggle/kaggle.json"]
    assert found["work"]["public_key"].startswith("ssh-ed25519 ")
    assert found["work"]["files"] == ["ssh/work", "ssh/work.pub"]
    assert found["hf"]["mounted"] is None

    changed = (await services.post("api/credentials/work/rotate", json={}, headers=alice)).json()
    assert changed["fingerprint"] != found["work"]["fingerprint"]
    assert changed["created"] == found["work"]["created"] < changed["changed"]

    assert (await services.delete("api/credentials/hf", headers=alice)).status_code == 204
    assert await names(services, alice) == ["kaggle", "work"]
    answer = await services.delete("api/credentials/hf", headers=alice)
    assert (answer.status_code, answer.json()["message"]) == (404, 'You have no credential "hf".')


async def test_what_is_wrong_is_said_all_at_once(services: httpx.AsyncClient, alice: Headers) -> None:
    bad = {"name": "A", "kind": "env", "variable": "PATH", "value": ""}
    answer = await services.post("api/credentials", json=bad, headers=alice)
    assert answer.status_code == 400
    assert all(word in answer.json()["message"] for word in ("name: use", "variable: reserved", "value: empty"))
    assert await names(services, alice) == []


async def test_a_credential_is_checked_while_it_is_typed_and_nothing_is_kept(
    services: httpx.AsyncClient, alice: Headers
) -> None:
    async def check(credential: dict[str, Any]) -> Any:
        return (await services.post("api/credential-check", json=credential, headers=alice)).json()

    assert await check(ENV) == {"problems": [], "fingerprint": ""}
    assert "variable: reserved" in (await check(ENV | {"variable": "PATH"}))["problems"][0]
    assert await check(SSH) == {"problems": [], "fingerprint": ""}
    key = new_ssh_key("mine")
    assert await check(SSH | {"value": key.private}) == {"problems": [], "fingerprint": key.fingerprint}
    assert await names(services, alice) == []


async def test_two_credentials_for_one_place_are_refused(services: httpx.AsyncClient, alice: Headers) -> None:
    await added(services, alice, ENV)
    answer = await services.post("api/credentials", json=ENV | {"name": "hf-2"}, headers=alice)
    assert answer.status_code == 400
    assert "HF_TOKEN is set by your credential hf already." in answer.json()["message"]


async def test_two_at_once_of_one_name_leave_one_that_opens(
    services: httpx.AsyncClient, alice: Headers, hub: Headers
) -> None:
    both = [ENV | {"value": "a"}, ENV | {"value": "b"}]
    answers = await asyncio.gather(*(services.post("api/credentials", json=one, headers=alice) for one in both))
    assert sorted(answer.status_code for answer in answers) == [201, 400]
    kept = next(one["value"] for one, answer in zip(both, answers, strict=True) if answer.status_code == 201)
    opened = await services.post("api/credentials/alice/open", json={"names": ["hf"]}, headers=hub)
    assert opened.json()["env"] == {"HF_TOKEN": kept}


@pytest.mark.parametrize(
    ("caller", "kind"),
    [
        pytest.param("bob", "user", id="another person"),
        pytest.param("admin", "user", id="the administrator"),
        pytest.param("Alice", "user", id="a name that differs by case"),
    ],
)
async def test_nobody_else_sees_that_there_are_any(
    services: httpx.AsyncClient, fake_hub: Any, alice: Headers, caller: str, kind: str
) -> None:
    await added(services, alice, ENV)
    other = fake_hub.knows_for_test(caller, kind=kind)
    assert await names(services, other) == []
    assert (await services.delete("api/credentials/hf", headers=other)).status_code == 404
    rotated = await services.post("api/credentials/hf/rotate", json={"value": "x"}, headers=other)
    assert rotated.status_code == 404
    for path in ("mounts", "open", "mounted", "forget"):
        for method in ("GET", "POST"):
            answer = await services.request(method, f"api/credentials/alice/{path}", json={"names": []}, headers=other)
            assert answer.status_code in {403, 405}
    assert await names(services, alice) == ["hf"]


async def test_a_service_with_a_persons_name_is_not_that_person(services: httpx.AsyncClient, fake_hub: Any) -> None:
    service = fake_hub.knows_for_test("alice", kind="service")
    assert (await services.get("api/credentials", headers=service)).status_code == 403
    assert (await services.post("api/credentials", json=ENV, headers=service)).status_code == 403


async def test_the_hub_may_not_add_in_somebodys_name(services: httpx.AsyncClient, fake_hub: Any, hub: Headers) -> None:
    assert (await services.post("api/credentials", json=ENV, headers=hub)).status_code == 403


async def test_another_site_cannot_make_a_browser_change_anything(services: httpx.AsyncClient, alice: Headers) -> None:
    # No token in a header: whatever cookies a browser sends, nothing is done without the token of a page of ours.
    for method, path in (("POST", "api/credentials"), ("DELETE", "api/credentials/hf")):
        answer = await services.request(method, path, json=ENV, headers={"Cookie": "service-studiolo=x; _xsrf=y"})
        assert answer.status_code == 403


async def test_the_hub_learns_where_they_appear_and_no_value(
    services: httpx.AsyncClient, alice: Headers, hub: Headers
) -> None:
    await added(services, alice, ENV, FILE)
    answer = await services.get("api/credentials/alice/mounts", headers=hub)
    assert answer.json() == {
        "credentials": [
            {"name": "hf", "team": "", "kind": "env", "secret": "", "env": ["HF_TOKEN"], "files": [], "always": True},
            {
                "name": "kaggle",
                "team": "",
                "kind": "file",
                "secret": "",
                "env": [],
                "files": ["~/.kaggle/kaggle.json"],
                "always": False,
            },
        ]
    }


async def test_the_hub_of_one_machine_opens_those_it_names_and_is_told_which_are_gone(
    services: httpx.AsyncClient, alice: Headers, hub: Headers
) -> None:
    await added(services, alice, ENV, FILE)
    wanted = {"names": ["hf", "kaggle", "gone"], "workspace": "default"}
    answer = await services.post("api/credentials/alice/open", json=wanted, headers=hub)
    assert answer.json() == {"env": {"HF_TOKEN": "v1"}, "files": {"~/.kaggle/kaggle.json": "{}"}, "missing": ["gone"]}


async def test_values_are_opened_for_nobody_behind_the_proxy(
    services: httpx.AsyncClient, alice: Headers, hub: Headers
) -> None:
    await added(services, alice, ENV)
    for more in ({"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Proto": "http"}, {"X-Real-Ip": "10.0.0.1"}):
        answer = await services.post("api/credentials/alice/open", json={"names": ["hf"]}, headers=hub | more)
        assert answer.status_code == 403


async def test_the_owner_sees_which_workspace_got_it_last(
    services: httpx.AsyncClient, alice: Headers, hub: Headers
) -> None:
    await added(services, alice, ENV, FILE)
    body = {"names": ["hf"], "workspace": "gpu"}
    assert (await services.post("api/credentials/alice/mounted", json=body, headers=hub)).status_code == 204
    found = (await services.get("api/credentials", headers=alice)).json()["credentials"]
    assert [(one["name"], one["mounted_by"], one["mounted"] is None) for one in found] == [
        ("hf", "gpu", False),
        ("kaggle", "", True),
    ]


async def test_the_key_is_made_with_the_first_credential_and_is_its_owners_alone(
    services: httpx.AsyncClient, alice: Headers, data: DataDirectory
) -> None:
    key = data.secrets / "credentials_key"
    assert not key.exists()
    await added(services, alice, ENV)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


async def test_with_another_key_a_value_is_missing_and_nothing_else_breaks(
    services: httpx.AsyncClient, alice: Headers, hub: Headers, data: DataDirectory
) -> None:
    await added(services, alice, ENV)
    (data.secrets / "credentials_key").write_text("00" * 32)
    answer = await services.post("api/credentials/alice/open", json={"names": ["hf"]}, headers=hub)
    assert (answer.status_code, answer.json()) == (200, {"env": {}, "files": {}, "missing": ["hf"]})
    await services.post("api/credentials/hf/rotate", json={"value": "v2"}, headers=alice)
    answer = await services.post("api/credentials/alice/open", json={"names": ["hf"]}, headers=hub)
    assert answer.json()["env"] == {"HF_TOKEN": "v2"}


@pytest.mark.usefixtures("services")
async def test_the_client_speaks_as_these_routes_do(alice: Headers, settings: Settings, keys: Keys) -> None:
    token = alice["Authorization"].removeprefix("token ")
    new = NewCredential(name="hf", kind="env", variable="HF_TOKEN", value="v1")
    async with Studiolo(settings.services.url, token) as person, Studiolo(settings.services.url, keys.hub_token) as hub:
        added_one = await person.add_credential(new)
        assert await person.credentials() == (added_one,)
        with pytest.raises(Refused, match="Rotate it"):
            await person.add_credential(new)
        assert (await person.rotate_credential("hf", NewValue(value="v2"))).name == "hf"
        mount = CredentialMount(name="hf", kind="env", env=("HF_TOKEN",), always=True)
        assert (await hub.credential_mounts("alice")).credentials == (mount,)
        wanted = CredentialsWanted(names=("hf",), workspace="default")
        opened = await hub.open_credentials("alice", wanted)
        assert {name: value.get_secret_value() for name, value in opened.env.items()} == {"HF_TOKEN": "v2"}
        assert "v2" not in repr(opened)
        await hub.credentials_mounted("alice", wanted)
        assert (await person.credentials())[0].mounted_by == "default"
        for call in (person.credential_mounts("alice"), person.open_credentials("alice", wanted)):
            with pytest.raises(NotAllowed):
                await call
        await person.remove_credential("hf")
        with pytest.raises(NotFound):
            await person.remove_credential("hf")
        await person.add_credential(new)
        await hub.forget_credentials("alice")
        assert await person.credentials() == ()
