"""Attacks, groups 13, 14 and 16: another person's running server, and what the token of a server opens."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hub.passwords import ADMIN
from tests.integration.conftest import ATTACKER, PASSWORD, VICTIM
from tests.kernels import Kernel

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def running(attacked: ThrowawayHub) -> ThrowawayHub:
    """Both persons' default workspaces run."""
    for name in (VICTIM, ATTACKER):
        attacked.start_workspace(attacked.token(name, PASSWORD), name)
    return attacked


def environ_of(hub: ThrowawayHub, token: str, name: str, server: str = "") -> dict[str, str]:
    """The variables of a server, as its own person reads them in a notebook: a claimed one has none in /proc."""
    address = f"{hub.base_url}/user/{name}/{server}".rstrip("/")
    with Kernel(address=address, token=token) as kernel:
        found: dict[str, str] = json.loads("".join(kernel.run("import json, os; print(json.dumps(dict(os.environ)))")))
    return found


@pytest.fixture
def server_token(running: ThrowawayHub) -> str:
    """The token in the attacker's own server."""
    return environ_of(running, running.token(ATTACKER, PASSWORD), ATTACKER)["JUPYTERHUB_API_TOKEN"]


@pytest.fixture
def alice_at_work(running: ThrowawayHub, alice: httpx.Client) -> httpx.Client:
    """The victim's browser, with the cookies of her workspace too."""
    assert alice.get(f"/user/{VICTIM}/api/status").status_code in {200, 403}
    assert alice.get(f"/user/{VICTIM}/lab").status_code == 200
    assert alice.get(f"/user/{VICTIM}/api/status").status_code == 200
    return alice


@pytest.fixture
def kernel(running: ThrowawayHub) -> Iterator[str]:
    """A kernel of the victim's; the path of its channel."""
    headers = {"Authorization": f"token {running.token(VICTIM, PASSWORD)}"}
    address = f"{running.base_url}/user/{VICTIM}/api/kernels"
    with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
        made = client.post(address, json={"name": "python3"}).raise_for_status().json()["id"]
        yield f"/user/{VICTIM}/api/kernels/{made}/channels"
        client.delete(f"{address}/{made}")


def cookies(browser: httpx.Client) -> str:
    """All that a browser would send to any address of the site, and a little more."""
    return "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)


