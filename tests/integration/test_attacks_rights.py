"""Attacks: what belongs to another team is not on offer whichever way somebody asks for it, nor is another's right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner, Result

from hub.passwords import ADMIN
from studiolo.cli import main
from studiolo.cli.exit_codes import ExitCode
from tests.integration.conftest import ATTACKER, PASSWORD, VICTIM

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

FORBIDDEN: list[dict[str, Any]] = [
    {"environment": "lab", "hardware": "small"},
    {"environment": "minimal", "hardware": "reserved"},
    {"environment": "lab", "hardware": "reserved"},
    {"environment": ["lab"], "hardware": "small"},
    {"environment": "lab\x00", "hardware": "small"},
    {"environment": "LAB", "hardware": "small"},
    {"environment": "minimal", "hardware": "small", "image": "registry.example.org/lab@sha256:" + "0" * 64},
    {"environment": "minimal", "hardware": "small", "teams": ["vision"]},
    {"environment": "minimal", "hardware": "small", "env": {"STUDIOLO_ENVIRONMENT": "lab"}},
]


@pytest.fixture
def api(attacked: ThrowawayHub) -> Iterator[httpx.Client]:
    with attacked.api(attacked.token(ATTACKER, PASSWORD)) as client:
        yield client


def is_running(api: httpx.Client, server: str) -> bool:
    servers = api.get(f"users/{ATTACKER}", params={"include_stopped_servers": "1"}).json()["servers"]
    found = servers.get(server, {})
    return bool(found.get("ready") or found.get("pending"))


@pytest.mark.parametrize("options", FORBIDDEN, ids=str)
def test_the_api_starts_nothing_of_another_team(options: dict[str, Any], api: httpx.Client) -> None:
    for body in ({"user_options": options}, options):  # JupyterHub takes both
        answer = api.post(f"users/{ATTACKER}/servers/stolen", json=body)
        assert answer.status_code == 400
        assert not is_running(api, "stolen")
    if options["environment"] == "lab":
        message = answer.json()["message"]
        assert '"lab" is not on offer' in message
        assert "vision" not in message


def test_options_that_were_kept_for_later_are_checked_when_they_are_used(api: httpx.Client) -> None:
    """JupyterHub lets a person write down options of a server that does not run."""
    kept = api.put(f"users/{ATTACKER}/servers/kept", json={"user_options": FORBIDDEN[0]})
    assert kept.is_success
    for body in (None, {}, {"user_options": FORBIDDEN[0]}):
        answer = api.post(f"users/{ATTACKER}/servers/kept", json=body)
        if answer.status_code != 400:  # the default in its place, never what was kept
            shown = api.get(f"users/{ATTACKER}/servers/kept").json()
            assert shown["user_options"].get("environment") != "lab"
        api.request("DELETE", f"users/{ATTACKER}/servers/kept")


@pytest.mark.parametrize("options", FORBIDDEN[:3], ids=str)
def test_the_form_starts_nothing_of_another_team_and_does_not_show_it(
    options: dict[str, Any], mallory: httpx.Client, api: httpx.Client
) -> None:
    page = mallory.get("/hub/spawn").text
    assert "The lab of vision" not in page
    assert "Reserved for vision" not in page
    found = re.search(r'name="_xsrf" value="([^"]*)"', page)
    assert found is not None
    for address in ("/hub/spawn", f"/hub/spawn/{ATTACKER}/stolen", f"/hub/spawn/{ATTACKER}/stolen?next=x"):
        answer = mallory.post(address, data={"_xsrf": found[1], "name": "Stolen", **options})
        assert answer.status_code == 400
        assert "not on offer" in answer.text
        assert "The lab of vision" not in answer.text
    assert not is_running(api, "stolen")


def test_a_link_shows_nothing_of_another_team(mallory: httpx.Client, api: httpx.Client) -> None:
    for address in (
        "/hub/spawn?opt-environment=lab&opt-hardware=reserved",
        f"/hub/spawn/{ATTACKER}/stolen?opt-environment=lab",
        f"/hub/spawn/{ATTACKER}/stolen?environment=lab&hardware=reserved",
    ):
        page = mallory.get(address)
        assert "The lab of vision" not in page.text
        assert "Reserved for vision" not in page.text
    assert not is_running(api, "stolen")


def test_the_team_itself_sees_and_may_use_it(attacked: ThrowawayHub, alice: httpx.Client) -> None:
    """Or the refusals above would prove nothing."""
    page = alice.get("/hub/spawn").text
    assert "The lab of vision" in page
    assert "Reserved for vision" in page
    token = attacked.token(VICTIM, PASSWORD)
    attacked.start_workspace(token, VICTIM, "lab", environment="lab", hardware="reserved")
    attacked.stop_workspace(token, VICTIM, "lab")


@pytest.fixture
def run(attacked: ThrowawayHub, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The attacker's command line, signed in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("STUDIOLO_URL", "STUDIOLO_TOKEN", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, words, input=typed)

    signed = run("login", attacked.base_url, "--token-stdin", typed=f"{attacked.token(ATTACKER, PASSWORD)}\n")
    assert signed.exit_code == ExitCode.OK, signed.output
    return run


@pytest.mark.parametrize("words", [("--environment", "lab"), ("--hardware", "reserved")], ids=" ".join)
def test_the_command_line_refuses_what_another_team_has_with_the_sentence(words: tuple[str, str], run: Any) -> None:
    refused = run("workspace", "start", "stolen", *words)
    assert refused.exit_code == ExitCode.REFUSED
    assert f'"{words[1]}" is not on offer' in refused.stderr
    assert "On offer: " in refused.stderr
    assert "vision" not in refused.output
    listed = json.loads(run("workspace", "list", "--json").stdout)
    assert "stolen" not in [view["name"] for view in listed if view["state"] != "stopped"]


def test_the_command_line_names_no_other_person_s_workspaces(run: Any) -> None:
    assert run("workspace", "stop", f"{VICTIM}/default").exit_code != ExitCode.OK
    assert run("team", "add", "mine").exit_code == ExitCode.NOT_ALLOWED
    assert run("user", "add", "friend").exit_code == ExitCode.NOT_ALLOWED


def test_whoever_left_a_team_starts_nothing_of_it_any_more(attacked: ThrowawayHub) -> None:
    with attacked.api(attacked.token(ADMIN, attacked.admin_password)) as admin:
        admin.post("groups/vision/users", json={"users": [ATTACKER]}).raise_for_status()
        admin.request("DELETE", "groups/vision/users", json={"users": [ATTACKER]}).raise_for_status()
    with attacked.api(attacked.token(ATTACKER, PASSWORD)) as api:
        answer = api.post(f"users/{ATTACKER}/servers/stolen", json={"user_options": FORBIDDEN[0]})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "groups/vision/users", {"users": [ATTACKER]}),
        ("POST", "groups/mine", None),
        ("PUT", "groups/vision/properties", {"leads": [ATTACKER]}),
        ("PATCH", f"users/{ATTACKER}", {"admin": True}),
        ("POST", "users", {"usernames": ["friend"], "admin": True}),
        ("POST", f"users/{VICTIM}/tokens", {"note": "mine"}),
        ("POST", f"users/{ATTACKER}/tokens", {"scopes": ["admin:users"]}),
        ("POST", f"users/{ATTACKER}/tokens", {"roles": ["admin"]}),
        ("POST", f"users/{ATTACKER}/tokens", {"scopes": [f"access:servers!user={VICTIM}"]}),
        ("GET", f"users/{VICTIM}/tokens", None),
        ("GET", f"users/{VICTIM}/server/progress", None),
        ("POST", f"users/{VICTIM}/server", None),
        ("DELETE", f"users/{VICTIM}/server", None),
        ("POST", f"shares/{VICTIM}/", {"user": ATTACKER}),
        ("GET", "services", None),
        ("GET", "proxy", None),
        ("POST", "proxy", None),
        ("POST", "shutdown", {"servers": True}),
    ],
)
def test_nobody_gives_themselves_a_right(
    method: str, path: str, body: dict[str, Any] | None, attacked: ThrowawayHub, api: httpx.Client
) -> None:
    answer = api.request(method, path, json=body)
    assert answer.status_code in {400, 403, 404, 405} or answer.json() in ({}, []), (answer.status_code, answer.text)
    with attacked.api(attacked.token(ADMIN, attacked.admin_password)) as admin:
        model = admin.get(f"users/{ATTACKER}").json()
    assert (model["admin"], model["groups"]) == (False, [])
