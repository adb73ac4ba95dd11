from __future__ import annotations

import json

import pytest

from studiolo.cli.exit_codes import ExitCode
from tests.fakes.fake_hub import FakeHub, Refusal
from tests.studiolo.cli.conftest import Run


def test_user_add_prints_the_password_on_its_last_line(fake_hub: FakeHub, run: Run) -> None:
    result = run("user", "add", "carol", user="admin")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "generated-password\n")
    assert not fake_hub.users["carol"].admin


def test_user_add_as_json(fake_hub: FakeHub, run: Run) -> None:
    result = run("user", "add", "carol", "--admin", "--json", user="admin")
    assert json.loads(result.stdout) == {"name": "carol", "password": "generated-password"}
    assert fake_hub.users["carol"].admin


def test_user_password_gives_a_new_one(run: Run) -> None:
    assert run("user", "password", "alice", user="admin").stdout == "generated-password\n"
    assert run("user", "password", "nobody", user="admin").exit_code == ExitCode.NOT_FOUND


def test_an_account_that_has_no_password_yet_is_said_so(
    fake_hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = fake_hub._users

    def no_passwords(method: str, *rest: object) -> object:
        if method == "PUT":
            raise Refusal(503, "The disk is full.")
        return users(method, *rest)

    monkeypatch.setattr(fake_hub, "_users", no_passwords)
    result = run("user", "add", "carol", user="admin")
    assert result.exit_code == ExitCode.REFUSED
    assert "carol was added, but has no password yet: The disk is full." in result.stderr
    assert "studiolo user password carol" in result.stderr


def test_only_an_administrator_adds_people_and_teams(run: Run) -> None:
    for command in (("user", "add", "carol"), ("team", "add", "vision"), ("team", "add-members", "vision", "bob")):
        result = run(*command)
        assert result.exit_code == ExitCode.NOT_ALLOWED
        assert "it lacks the right admin:users" in result.stderr
        assert "studiolo login --admin" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_team_add_says_who_is_in_it(fake_hub: FakeHub, run: Run) -> None:
    result = run("team", "add", "vision", "--member", "alice", "--member", "bob", "--lead", "bob", user="admin")
    assert result.stderr == "Added team vision: bob, alice (led by bob).\n"
    assert fake_hub.teams["vision"].properties == {"leads": ["bob"], "quota": {}}


def test_a_team_without_members_is_allowed(run: Run) -> None:
    assert run("team", "add", "vision", user="admin").stderr == "Added team vision: nobody yet.\n"


def test_team_add_members_as_json(run: Run) -> None:
    run("team", "add", "vision", "--lead", "alice", user="admin")
    result = run("team", "add-members", "vision", "bob", "--json", user="admin")
    assert json.loads(result.stdout) == {"name": "vision", "members": ["alice", "bob"], "leads": ["alice"]}


def test_a_team_of_unknown_people_is_refused(run: Run) -> None:
    result = run("team", "add", "vision", "--member", "nobody", user="admin")
    assert (result.exit_code, "No such user: nobody" in result.stderr) == (ExitCode.REFUSED, True)
