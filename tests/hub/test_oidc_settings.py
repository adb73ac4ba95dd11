"""Which ways to sign in are refused, and what is said then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from hub.configure import configure
from hub.keys import Keys
from hub.settings import Settings, SettingsError, effective
from hub.sign_in import client_secret_file
from studiolo.errors import StudioloError

OIDC = {
    "auth.kind": "oidc",
    "auth.oidc.issuer": "https://identity.test",
    "auth.oidc.clientId": "studiolo",
    "auth.oidc.allowedTeams": ["vision"],
}


def problem_of(tmp_path: Path, **changes: Any) -> str:
    overrides = OIDC | {f"auth.{name.replace('__', '.')}": value for name, value in changes.items()}
    with pytest.raises(SettingsError) as refused:
        effective(tmp_path, overrides)
    (problem,) = refused.value.problems
    return problem.message


def configured(tmp_path: Path, keys: Keys, overrides: dict[str, Any]) -> Config:
    settings = effective(tmp_path, overrides)
    client_secret_file(settings).write_text("secret\n")
    config = Config()
    configure(config, settings, keys)
    return config


def test_without_a_word_people_sign_in_with_passwords(settings: Settings) -> None:
    assert settings.auth.kind == "password"


def test_an_open_hub_is_refused_unless_asked_for(tmp_path: Path) -> None:
    assert "Nobody may come in" in problem_of(tmp_path, oidc__allowedTeams=[])
    assert effective(tmp_path, OIDC | {"auth.oidc.allowedTeams": [], "auth.oidc.allowAll": True}).auth.oidc.allow_all


def test_a_list_beside_everybody_is_refused_for_it_would_mean_nothing(tmp_path: Path) -> None:
    assert "meaningless" in problem_of(tmp_path, oidc__allowAll=True)


def test_a_provider_over_plain_http_is_refused(tmp_path: Path) -> None:
    assert "plain http" in problem_of(tmp_path, oidc__issuer="http://identity.test")
    assert effective(tmp_path, OIDC | {"auth.oidc.issuer": "http://127.0.0.1:9000"}).auth.kind == "oidc"


def test_the_scope_that_makes_it_openid_is_needed(tmp_path: Path) -> None:
    assert '"openid"' in problem_of(tmp_path, oidc__scopes=["profile"])


def test_an_answer_must_hold_until_the_next(tmp_path: Path) -> None:
    assert "shorter" in problem_of(tmp_path, oidc__believeFor="1m")


def test_what_the_provider_is_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"oidc\.issuer.*oidc\.clientId"):
        effective(tmp_path, {"auth.kind": "oidc"})


def test_anybody_being_anyone_must_be_said_twice(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="iKnowAnybodyCanBeAnyone"):
        effective(tmp_path, {"auth.kind": "dummy"})
    assert effective(tmp_path, {"auth.kind": "dummy", "auth.dummy.iKnowAnybodyCanBeAnyone": True})


def test_a_way_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'password', 'oidc' or 'dummy'"):
        effective(tmp_path, {"auth.kind": "ldap"})


def test_a_missing_client_secret_is_said_with_the_place_where_it_belongs(tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(StudioloError, match="oidc_client_secret is missing"):
        configure(Config(), effective(tmp_path, OIDC), keys)


def test_the_list_reaches_the_authenticator_and_nobody_else_comes_in(tmp_path: Path, keys: Keys) -> None:
    c = configured(tmp_path, keys, OIDC | {"auth.oidc.allowedUsers": ["ada"], "auth.oidc.adminTeam": "admins"})
    assert c.OidcAuthenticator.allowed_groups == {"vision"}
    assert c.OidcAuthenticator.allowed_users == {"ada"}
    assert c.OidcAuthenticator.admin_groups == {"admins"}
    assert c.OidcAuthenticator.allow_all is False
    assert c.OidcAuthenticator.allow_existing_users is False


def test_the_client_secret_is_in_no_setting_of_the_hub(tmp_path: Path, keys: Keys) -> None:
    c = configured(tmp_path, keys, OIDC)
    assert c.OidcAuthenticator.client_secret_file.endswith("/oidc_client_secret")
    assert "client_secret" not in c.OidcAuthenticator


def test_what_is_kept_of_a_sign_in_is_encrypted_with_a_key_of_its_own(tmp_path: Path, keys: Keys) -> None:
    (key,) = configured(tmp_path, keys, OIDC).CryptKeeper["keys"]
    assert len(key) == 64
    assert key != keys.cookie_secret


def test_a_lost_right_ends_for_tokens_too(tmp_path: Path, keys: Keys) -> None:
    c = configured(tmp_path, keys, OIDC)
    assert c.OidcAuthenticator.auth_refresh_strict is True
    assert c.OidcAuthenticator.refresh_pre_spawn is True
    assert c.OidcAuthenticator.auth_refresh_age == 300


def test_a_hub_where_anybody_is_anyone_says_so_on_every_page(tmp_path: Path, keys: Keys) -> None:
    c = configured(tmp_path, keys, {"auth.kind": "dummy", "auth.dummy.iKnowAnybodyCanBeAnyone": True})
    assert "development only" in c.JupyterHub.template_vars["announcement"]


def test_a_group_for_each_without_a_user_for_each_is_refused(tmp_path: Path) -> None:
    assert "oidc.uidClaim" in problem_of(tmp_path, oidc__gidClaim="gid")
    both = OIDC | {"auth.oidc.uidClaim": "uid", "auth.oidc.gidClaim": "gid"}
    assert effective(tmp_path, both).auth.oidc.gid_claim == "gid"


def test_homes_of_people_with_numbers_need_who_gives_them_to_their_owners(tmp_path: Path) -> None:
    wants = {**OIDC, "auth.oidc.uidClaim": "uid", "kubernetes.namespace": "work", "kubernetes.release": "r"}
    with pytest.raises(SettingsError, match="the home service gives each home to its person"):
        effective(tmp_path, wants | {"kubernetes.homes.claim": "homes"})
    with_service = wants | {"kubernetes.homes.claim": "homes", "homes.service.url": "http://homes:8084"}
    for settings in (wants, with_service):
        assert effective(tmp_path, settings).auth.oidc.uid_claim == "uid"


def test_the_authenticator_learns_which_claims_must_not_be_lost(tmp_path: Path, keys: Keys) -> None:
    config = configured(tmp_path, keys, OIDC | {"auth.oidc.uidClaim": "uid"})
    assert config.OidcAuthenticator.number_claims == ["uid"]
