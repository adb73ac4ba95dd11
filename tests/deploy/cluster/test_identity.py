"""The development cluster's identity provider: its record, and its place among the components."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from deploy.cluster.components import IDENTITY_PROVIDER, components
from deploy.cluster.identity.record import NUMBERS, TEAMS, load_identity, new_record, save, set_teams
from deploy.cluster.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(state=tmp_path, cache=tmp_path / "cache")


@pytest.fixture
def record(layout: Layout) -> Path:
    layout.identity.mkdir()
    save(layout.identity_record, new_record(layout, certificate=layout.pki / "identity.crt"))
    return layout.identity_record


def test_everybody_has_a_password_of_their_own_and_nobody_else_reads_it(record: Path) -> None:
    identity = load_identity(record)
    assert set(identity.passwords) == set(TEAMS)
    assert len(set(identity.passwords.values())) == len(TEAMS)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert not any(secret in repr(identity) for secret in (identity.client_secret, *identity.passwords.values()))


def test_all_have_a_user_number_of_their_own_but_the_one_who_is_to_be_told(layout: Layout) -> None:
    people = new_record(layout, certificate=layout.pki / "identity.crt")["people"]
    assert {name: person["uid_number"] for name, person in people.items() if "uid_number" in person} == NUMBERS
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert TEAMS.keys() - NUMBERS.keys() == {"dave"}


def test_each_cluster_has_secrets_of_its_own(layout: Layout) -> None:
    first, second = (new_record(layout, certificate=layout.pki / "identity.crt") for _ in range(2))
    assert first["client"]["secret"] != second["client"]["secret"]
    assert first["people"]["alice"]["password"] != second["people"]["alice"]["password"]


def test_the_provider_leads_back_to_the_site_and_nowhere_else(record: Path) -> None:
    client = json.loads(record.read_text())["client"]
    assert client["redirect_uris"] == ["https://studiolo.test/hub/oauth_callback"]
    assert client["post_logout_redirect_uris"] == ["https://studiolo.test/hub/signed-out"]


def test_a_test_changes_somebodys_teams_and_nothing_else(record: Path) -> None:
    before = json.loads(record.read_text())
    set_teams(record, "alice", ["research"])
    after = json.loads(record.read_text())
    assert after["people"]["alice"]["groups"] == ["research"]
    before["people"]["alice"]["groups"] = ["research"]
    assert after == before


def test_the_provider_is_a_component_that_shows_no_secret_in_its_arguments(layout: Layout, record: Path) -> None:
    (identity,) = (one for one in components(layout, node_count=1, postgresql=Path("/x")) if one.name == "identity")
    assert identity.argv == ("node", str(IDENTITY_PROVIDER), str(record))
    assert IDENTITY_PROVIDER.is_file()
    assert identity.health.ca == str(layout.ca)
