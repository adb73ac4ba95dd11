"""Attacks, groups 9 and 10: another site that acts in a person's name, or that a link of ours leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.conftest import ATTACKER, PASSWORD, VICTIM

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

CHOICE = {"environment": "minimal", "hardware": "small"}
EVIL = "https://evil.example"

FROM_ELSEWHERE = {
    "a form of another site": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    "a request that hides its answer": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "no-cors as if of the same site": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    "a page without an origin": {"Origin": "null", "Sec-Fetch-Mode": "cors"},
    "a browser that says nothing": {},
    "an address of another site": {"Referer": f"{EVIL}/hub/spawn"},
}

FORMS = (
    "/hub/spawn",
    f"/hub/spawn/{VICTIM}/forged",
    f"/hub/workspaces/{VICTIM}/default/stop",
    f"/hub/workspaces/{VICTIM}/kept/delete",
)

CALLS = (
    ("POST", f"/hub/api/users/{VICTIM}/servers/forged"),
    ("POST", f"/hub/api/users/{VICTIM}/server"),
    ("DELETE", f"/hub/api/users/{VICTIM}/servers/kept"),
    ("POST", f"/hub/api/users/{VICTIM}/tokens"),
    ("PUT", f"/hub/api/users/{VICTIM}/servers/kept"),
)


def servers(hub: ThrowawayHub, name: str) -> dict[str, dict[str, object]]:
    with hub.api(hub.token(name, PASSWORD)) as api:
        found: dict[str, dict[str, object]] = api.get(f"users/{name}", params={"include_stopped_servers": "1"}).json()[
            "servers"
        ]
        return found


@pytest.fixture
def kept(attacked: ThrowawayHub) -> None:
    """A workspace of the victim that is still there afterwards, and nothing else is."""
    with attacked.api(attacked.token(VICTIM, PASSWORD)) as api:
        api.put(f"users/{VICTIM}/servers/kept", json={"display_name": "Kept"})


def nothing_happened(hub: ThrowawayHub) -> bool:
    found = servers(hub, VICTIM)
    return "kept" in found and "forged" not in found and not any(one["pending"] for one in found.values())


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("how", FROM_ELSEWHERE)
def test_no_other_site_sends_a_form_or_a_call_in_a_person_s_name(
    how: str, attacked: ThrowawayHub, alice: httpx.Client
) -> None:
    headers = FROM_ELSEWHERE[how]
    for address in FORMS:
        for fields in (CHOICE, {**CHOICE, "_xsrf": ""}, {**CHOICE, "_xsrf": "2|aaaa|bbbb|1700000000"}):
            assert alice.post(address, data=fields, headers=headers).status_code == 403, address
    for method, address in CALLS:
        for content in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
            answer = alice.request(method, address, content="{}", headers={**headers, "Content-Type": content})
            assert answer.status_code in {403, 415}, (method, address, content)
    assert nothing_happened(attacked)


@pytest.mark.usefixtures("kept")
def test_the_key_of_one_person_s_form_opens_no_other_person_s(
    attacked: ThrowawayHub, alice: httpx.Client, mallory: httpx.Client
) -> None:
    """Whoever can read forms of their own still has no key to mine."""
    found = re.search(r'name="_xsrf" value="([^"]*)"', mallory.get("/hub/spawn").text)
    assert found is not None
    for address in FORMS:
        assert alice.post(address, data={**CHOICE, "_xsrf": found[1]}).status_code == 403
    alice.cookies.set("_xsrf", found[1], domain="127.0.0.1", path="/hub/spawn")  # tossed by another page of the domain
    assert alice.post("/hub/spawn", data={**CHOICE, "_xsrf": found[1]}).status_code == 403
    assert nothing_happened(attacked)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "address",
    [
        "/hub/spawn?environment=minimal&hardware=small",
        "/hub/spawn?opt-environment=minimal&opt-hardware=small&opt-env=A%3D1",
        f"/hub/spawn/{VICTIM}/forged?opt-environment=minimal&opt-hardware=small",
        f"/hub/spawn/{VICTIM}?next=/hub/user/{VICTIM}/lab",
        f"/hub/user/{VICTIM}/forged/lab",
        f"/user/{VICTIM}/forged/lab",
        f"/hub/spawn-pending/{VICTIM}/forged",
        f"/hub/workspaces/{VICTIM}/kept/stop",
        f"/hub/workspaces/{VICTIM}/kept/delete",
        "/hub/accept-share?code=aaaa",
    ],
)
def test_a_link_changes_nothing_whatever_it_says(address: str, attacked: ThrowawayHub, alice: httpx.Client) -> None:
    for headers in ({}, {"Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}):
        alice.get(address, headers=headers)
        alice.head(address, headers=headers)
    assert nothing_happened(attacked)


@pytest.mark.parametrize("address", ["/hub/home", "/hub/spawn", "/hub/login", "/hub/token", "/hub/nowhere"])
def test_no_other_site_frames_a_page_or_reads_an_answer(address: str, alice: httpx.Client) -> None:
    answer = alice.get(address, headers={"Origin": EVIL})
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    api = alice.get("/hub/api/user", headers={"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"})
    assert "Access-Control-Allow-Origin" not in api.headers


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "https:evil.example",
    "http:///evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "javascript:alert(1)",
    "/hub/../..//evil.example",
    "/hub/%0d%0aLocation:%20https://evil.example",
    " https://evil.example",
    "@evil.example",
    ".evil.example",
)


def leads_elsewhere(hub: ThrowawayHub, answer: httpx.Response) -> bool:
    """Whether a browser would leave our site; browsers read a backslash as a slash and skip tabs and line breaks."""
    location = re.sub(r"[\t\r\n]", "", answer.headers.get("Location", "")).strip().replace("\\", "/")
    if location.startswith("//") or re.match(r"[a-z][a-z0-9+.-]*:", location, re.IGNORECASE):
        return urlsplit(location).netloc != urlsplit(hub.base_url).netloc or not location.startswith("http")
    return False


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_link_of_ours_leads_to_another_site(target: str, attacked: ThrowawayHub) -> None:
    with httpx.Client(base_url=attacked.base_url, trust_env=False, timeout=30) as browser:
        browser.get("/hub/login", params={"next": target})
        fields = {"username": VICTIM, "password": PASSWORD, "_xsrf": str(browser.cookies.get("_xsrf"))}
        signed_in = browser.post("/hub/login", params={"next": target}, data=fields)
        assert signed_in.status_code == 302
        assert not leads_elsewhere(attacked, signed_in)
        for page in ("/hub/login", "/hub/", "/hub/spawn", f"/hub/spawn-pending/{VICTIM}", "/", "/hub/logout"):
            assert not leads_elsewhere(attacked, browser.get(page, params={"next": target})), page


@pytest.mark.parametrize("path", ["//evil.example", "/%2fevil.example", "/hub//evil.example/..", "/\\evil.example"])
def test_an_address_with_too_many_slashes_leads_nowhere_else(path: str, attacked: ThrowawayHub) -> None:
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.get(httpx.URL(attacked.base_url).copy_with(raw_path=path.encode()))
    assert not leads_elsewhere(attacked, answer)


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "Forwarded"])
def test_a_request_that_names_another_host_gets_no_link_to_it(header: str, attacked: ThrowawayHub) -> None:
    headers = {header: "host=evil.example" if header == "Forwarded" else "evil.example"}
    with httpx.Client(base_url=attacked.base_url, trust_env=False, timeout=30) as client:
        for page in ("/", "/hub/", "/hub/login", "/hub/home", f"/user/{VICTIM}/", "/services/studiolo/"):
            answer = client.get(page, headers=headers)
            assert "evil.example" not in answer.headers.get("Location", ""), page
            assert "evil.example" not in answer.text, page


# -- signing in to a workspace and to services goes through the hub's OAuth


def authorize(**changed: str) -> dict[str, str]:
    return {
        "client_id": "service-studiolo",
        "redirect_uri": "/services/studiolo/oauth_callback",
        "response_type": "code",
        "state": "s",
    } | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example/oauth_callback"},
        {"redirect_uri": "//evil.example/services/studiolo/oauth_callback"},
        {"redirect_uri": "/services/studiolo/oauth_callback/../../../user/mallory/"},
        {"redirect_uri": "/services/studiolo/oauth_callback@evil.example"},
        {"redirect_uri": f"/user/{ATTACKER}/oauth_callback"},
        {"client_id": f"jupyterhub-user-{ATTACKER}", "redirect_uri": "https://evil.example"},
        {"client_id": "nobody"},
        {"response_type": "token"},
    ],
)
def test_a_code_goes_only_to_the_one_it_is_for(
    changed: dict[str, str], attacked: ThrowawayHub, alice: httpx.Client
) -> None:
    answer = alice.get("/hub/api/oauth2/authorize", params=authorize(**changed), follow_redirects=False)
    assert "code=" not in answer.headers.get("Location", "")
    assert not leads_elsewhere(attacked, answer)
    assert answer.status_code >= 400 or "error=" in answer.headers["Location"]


def test_a_code_of_one_person_signs_nobody_else_in_and_nobody_twice(
    attacked: ThrowawayHub, alice: httpx.Client, mallory: httpx.Client
) -> None:
    begun = mallory.get("/hub/api/oauth2/authorize", params=authorize(), follow_redirects=False)
    callback = begun.headers["Location"]
    assert parse_qs(urlsplit(callback).query)["code"]
    for browser in (alice, mallory):  # neither has begun to sign in with that state
        answer = browser.get(callback, follow_redirects=False)
        assert answer.status_code >= 400
        assert not any("studiolo" in name for name in browser.cookies)
    page = f"/services/studiolo/api/workspaces/{ATTACKER}/default/log"
    steps: list[str] = []
    mallory.event_hooks = {"request": [lambda request: steps.append(str(request.url))]}
    mallory.get(page, headers={"Sec-Fetch-Mode": "navigate"})
    (used,) = (step for step in steps if urlsplit(step).path.endswith("/oauth_callback"))
    mallory.event_hooks = {}
    assert "Set-Cookie" not in mallory.get(used, follow_redirects=False).headers
    assert alice.get(used, follow_redirects=False).status_code >= 400
