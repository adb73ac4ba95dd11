"""Who somebody is and which teams they are in."""

from __future__ import annotations

from typing import Any

import pytest

from hub.oidc.claims import claim_of, is_sensible_name, name_of, teams_of


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        pytest.param({"preferred_username": "alice"}, "alice", id="there"),
        pytest.param({"sub": "1"}, None, id="not there"),
        pytest.param({"preferred_username": ""}, None, id="empty"),
        pytest.param({"preferred_username": ["alice"]}, None, id="not text"),
    ],
)
def test_a_name_is_taken_where_the_provider_gives_one(claims: dict[str, Any], name: str | None) -> None:
    assert name_of(claims, "preferred_username") == name


@pytest.mark.parametrize("said", [False, None, "true", 1])
def test_an_address_that_is_not_verified_is_no_name(said: object) -> None:
    assert name_of({"email": "a@b.test", "email_verified": said}, "email") is None
    assert name_of({"email": "a@b.test", "email_verified": True}, "email") == "a@b.test"


@pytest.mark.parametrize("name", ["alice", "alice.b", "a_b-c+d@example.org", "ünïcode", "Ada Lovelace", "x" * 64])
def test_usual_names_are_taken(name: str) -> None:
    assert is_sensible_name(name)


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "alice\n", " alice", "x" * 65, "<b>", "a%2Fb", "\N{PILE OF POO}"])
def test_names_nobody_should_have_are_not(name: str) -> None:
    assert not is_sensible_name(name)


@pytest.mark.parametrize(
    ("claims", "claim", "teams"),
    [
        pytest.param({"groups": ["vision", "admins"]}, "groups", {"vision", "admins"}, id="a list"),
        pytest.param({"groups": "vision"}, "groups", {"vision"}, id="one word"),
        pytest.param({"groups": []}, "groups", set(), id="none"),
        pytest.param({}, "groups", set(), id="nothing said"),
        pytest.param({"groups": [1, None, "", "a\nb", "x" * 256, "vision"]}, "groups", {"vision"}, id="nonsense"),
        pytest.param({"groups": {"vision": True}}, "groups", set(), id="no list"),
        pytest.param({"realm_access": {"roles": ["vision"]}}, "realm_access.roles", {"vision"}, id="inside"),
        pytest.param({"https://x.test/groups": ["vision"]}, "https://x.test/groups", {"vision"}, id="dots in its name"),
    ],
)
def test_teams_are_those_of_the_claim_and_nothing_else(claims: dict[str, Any], claim: str, teams: set[str]) -> None:
    assert teams_of(claims, claim) == teams


def test_saying_no_team_is_not_saying_nothing() -> None:
    assert claim_of({"groups": []}, "groups") == []
    assert claim_of({}, "groups") is None
    assert claim_of({"realm_access": "x"}, "realm_access.roles") is None
