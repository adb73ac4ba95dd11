from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from studiolo.address import HubAddress
from studiolo.cli.exit_codes import ExitCode
from studiolo.cli.login import ADMIN_SCOPES, SCOPES, token_page
from studiolo.credentials_file import Login, credentials_path, load_login
from tests.fakes.fake_hub import URL, FakeHub
from tests.studiolo.cli.conftest import Run


def test_a_token_from_a_pipe_is_checked_and_kept(run: Run) -> None:
    result = run("login", URL, "--token-stdin", typed="token-alice\n")
    assert result.exit_code == ExitCode.OK
    assert "Signed in to http://127.0.0.1:8000 as alice." in result.stderr
    assert load_login(credentials_path()) == Login(url=URL, user="alice", token="token-alice")
    assert credentials_path().stat().st_mode & 0o777 == 0o600
    assert "token-alice" not in result.output


def test_the_browser_opens_the_token_page_with_the_scopes_filled_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
    result = run("login", "127.0.0.1:8000/hub/home", typed="token-alice\n")
    assert result.exit_code == ExitCode.OK
    (page,) = opened
    assert page.startswith(f"{URL}/hub/token?")
    assert parse_qs(urlsplit(page).query)["scopes"] == [" ".join(SCOPES)]
    assert "token-alice" not in result.output


def test_without_a_browser_only_the_address_is_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "launch", lambda url: pytest.fail("no browser was asked for"))
    assert "/hub/token?" in run("login", URL, "--no-browser", typed="token-alice\n").stderr


def test_an_administrator_asks_for_more(run: Run) -> None:
    assert all(
        scope in parse_qs(urlsplit(token_page(HubAddress.parse(URL), is_admin=True)).query)["scopes"][0].split()
        for scope in (*SCOPES, *ADMIN_SCOPES)
    )


def test_a_token_that_the_hub_does_not_know_is_not_kept(run: Run) -> None:
    result = run("login", URL, "--token-stdin", typed="wrong\n")
    assert result.exit_code == ExitCode.NOT_ALLOWED
    assert load_login(credentials_path()) is None


def test_no_token_at_all_is_said_so(run: Run) -> None:
    result = run("login", URL, "--token-stdin", typed="")
    assert (result.exit_code, "no token on standard input" in result.stderr) == (ExitCode.NOT_ALLOWED, True)


def test_a_token_of_a_service_is_not_a_person(fake_hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    person = fake_hub._user_json
    monkeypatch.setattr(fake_hub, "_user_json", lambda user, **more: {**person(user, **more), "kind": "service"})
    result = run("login", URL, "--token-stdin", typed="token-bob\n")
    assert (result.exit_code, 'the service "bob"' in result.stderr) == (ExitCode.NOT_ALLOWED, True)


def test_an_address_without_a_hub_is_noticed_before_anybody_pastes(run: Run) -> None:
    result = run("login", "not an address", typed="token-alice\n")
    assert (result.exit_code, "Paste" in result.output) == (ExitCode.REFUSED, False)


def test_an_unencrypted_address_is_warned_of(run: Run) -> None:
    warning = "is not encrypted"
    assert warning in run("login", "http://x.example.org", "--token-stdin", typed="token-alice\n").stderr
    assert warning not in run("login", "https://x.example.org", "--token-stdin", typed="token-alice\n").stderr
    assert warning not in run("login", URL, "--token-stdin", typed="token-alice\n").stderr


def test_without_an_address_the_last_one_is_meant(run: Run) -> None:
    run("login", "https://x.example.org", "--token-stdin", typed="token-alice\n")
    assert "https://x.example.org as bob" in run("login", "--token-stdin", typed="token-bob\n").stderr
    credentials_path().chmod(0o644)
    assert "http://127.0.0.1:8000 as bob" in run("login", "--token-stdin", typed="token-bob\n").stderr


def test_in_a_workspace_its_own_hub_is_meant(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://hub:8081/hub/api")
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_HUB_URL", "https://x.example.org/hub/")
    assert "https://x.example.org as bob" in run("login", "--token-stdin", typed="token-bob\n").stderr


def test_logout_forgets_and_says_what_the_hub_still_knows(run: Run) -> None:
    run("login", "--token-stdin", typed="token-alice\n")
    assert "revoke it" in run("logout").stderr
    assert not credentials_path().exists()
    assert "You were not signed in." in run("logout").stderr


def test_whoami_says_who_and_where(run: Run) -> None:
    assert run("whoami").stdout == f"alice at {URL}\n"
    assert run("whoami", user="admin").stdout == f"admin (administrator) at {URL}\n"
    run("team", "add", "vision", "--member", "alice", user="admin")
    assert run("whoami").stdout == f"alice at {URL}, teams: vision\n"
    assert json.loads(run("whoami", "--json").stdout)["name"] == "alice"
    assert run("whoami", user="nobody").exit_code == ExitCode.NOT_ALLOWED


def test_interrupting_the_prompt_is_interrupting(run: Run) -> None:
    assert run("login", URL, "--no-browser", typed="").exit_code == ExitCode.INTERRUPTED