def opens(hub: ThrowawayHub, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a WebSocket is accepted."""
    try:
        with connect(f"{hub.base_url.replace('http://', 'ws://')}{path}", additional_headers=headers, proxy=None):
            return True
    except InvalidStatus:
        return False


# -- 13, 14: the server of another person

PATHS = (
    "lab",
    "tree",
    "api/status",
    "api/contents",
    "api/kernels",
    "api/terminals",
    "api/events/subscribe",
    "files/.bashrc",
    "nbconvert/html/x.ipynb",
    "proxy/8888/",
    "proxy/absolute/8888/",
    "tensorboard/",
    "static/../api/status",
    "oauth_callback?code=a&state=b",
)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_opens_the_server_of_another_person(path: str, running: ThrowawayHub, mallory: httpx.Client) -> None:
    address = f"/user/{VICTIM}/{path}"
    tokens = {"Authorization": f"token {running.token(ATTACKER, PASSWORD)}"}
    for answer in (
        mallory.get(address),
        mallory.get(address, headers=tokens),
        httpx.get(f"{running.base_url}{address}", headers=tokens, trust_env=False, follow_redirects=True),
        httpx.get(f"{running.base_url}{address}", trust_env=False, follow_redirects=True),
    ):
        is_refused = answer.status_code in {400, 403, 404, 405, 424}
        target = urlsplit(answer.headers.get("Location", "")).path
        is_sent_to_sign_in = "/hub/login" in {answer.url.path, target} or target == "/hub/api/oauth2/authorize"
        assert is_refused or is_sent_to_sign_in, (answer.status_code, answer.url)


@pytest.mark.parametrize("trick", ["%2e%2e", "..;", ".", "%2f..", "..%2f..%2fuser"])
def test_no_detour_by_ones_own_address_leads_into_another_person_s(trick: str, running: ThrowawayHub) -> None:
    token = running.token(ATTACKER, PASSWORD)
    with httpx.Client(headers={"Authorization": f"token {token}"}, trust_env=False, timeout=30) as client:
        path = f"/user/{ATTACKER}/{trick}/{VICTIM}/api/status".encode()
        answer = client.get(httpx.URL(running.base_url).copy_with(raw_path=path))
    assert answer.status_code != 200 or "connections" not in answer.text


def test_a_websocket_opens_for_its_owner_s_own_page_and_nobody_else(
    running: ThrowawayHub, kernel: str, alice_at_work: httpx.Client, mallory: httpx.Client
) -> None:
    own, site = {"Cookie": cookies(alice_at_work)}, running.base_url
    assert opens(running, kernel, own | {"Origin": site})
    mallory.get(f"/user/{ATTACKER}/lab")
    strangers = {
        "of another site": own | {"Origin": EVIL},
        "of a site whose name begins alike": own | {"Origin": f"{site}.evil.example"},
        "of no site": own | {"Origin": "null"},
        "of another port": own | {"Origin": "http://127.0.0.1:1"},
        "without a cookie": {"Origin": site},
        "with another person's cookies": {"Cookie": cookies(mallory), "Origin": site},
        "with another person's token": {"Authorization": f"token {running.token(ATTACKER, PASSWORD)}"},
    }
    for who, headers in strangers.items():
        assert not opens(running, kernel, headers), who


def test_a_token_in_an_address_opens_nothing(running: ThrowawayHub) -> None:
    token = running.token(VICTIM, PASSWORD)
    with httpx.Client(base_url=running.base_url, trust_env=False, timeout=30) as client:
        for address in (f"/user/{VICTIM}/api/status", "/hub/api/user", f"/hub/api/users/{VICTIM}", "/hub/home"):
            answer = client.get(address, params={"token": token})
            assert answer.status_code in {302, 403}, address
    for process in ("proxy", "hub", "services"):
        assert token not in running.log(process)


def test_pages_tell_no_other_site_their_address(running: ThrowawayHub, alice_at_work: httpx.Client) -> None:
    for address in ("/hub/home", f"/user/{VICTIM}/lab"):
        policy = alice_at_work.get(address).headers.get("Referrer-Policy", "strict-origin-when-cross-origin")
        assert policy in {"same-origin", "no-referrer", "strict-origin", "strict-origin-when-cross-origin"}


# -- 16: the token of a server


def test_the_token_of_a_server_does_nothing_in_the_hub_but_say_that_it_is_used(
    running: ThrowawayHub, server_token: str
) -> None:
    allowed = [("GET", "user"), ("POST", f"users/{ATTACKER}/activity")]
    refused = [
        ("GET", "users"),
        ("GET", "groups"),
        ("GET", "proxy"),
        ("GET", "services"),
        ("GET", "info"),
        ("POST", "shutdown"),
        ("GET", f"users/{VICTIM}"),
        ("POST", f"users/{VICTIM}/activity"),
        ("POST", f"users/{VICTIM}/server"),
        ("POST", f"users/{VICTIM}/tokens"),
        ("GET", f"users/{VICTIM}/tokens"),
        ("POST", f"users/{ATTACKER}/tokens"),
        ("GET", f"users/{ATTACKER}/tokens"),
        ("POST", f"users/{ATTACKER}/servers/more"),
        ("DELETE", f"users/{ATTACKER}/server"),
        ("PATCH", f"users/{ATTACKER}"),
        ("PUT", f"users/{ADMIN}/password"),
        ("POST", "groups/vision/users"),
        ("POST", f"shares/{ATTACKER}/"),
    ]
    with running.api(server_token) as api:
        for method, path in allowed:
            body = {"last_activity": "2026-01-01T00:00:00Z"} if method == "POST" else None
            assert api.request(method, path, json=body).is_success, path
        for method, path in refused:
            answer = api.request(method, path, json={"users": [ATTACKER]} if method != "GET" else None)
            assert answer.status_code in {400, 403, 404, 405}, (method, path, answer.status_code)
        assert not [scope for scope in api.get("user").json()["scopes"] if "admin" in scope or scope == "self"]
    with running.services_api(server_token) as api:
        assert api.get(f"workspaces/{VICTIM}/default/log").status_code in {403, 404}
    with httpx.Client(headers={"Authorization": f"token {server_token}"}, trust_env=False) as client:
        assert client.get(f"{running.base_url}/user/{VICTIM}/api/status").status_code == 403


def test_the_token_of_a_server_ends_with_it(running: ThrowawayHub) -> None:
    token = running.token(ATTACKER, PASSWORD)
    running.start_workspace(token, ATTACKER, "short")
    inside = environ_of(running, token, ATTACKER, "short")["JUPYTERHUB_API_TOKEN"]
    with running.api(inside) as api:
        assert api.get("user").status_code == 200
        running.stop_workspace(token, ATTACKER, "short")
        assert api.get("user").status_code == 403


def test_the_route_of_a_stopped_server_leads_to_nobody_else_s(running: ThrowawayHub, mallory: httpx.Client) -> None:
    token = running.token(VICTIM, PASSWORD)
    running.start_workspace(token, VICTIM, "gone")
    running.stop_workspace(token, VICTIM, "gone")
    owner = {"Authorization": f"token {token}"}
    for address in (f"/user/{VICTIM}/gone/api/status", f"/user/{VICTIM}/gone/lab"):
        answer = httpx.get(f"{running.base_url}{address}", headers=owner, trust_env=False)
        assert answer.status_code in {302, 404, 424, 503}
        assert mallory.get(address).status_code in {403, 404, 424}


def test_what_a_removed_or_changed_account_held_opens_nothing(attacked: ThrowawayHub) -> None:
    with attacked.api(attacked.token(ADMIN, attacked.admin_password)) as api:
        password = attacked.add_user("trudy")
        token = attacked.token("trudy", password)
        with contextlib.closing(attacked.browser("trudy", password)) as browser, attacked.api(token) as own:
            attacked.start_workspace(token, "trudy")
            inside = environ_of(attacked, token, "trudy")["JUPYTERHUB_API_TOKEN"]
            assert browser.get("/user/trudy/lab").status_code == 200
            attacked.stop_workspace(token, "trudy")
            api.delete("users/trudy").raise_for_status()
            assert own.get("user").status_code == 403
            with attacked.api(inside) as server:
                assert server.get("user").status_code == 403
            api.post("users/trudy").raise_for_status()  # a namesake, who is somebody else
            assert own.get("user").status_code == 403
            assert browser.get("/hub/home", follow_redirects=False).status_code == 302
            api.delete("users/trudy")
