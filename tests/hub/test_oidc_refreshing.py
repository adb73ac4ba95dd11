"""How long a right lives on after the identity provider has taken it away, or while it cannot be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local.ports import free_port
from hub.oidc.authenticator import JUST_NOW_SECONDS, WRITTEN_EVERY_SECONDS, OidcAuthenticator
from tests.fakes.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdentityProvider

BELIEVED_SECONDS = 3600.0


@dataclass
class Person:
    """Somebody whom the hub knows, with what it keeps of their sign-in."""

    name: str
    state: dict[str, Any] | None
    groups: list[str] = field(default_factory=lambda: ["vision"])
    admin: bool = True
    db: Any = field(default_factory=lambda: SimpleNamespace(commit=lambda: None))

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.state

    def sync_groups(self, groups: list[str]) -> None:
        self.groups = groups


@pytest.fixture
async def provider() -> AsyncIterator[FakeIdentityProvider]:
    fake = FakeIdentityProvider(port=free_port())
    async with fake.running():
        yield fake


@pytest.fixture
async def authenticator(
    provider: FakeIdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OidcAuthenticator]:
    # JupyterHub's own needs its database; which roles follow is its business.
    monkeypatch.setattr("hub.oidc.authenticator.assign_default_roles", lambda _db, entity: None)
    monkeypatch.setattr(Person, "orm_user", None, raising=False)
    secret = tmp_path / "secret"
    secret.write_text(CLIENT_SECRET)
    made = OidcAuthenticator(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret_file=str(secret),
        username_claim="preferred_username",
        manage_groups=True,
        enable_auth_state=True,
        allowed_groups={"vision"},
        auth_refresh_age=300,
        believe_for=BELIEVED_SECONDS,
    )
    yield made
    await made.provider.aclose()


def signed_in(provider: FakeIdentityProvider, *teams: str, asked: float = 0.0) -> Person:
    """Somebody who signed in, and whom the provider was last asked about so many seconds ago."""
    subject = provider.add_for_test("alice", *teams)
    tokens = provider.tokens(subject)
    state = {
        **{name: tokens.get(name) for name in ("access_token", "refresh_token", "id_token")},
        "subject": subject,
        "asked_at": time.time() - asked,
        "oauth_user": {"sub": subject, **provider.people[subject]},
    }
    return Person(name="alice", state=state)


def in_a_browser(person: Person) -> Any:
    return SimpleNamespace(_token_authenticated=False, _jupyterhub_user=person)


WITH_A_TOKEN = SimpleNamespace(_token_authenticated=True)


async def test_what_the_provider_says_now_is_what_counts(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision")
    provider.add_for_test("alice", "vision", "research")
    model = await authenticator.refresh_user(person, in_a_browser(person))
    assert isinstance(model, dict)
    assert model["groups"] == ["research", "vision"]
    assert model["auth_state"]["asked_at"] == pytest.approx(time.time(), abs=60)
    assert "/token" not in provider.asked


async def test_an_answer_that_changes_nothing_is_not_written_down_each_time(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision")
    assert await authenticator.refresh_user(person, WITH_A_TOKEN) is True
    authenticator._asked.clear()
    person.state |= {"asked_at": time.time() - WRITTEN_EVERY_SECONDS - 60}
    model = await authenticator.refresh_user(person, WITH_A_TOKEN)
    assert isinstance(model, dict)
    assert model["auth_state"]["asked_at"] == pytest.approx(time.time(), abs=60)


async def test_an_answer_that_was_not_written_down_counts_too(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision", asked=BELIEVED_SECONDS - 60)
    await authenticator.refresh_user(person, WITH_A_TOKEN)
    authenticator._asked.clear()
    provider.is_away = True
    person.state |= {"asked_at": time.time() - BELIEVED_SECONDS - 60}
    assert await authenticator.refresh_user(person, WITH_A_TOKEN) is True


async def test_somebody_who_lost_every_team_is_out_and_keeps_none(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision")
    provider.add_for_test("alice", "chess club")
    assert await authenticator.refresh_user(person, WITH_A_TOKEN) is False
    assert (person.groups, person.admin) == (["chess club"], False)


@pytest.mark.parametrize(
    ("asked", "is_let_in"), [(0.0, True), (BELIEVED_SECONDS / 2, True), (BELIEVED_SECONDS + 60, False)]
)
async def test_while_the_provider_is_away_its_last_answer_holds_for_a_time(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider, asked: float, is_let_in: bool
) -> None:
    person = signed_in(provider, "vision", asked=asked)
    provider.is_away = True
    assert await authenticator.refresh_user(person, in_a_browser(person)) is is_let_in


@pytest.mark.parametrize(
    ("asked", "is_let_in"), [(0.0, True), (BELIEVED_SECONDS / 2, True), (BELIEVED_SECONDS + 60, False)]
)
async def test_an_ended_session_leaves_tokens_a_time_and_browsers_none(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider, asked: float, is_let_in: bool
) -> None:
    person = signed_in(provider, "vision", asked=asked)
    provider.end_sessions_for_test()
    assert await authenticator.refresh_user(person, in_a_browser(person)) is False
    assert await authenticator.refresh_user(person, WITH_A_TOKEN) is is_let_in


async def test_a_client_secret_that_is_wrong_shuts_nobody_out(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider, tmp_path: Path
) -> None:
    person = signed_in(provider, "vision")
    (tmp_path / "secret").write_text("of yesterday")
    provider.sessions = {token: who for token, who in provider.sessions.items() if token.startswith("refresh")}
    assert await authenticator.refresh_user(person, in_a_browser(person)) is True


async def test_many_requests_at_once_use_a_refresh_token_once(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision")
    provider.sessions = {token: who for token, who in provider.sessions.items() if token.startswith("refresh")}
    answers = await asyncio.gather(*(authenticator.refresh_user(person, in_a_browser(person)) for _ in range(8)))
    assert all(answers)
    assert provider.asked.count("/token") == 1
    assert authenticator.auth_refresh_age > JUST_NOW_SECONDS


async def test_an_account_that_became_another_one_is_not_the_person(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    person = signed_in(provider, "vision")
    provider.people["subject-of-alice"]["preferred_username"] = "berta"
    assert await authenticator.refresh_user(person, WITH_A_TOKEN) is False


async def test_somebody_of_whose_sign_in_nothing_is_kept_signs_in_again(authenticator: OidcAuthenticator) -> None:
    person = Person(name="alice", state=None)
    assert await authenticator.refresh_user(person, in_a_browser(person)) is False


async def test_a_provider_that_tells_teams_only_at_a_sign_in_is_asked_for_one(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    provider.gives_refresh_tokens = False
    person = signed_in(provider, "vision")
    del provider.people["subject-of-alice"]["groups"]
    assert await authenticator.refresh_user(person, in_a_browser(person)) is False
    assert person.groups == ["vision"]


async def test_a_user_number_that_only_a_sign_in_tells_is_not_forgotten_by_an_answer_without_it(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    authenticator.number_claims = ["uid_number"]
    person = signed_in(provider, "vision")
    person.state["oauth_user"]["uid_number"] = 5001
    provider.changes["uid_number"] = 5001  # of ID tokens, which come with a refresh
    model = await authenticator.refresh_user(person, in_a_browser(person))
    assert "/token" in provider.asked
    assert isinstance(model, dict)
    assert model["auth_state"]["oauth_user"]["uid_number"] == 5001


async def test_a_user_number_that_was_taken_away_is_gone(
    authenticator: OidcAuthenticator, provider: FakeIdentityProvider
) -> None:
    authenticator.number_claims = ["uid_number"]
    person = signed_in(provider, "vision")
    person.state["oauth_user"]["uid_number"] = 5001
    model = await authenticator.refresh_user(person, in_a_browser(person))
    assert isinstance(model, dict)
    assert "uid_number" not in model["auth_state"]["oauth_user"]
