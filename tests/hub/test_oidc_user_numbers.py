"""Which user number a person's files have; and that nobody gets the one of others instead."""

from __future__ import annotations

from typing import Any

import pytest

from hub.oidc.settings import AuthSettings, OidcSettings
from hub.oidc.user_numbers import UserNumbers, number_in, user_numbers
from hub.settings_cluster import KubernetesSettings
from spawner.errors import NoUserNumber
from spawner.file_owner import FileOwner

NUMBERS = UserNumbers(uid_claim="uid", gid_claim="posix.gid", shared_uid=1000, shared_gid=2000, contact="the office")


def state(**claims: Any) -> dict[str, Any]:
    return {"oauth_user": {"sub": "1", **claims}}


@pytest.mark.parametrize(
    ("said", "number"),
    [(5001, 5001), ("5001", 5001), (1000, 1000), (2**31 - 1, 2**31 - 1), ("0001000", 1000)],
)
def test_a_number_is_taken_as_a_number_and_as_text(said: object, number: int) -> None:
    assert number_in(said) == number


@pytest.mark.parametrize(
    "said",
    [
        *(0, -1, 999, 2**31, 5001.0, True, None, [5001], {"uid": 5001}),
        *("0", "-5001", "999", "2147483648", "9" * 400, "5001.0", " 5001", "5001\n", "+5001", "5_001"),
        *("0x1389", "\N{ARABIC-INDIC DIGIT FIVE}001", "5001\N{SUPERSCRIPT TWO}", "", "abc"),
    ],
)
def test_everything_else_is_none(said: object) -> None:
    assert number_in(said) is None


def test_the_numbers_are_those_of_the_claims() -> None:
    assert NUMBERS.owner_of(state(uid="5001", posix={"gid": 6001})) == FileOwner(uid=5001, gid=6001)


def test_without_a_claim_for_it_one_group_is_everybody_s() -> None:
    one_group = UserNumbers(uid_claim="uid", gid_claim="", shared_uid=1000, shared_gid=2000, contact="the office")
    assert one_group.owner_of(state(uid=5001)) == FileOwner(uid=5001, gid=2000)


@pytest.mark.parametrize(
    ("auth_state", "reason"),
    [
        pytest.param(None, "You have not signed in through the identity provider yet", id="never signed in"),
        pytest.param({}, "You have not signed in through the identity provider yet", id="nothing kept"),
        pytest.param(state(), "The identity provider does not tell it (uid).", id="no claim"),
        pytest.param(state(uid="root"), "The identity provider says root (uid), which is no whole number", id="text"),
        pytest.param(state(uid=0), "The identity provider says 0 (uid), which is no whole number from 1000", id="root"),
        pytest.param(state(uid=65534), "The identity provider says 65534 (uid)", id="nobody"),
        pytest.param(state(uid=1000, posix={"gid": 6001}), "which is Studiolo's own (kubernetes.uid)", id="ours"),
        pytest.param(state(uid=5001), "The identity provider does not tell it (posix.gid).", id="no group"),
        pytest.param(state(uid=5001, posix={"gid": 0}), "The identity provider says 0 (posix.gid)", id="root's group"),
    ],
)
def test_who_has_no_number_reads_why_and_whom_to_ask(auth_state: dict[str, Any] | None, reason: str) -> None:
    with pytest.raises(NoUserNumber) as refused:
        NUMBERS.owner_of(auth_state)
    assert reason in refused.value.cause
    assert "Ask the office" in refused.value.hint


def test_of_a_long_claim_the_beginning_is_shown() -> None:
    with pytest.raises(NoUserNumber) as refused:
        NUMBERS.owner_of(state(uid="x" * 1000))
    assert len(refused.value.text) < 400


@pytest.mark.parametrize(
    ("auth", "is_on"),
    [
        (AuthSettings(), False),
        (AuthSettings(oidc=OidcSettings(uidClaim="uid")), False),
        (
            AuthSettings(
                kind="oidc",
                oidc=OidcSettings(issuer="https://x.test", clientId="x", allowAll=True, uidClaim="uid"),
            ),
            True,
        ),
    ],
    ids=["by default", "with passwords", "with OpenID Connect"],
)
def test_one_number_is_everybody_s_unless_a_claim_is_named(auth: AuthSettings, is_on: bool) -> None:
    kubernetes = KubernetesSettings(namespace="work", release="r", uid=1001, gid=1002)
    found = user_numbers(auth, kubernetes)
    assert (found is not None) is is_on
    assert found is None or (found.shared_uid, found.shared_gid) == (1001, 1002)
