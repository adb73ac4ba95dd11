"""A domain for each person, in a real hub behind something that ends TLS, as an Ingress does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deploy.local.throwaway import ThrowawayHub
from hub.domains import label_of
from hub.passwords import ADMIN
from tests.browser_cookies import BrowserCookies
from tests.installed_software import share_software

pytestmark = pytest.mark.integration

SITE = "studiolo.test"


class EndsTls(httpx.BaseTransport):
    """Everything below the site is one proxy on this machine; browsers see https."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._inner = httpx.HTTPTransport()
        self._cookies = BrowserCookies()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        assert request.url.host == SITE or request.url.host.endswith(f".{SITE}"), request.url
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        self._cookies.put_into(request)
        headers = [*request.headers.raw, (b"X-Forwarded-Proto", b"https")]
        response = self._inner.handle_request(
            httpx.Request(request.method, url, headers=headers, stream=request.stream)
        )
        self._cookies.take_from(response, request)
        return response

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    root = tmp_path_factory.mktemp("domains")
    share_software(root)
    with ThrowawayHub(root, {"domainPerPerson": True, "publicUrl": f"https://{SITE}"}) as hub:
        yield hub


def new_browser(hub: ThrowawayHub) -> httpx.Client:
    transport = EndsTls(hub.settings.proxy.port)
    return httpx.Client(
        base_url=f"https://{SITE}",
        transport=transport,
        timeout=60,
        follow_redirects=True,
    )


@contextmanager
def signed_in(hub: ThrowawayHub, name: str, password: str) -> Iterator[httpx.Client]:
    with new_browser(hub) as browser:
        xsrf = hidden_xsrf(browser.get("/hub/login").text)
        fields = {"username": name, "password": password, "_xsrf": xsrf}
        answer = browser.post("/hub/login", data=fields)
        assert answer.url.path == "/hub/home", answer.text
        yield browser


def hidden_xsrf(page: str) -> str:
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


@pytest.fixture(scope="module")
def people(hub: ThrowawayHub) -> dict[str, str]:
    """Passwords of two people."""
    passwords = {}
    with signed_in(hub, ADMIN, hub.admin_password) as admin:
        headers = {"X-XSRFToken": str(admin.cookies.get("_xsrf", path="/hub/"))}
        for name in ("alice", "bob.b"):
            admin.post(f"/hub/api/users/{name}", headers=headers).raise_for_status()
            passwords[name] = admin.put(f"/hub/api/users/{name}/password", headers=headers).json()["password"]
    return passwords


@pytest.fixture(scope="module")
def alice(hub: ThrowawayHub, people: dict[str, str]) -> Iterator[httpx.Client]:
    """Alice's browser; her workspace runs and is open."""
    with signed_in(hub, "alice", people["alice"]) as browser:
        fields = {"environment": "minimal", "hardware": "small", "_xsrf": hidden_xsrf(browser.get("/hub/spawn").text)}
        browser.post("/hub/spawn/alice/default", data=fields)
        hub.until(
            lambda: browser.get("/hub/spawn-pending/alice").url.host == f"alice.{SITE}",
            what="the workspace opens on its owner's domain",
            seconds=300,
        )
        yield browser


def cookies_of(browser: httpx.Client, domain: str) -> set[str]:
    return {cookie.name for cookie in browser.cookies.jar if cookie.domain.lstrip(".") == domain}


def test_a_workspace_opens_on_its_owners_domain_and_is_linked_there(alice: httpx.Client) -> None:
    home = alice.get("/hub/home").text
    assert f'href="https://alice.{SITE}/user/alice/"' in home
    assert alice.get(f"https://alice.{SITE}/user/alice/api/status").status_code == 200


def test_the_hubs_cookie_belongs_to_its_own_domain_and_can_be_set_by_no_other(alice: httpx.Client) -> None:
    assert "__Host-jupyterhub-hub-login" in cookies_of(alice, SITE)
    assert not {name for name in cookies_of(alice, f"alice.{SITE}") if "hub-login" in name}
    own = cookies_of(alice, f"alice.{SITE}")
    assert any(name.startswith("__Host-jupyterhub-user-alice") for name in own), own


def test_the_hub_knows_nobody_on_a_persons_domain(alice: httpx.Client) -> None:
    answer = alice.get(f"https://alice.{SITE}/hub/home", follow_redirects=False)
    assert answer.status_code in {302, 403}
    assert "Sign out" not in answer.text
    assert alice.get(f"https://alice.{SITE}/hub/api/user").status_code == 403


def test_a_workspace_is_not_found_below_another_persons_domain(alice: httpx.Client) -> None:
    other = f"https://{label_of('bob.b')}.{SITE}"
    answer = alice.get(f"{other}/user/alice/api/status", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"https://{SITE}/hub/user/alice/")


def test_another_person_is_not_let_in(hub: ThrowawayHub, people: dict[str, str], alice: httpx.Client) -> None:
    del alice
    with signed_in(hub, "bob.b", people["bob.b"]) as bob:
        answer = bob.get(f"https://alice.{SITE}/user/alice/lab")
        assert answer.status_code in {403, 404}
        assert bob.get(f"https://alice.{SITE}/user/alice/api/status").status_code == 403


def test_forms_may_end_on_a_persons_domain(alice: httpx.Client) -> None:
    for page in ("/hub/home", "/hub/token"):
        assert f"form-action 'self' https://*.{SITE};" in alice.get(page).headers["Content-Security-Policy"]


def test_the_log_of_a_workspace_opens_on_the_hubs_domain(alice: httpx.Client) -> None:
    answer = alice.get("/services/studiolo/api/workspaces/alice/default/log", headers={"Sec-Fetch-Mode": "navigate"})
    assert (answer.status_code, answer.url.host) == (200, SITE)
    assert "__Host-service-studiolo" in cookies_of(alice, SITE)


def test_signing_out_leads_back_to_the_sign_in_page_of_the_hub(hub: ThrowawayHub, people: dict[str, str]) -> None:
    with signed_in(hub, "bob.b", people["bob.b"]) as bob:
        assert bob.get("/hub/logout").url == f"https://{SITE}/hub/login"
        assert bob.get("/hub/home").url.path == "/hub/login"


def test_the_proxys_routes_are_not_put_back_all_the_time(hub: ThrowawayHub, alice: httpx.Client) -> None:
    del alice
    assert "has lost its routes" not in hub.log("hub")
