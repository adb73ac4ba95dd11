"""The services process: what it answers, and to whom."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.keys import Keys
from hub.settings import Settings
from spawner.data_directory import DataDirectory

HUB_ADDRESSES = [
    pytest.param("GET", "api/expectations", id="expectations"),
    pytest.param("POST", "api/starts", id="starts"),
    pytest.param("POST", "api/homes/bob/deleted", id="a deleted account"),
    pytest.param("GET", "api/home-archives", id="homes of deleted accounts"),
]


async def test_health_is_told_to_everybody(services: httpx.AsyncClient) -> None:
    answer = await services.get("api/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["version"]


@pytest.mark.parametrize(("method", "address"), HUB_ADDRESSES)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no token"),
        pytest.param({"Authorization": "token wrong"}, id="a wrong token"),
        pytest.param({"Authorization": "token é".encode()}, id="a token that is not ASCII"),
        pytest.param({"Authorization": "Bearer"}, id="no token after the word"),
    ],
)
async def test_what_only_the_hub_may_ask_is_answered_to_nobody_else(
    services: httpx.AsyncClient, method: str, address: str, headers: dict[str, Any]
) -> None:
    answer = await services.request(method, address, headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"status": 403, "message": "This address is for the hub itself."}


@pytest.mark.parametrize(("method", "address"), HUB_ADDRESSES)
async def test_the_services_own_token_for_the_hub_does_not_open_the_other_direction(
    services: httpx.AsyncClient, keys: Keys, method: str, address: str
) -> None:
    answer = await services.request(method, address, headers={"Authorization": f"token {keys.services_token}"})
    assert answer.status_code == 403


async def test_nobody_needs_to_know_more_than_that_an_address_does_not_exist(services: httpx.AsyncClient) -> None:
    for address in ("api/nothing", "api/workspaces/alice/log", "../../etc/passwd"):
        answer = await services.get(address)
        assert answer.status_code == 404
        assert answer.json()["message"] == "There is nothing at this address."


async def test_the_front_door_leads_to_peoples_workspaces(services: httpx.AsyncClient) -> None:
    answer = await services.get("")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/home"


async def test_answers_are_neither_guessed_nor_kept_nor_framed_by_a_browser(services: httpx.AsyncClient) -> None:
    headers = (await services.get("api/health")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_a_body_that_is_far_too_large_is_not_read(services: httpx.AsyncClient, keys: Keys) -> None:
    headers = {"Authorization": f"token {keys.hub_token}"}
    try:
        answer = await services.post("api/starts", content=b"x" * 2_000_000, headers=headers)
    except httpx.TransportError:
        return  # tornado hangs up while we still send
    assert answer.status_code in {400, 413}


def log_of(data: DataDirectory, user: str, server: str, text: str) -> None:
    path = data.workspace(user, server).log
    path.parent.mkdir(parents=True)
    path.write_text(text)


async def test_the_owner_reads_the_log_of_a_workspace(
    services: httpx.AsyncClient, fake_hub: Any, data: DataDirectory
) -> None:
    alice = fake_hub.knows_for_test("alice")
    log_of(data, "alice", "", "the default one\n")
    log_of(data, "alice", "gpu-1", "<script>alert(1)</script>\n")
    answer = await services.get("api/workspaces/alice/default/log", headers=alice)
    assert (answer.status_code, answer.text) == (200, "the default one\n")
    answer = await services.get("api/workspaces/alice/gpu-1/log", headers=alice)
    assert answer.text == "<script>alert(1)</script>\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_a_log_is_cut_to_its_last_mebibyte_at_a_whole_line(
    services: httpx.AsyncClient, fake_hub: Any, data: DataDirectory
) -> None:
    log_of(data, "alice", "", "a line of a log\n" * 100_000)
    answer = await services.get("api/workspaces/alice/default/log", headers=fake_hub.knows_for_test("alice"))
    assert 1024**2 - 20 < len(answer.text) <= 1024**2
    assert answer.text.startswith("a line")


@pytest.mark.parametrize(
    ("caller", "kind"),
    [
        pytest.param("bob", "user", id="another person"),
        pytest.param("admin", "user", id="the administrator"),
        pytest.param("alice", "service", id="a service with the owner's name"),
    ],
)
async def test_others_learn_as_much_of_a_workspace_as_if_it_did_not_exist(
    services: httpx.AsyncClient, fake_hub: Any, data: DataDirectory, caller: str, kind: str
) -> None:
    log_of(data, "alice", "", "secret\n")
    headers = fake_hub.knows_for_test(caller, kind=kind)
    existing = await services.get("api/workspaces/alice/default/log", headers=headers)
    missing = await services.get("api/workspaces/carol/default/log", headers=headers)
    assert existing.status_code == missing.status_code == 404
    assert existing.json() == missing.json()


@pytest.mark.parametrize("name", ["%2e%2e", "..%2falice--default", "%00", "default%2f", "x" * 5000])
async def test_a_made_up_workspace_name_finds_nothing(
    services: httpx.AsyncClient, fake_hub: Any, data: DataDirectory, name: str
) -> None:
    log_of(data, "alice", "", "secret\n")
    answer = await services.get(f"api/workspaces/alice/{name}/log", headers=fake_hub.knows_for_test("alice"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "scopes", [pytest.param((), id="no rights"), pytest.param(("access:services!service=other",), id="another service")]
)
async def test_a_token_without_the_right_to_use_the_service_is_refused(
    services: httpx.AsyncClient, fake_hub: Any, scopes: tuple[str, ...]
) -> None:
    headers = fake_hub.knows_for_test("alice", scopes=scopes)
    answer = await services.get("api/workspaces/alice/default/log", headers=headers)
    assert answer.status_code == 403
    assert "access:services!service=studiolo" in answer.json()["message"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "token unknown"}, {"Authorization": "Basic YTpi"}])
async def test_whom_the_hub_does_not_know_is_refused(
    services: httpx.AsyncClient, fake_hub: Any, headers: dict[str, str]
) -> None:
    answer = await services.get("api/workspaces/alice/default/log", headers=headers)
    assert answer.status_code == 403


async def test_a_token_in_the_address_opens_nothing(services: httpx.AsyncClient, fake_hub: Any) -> None:
    fake_hub.knows_for_test("alice")
    answer = await services.get("api/workspaces/alice/default/log?token=token-of-alice")
    assert answer.status_code == 403


async def test_a_hub_in_trouble_is_said_and_is_not_a_refusal(services: httpx.AsyncClient, fake_hub: Any) -> None:
    headers = fake_hub.knows_for_test("alice")
    fake_hub.is_broken = True
    answer = await services.get("api/workspaces/alice/default/log", headers=headers)
    assert answer.status_code == 503
    assert "hub does not answer" in answer.json()["message"]


async def test_a_hub_that_is_away_is_said_and_is_not_a_refusal(services: httpx.AsyncClient, settings: Settings) -> None:
    answer = await services.get("api/workspaces/alice/default/log", headers={"Authorization": "token any"})
    assert answer.status_code == 503
