"""A domain for each person."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from hub.configure import configure
from hub.domains import LABEL, RESERVED, UNPROTECTED, domain_of, domains_problem, label_of
from hub.keys import Keys
from hub.settings import SettingsError, effective

SITE = "studiolo.test"
ON = {"domainPerPerson": True, "publicUrl": f"https://{SITE}"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("alice", "alice", id="as it is"),
        pytest.param("a1-b", "a1-b", id="with a dash"),
        pytest.param("müller", "xn--mller-kva", id="other letters"),
    ],
)
def test_a_name_that_can_be_one_is_its_own_label(name: str, label: str) -> None:
    assert label_of(name) == label


@pytest.mark.parametrize(
    "name",
    ["a.b", "a_b", "a@b", "a b", "12345", "-a", "a-", "a--b", "x" * 64, "xn--mller-kva", "u-a--0123456789abcdef0123"],
)
def test_any_other_name_gets_a_label_by_its_hash(name: str) -> None:
    assert label_of(name).startswith("u-")
    assert LABEL.fullmatch(label_of(name))


def test_nobody_gets_a_name_that_people_take_for_the_sites_own() -> None:
    assert {label_of(name) for name in RESERVED}.isdisjoint(RESERVED)


@given(st.sets(st.text(alphabet="ab1-.@_ ü\u0430-x", min_size=1, max_size=6), min_size=2, max_size=60))
def test_no_two_people_share_a_domain(names: set[str]) -> None:
    assert len({label_of(name) for name in names}) == len(names)


@given(st.text(min_size=1, max_size=80))
def test_every_label_can_stand_in_a_domain_name(name: str) -> None:
    assert LABEL.fullmatch(label_of(name))


def test_our_own_service_stays_on_the_hubs_domain_and_others_get_their_own() -> None:
    assert domain_of("studiolo", SITE, kind="service") == SITE
    assert domain_of("grafana", SITE, kind="service").endswith(f"--service.{SITE}")
    assert domain_of("studiolo", SITE, kind="user") != SITE


def test_a_user_never_gets_a_services_domain() -> None:
    service = domain_of("x", SITE, kind="service").removesuffix(f".{SITE}")
    assert label_of(service) != service


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("http://studiolo.test", "https", id="plain http"),
        pytest.param("https://10.0.0.1", "name", id="an address"),
        pytest.param("https://[::1]", "name", id="an IPv6 address"),
        pytest.param("https://localhost", "name", id="one word"),
        pytest.param("https://studiolo.test/sub", "path", id="a path"),
    ],
)
def test_an_address_that_cannot_have_domains_below_it_is_refused(tmp_path: Path, address: str, words: str) -> None:
    assert words in domains_problem(is_on=True, public_url=address)
    assert domains_problem(is_on=False, public_url=address) == ""
    with pytest.raises(SettingsError, match="domainPerPerson"):
        effective(tmp_path, {"domainPerPerson": True, "publicUrl": address})


def test_cookies_get_names_that_no_other_domain_can_set(tmp_path: Path, keys: Keys) -> None:
    c = Config()
    configure(c, effective(tmp_path, ON), keys)
    assert c.JupyterHub.cookie_host_prefix_enabled is True
    assert c.JupyterHub.subdomain_host == "https://studiolo.test"
    assert c.JupyterHub.subdomain_hook("alice", SITE, kind="user") == "alice.studiolo.test"


def test_forms_may_end_on_peoples_domains_and_nowhere_else(tmp_path: Path, keys: Keys) -> None:
    c = Config()
    configure(c, effective(tmp_path, ON | {"publicUrl": "https://studiolo.test:8443"}), keys)
    policy = c.JupyterHub.tornado_settings["headers"]["Content-Security-Policy"]
    assert "form-action 'self' https://*.studiolo.test:8443;" in policy
    assert "frame-ancestors 'none'" in policy


def test_without_domains_forms_end_here(tmp_path: Path, keys: Keys) -> None:
    c = Config()
    configure(c, effective(tmp_path), keys)
    assert "form-action 'self';" in c.JupyterHub.tornado_settings["headers"]["Content-Security-Policy"]
    assert "isolation_warning" not in c.JupyterHub.template_vars


def test_the_admin_page_says_when_people_are_not_protected_from_each_other(tmp_path: Path, keys: Keys) -> None:
    cluster = {
        "kubernetes.namespace": "workspaces",
        "kubernetes.release": "studiolo",
        "hub.connectUrl": "http://hub:8081",
    }
    c = Config()
    configure(c, effective(tmp_path, cluster), keys)
    assert c.JupyterHub.template_vars["isolation_warning"] == UNPROTECTED
    c = Config()
    configure(c, effective(tmp_path, cluster | ON), keys)
    assert "isolation_warning" not in c.JupyterHub.template_vars
