"""Signing in through OpenID Connect, in a real hub with a provider beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.plans import HUB
from deploy.local.ports import free_port
from deploy.local.throwaway import ThrowawayHub
from hub.pages.spawn import AT_ONCE_SECONDS
from hub.sign_in import client_secret_file
from tests.fakes.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdentityProvider

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def running_provider() -> Iterator[FakeIdentityProvider]:
    """The provider, in a thread: the hub is another process, and the tests wait for it."""
    fake = FakeIdentityProvider(port=free_port())
    is_up, may_end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with fake.running():
            is_up.set()
            await may_end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert is_up.wait(60)
    yield fake
    loop.call_soon_threadsafe(may_end.set)
    thread.join()
    loop.close()


@pytest.fixture
def provider(running_provider: FakeIdentityProvider) -> Iterator[FakeIdentityProvider]:
    """As it should be at the beginning of each test."""
    yield running_provider
    running_provider.changes.clear()
    running_provider.is_away = False
    running_provider.seconds_late = 0
    running_provider.signing_key = FakeIdentityProvider.signing_key


@pytest.fixture(scope="module")
def hub(running_provider: FakeIdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A hub that asks about everybody every second."""
    overrides = {
        "auth.kind": "oidc",
        "auth.oidc.issuer": running_provider.issuer,
        "auth.oidc.clientId": CLIENT_ID,
        "auth.oidc.name": "Example Lab",
        "auth.oidc.allowedTeams": ["vision", "research"],
        "auth.oidc.adminTeam": "admins",
        "auth.oidc.refreshEvery": "1s",
        "auth.oidc.contact": "the lab's office",
        "auth.oidc.uidClaim": "uid_number",
    }
    hub = ThrowawayHub(tmp_path_factory.mktemp("oidc"), overrides, services=False)
    client_secret_file(hub.settings).write_text(CLIENT_SECRET + "\n")
    with hub:
        yield hub


@pytest.fixture
def browser(hub: ThrowawayHub) -> Iterator[httpx.Client]:
    """A browser in which nobody is signed in."""
    with httpx.Client(base_url=hub.base_url, trust_env=False, timeout=30) as client:
        yield client


def begin(browser: httpx.Client, path: str = "/hub/oauth_login") -> str:
    """Where the hub sends somebody who signs in."""
    answer = browser.get(path)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def come_back(browser: httpx.Client, provider: FakeIdentityProvider, subject: str) -> httpx.Response:
    """What the hub says to somebody whom the provider has just recognised."""
    return browser.get(provider.code_for_test(begin(browser), subject))


def sign_in(browser: httpx.Client, provider: FakeIdentityProvider, name: str, *teams: str) -> None:
    answer = come_back(browser, provider, provider.add_for_test(name, *teams))
    assert answer.status_code == 302, answer.text


def about(browser: httpx.Client) -> httpx.Response:
    """What the hub's API says to this browser of itself."""
    xsrf = browser.get("/hub/home").text.partition('data-xsrf="')[2].partition('"')[0]
    return browser.get("/hub/api/user", headers={"X-XSRFToken": xsrf})


def new_token(browser: httpx.Client, name: str) -> str:
    xsrf = str(browser.cookies.get("_xsrf", path="/hub/"))
    answer = browser.post(f"/hub/api/users/{name}/tokens", json={"note": "test"}, headers={"X-XSRFToken": xsrf})
    return str(answer.raise_for_status().json()["token"])


def test_on_one_machine_a_claim_for_user_numbers_is_said_to_have_no_effect(hub: ThrowawayHub) -> None:
    assert "auth.oidc.uidClaim has no effect on one machine" in hub.log(HUB)


def test_the_sign_in_page_has_one_button_that_names_the_provider(browser: httpx.Client) -> None:
    page = browser.get("/hub/login").text
    assert "Sign in with Example Lab" in page
    assert "password" not in page.lower()


def test_a_member_of_a_team_lands_on_the_list_of_workspaces_with_their_teams(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    answer = come_back(browser, provider, provider.add_for_test("alice", "vision", "chess club"))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/hub/home")
    with hub.api(new_token(browser, "alice")) as api:
        person = api.get("user").json()
    assert (person["name"], set(person["groups"]), person["admin"]) == ("alice", {"chess club", "vision"}, False)


def test_pkce_nonce_and_state_are_sent_and_differ_each_time(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    first, second = (parse_qs(urlsplit(begin(browser)).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"]
    for name in ("code_challenge", "nonce", "state"):
        assert first[name] != second[name]


def test_the_cookie_of_a_sign_in_goes_to_no_script_and_no_other_site(browser: httpx.Client) -> None:
    cookie = browser.get("/hub/oauth_login").headers["Set-Cookie"].lower()
    assert cookie.startswith("studiolo-sign-in=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_somebody_in_no_team_is_told_whom_to_ask(browser: httpx.Client, provider: FakeIdentityProvider) -> None:
    answer = come_back(browser, provider, provider.add_for_test("dave"))
    assert answer.status_code == 403
    assert "You are not in a team that may use Studiolo: ask the lab&#39;s office to add you to one." in answer.text
    assert "Sign in as somebody else" in answer.text
    assert browser.get("/hub/home").headers["Location"].startswith("/hub/login")


def test_the_admin_team_makes_administrators_and_leaving_it_ends_that(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "carol", "admins", "vision")
    with hub.api(new_token(browser, "carol")) as api:
        assert api.get("user").json()["admin"] is True
        provider.people["subject-of-carol"]["groups"] = ["vision"]
        hub.until(lambda: api.get("user").json()["admin"] is False, what="carol is no administrator any more")
        assert api.get("users/carol").json()["groups"] == ["vision"]


@pytest.mark.parametrize("name", ["<script>", "a/b", "x" * 65, "..", "a\nb"])
def test_a_name_nobody_should_have_is_refused_with_a_sentence(
    browser: httpx.Client, provider: FakeIdentityProvider, name: str
) -> None:
    answer = come_back(browser, provider, provider.add_for_test(name, "vision", subject="odd"))
    assert answer.status_code == 403
    assert "cannot be a name here" in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]


def test_another_account_with_a_known_name_does_not_become_that_person(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "berta", "vision")
    browser.cookies.clear()
    answer = come_back(browser, provider, provider.add_for_test("Berta", "vision", subject="somebody else"))
    assert answer.status_code == 403
    assert "belongs to another account" in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "another"}, id="for another"),
        pytest.param({"aud": [CLIENT_ID, "another"]}, id="for two, and not made for us"),
        pytest.param({"iss": "https://evil.test"}, id="from another"),
        pytest.param({"exp": 1_000_000_000}, id="too old"),
        pytest.param({"nonce": "of another sign-in"}, id="of another sign-in"),
        pytest.param({"sub": "somebody else"}, id="userinfo about another"),
    ],
)
def test_a_token_that_does_not_prove_who_somebody_is_is_refused(
    browser: httpx.Client, provider: FakeIdentityProvider, changes: dict[str, object]
) -> None:
    provider.changes.update(changes)
    answer = come_back(browser, provider, provider.add_for_test("alice", "vision"))
    assert answer.status_code == 403
    assert "does not prove who you are" in answer.text


def test_a_token_signed_by_somebody_else_is_refused(browser: httpx.Client, provider: FakeIdentityProvider) -> None:
    provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = come_back(browser, provider, provider.add_for_test("alice", "vision"))
    assert (answer.status_code, "does not prove" in answer.text) == (403, True)


def test_a_code_is_good_for_one_browser_and_one_time(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    path = provider.code_for_test(begin(browser), provider.add_for_test("alice", "vision"))
    with httpx.Client(base_url=hub.base_url, trust_env=False) as other:
        begin(other)
        answer = other.get(path)
        assert (answer.status_code, "begun in another window" in answer.text) == (400, True)
    assert browser.get(path).status_code == 302
    assert browser.get(path).status_code == 400


def test_a_code_of_another_sign_in_of_this_browser_fails_for_want_of_its_verifier(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    subject = provider.add_for_test("alice", "vision")
    code = parse_qs(urlsplit(provider.code_for_test(begin(browser), subject)).query)["code"][0]
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    answer = browser.get("/hub/oauth_callback", params={"code": code, "state": state})
    assert (answer.status_code, "did not confirm this sign-in" in answer.text) == (403, True)


def test_a_code_that_another_provider_sent_is_not_taken_to_ours(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    path = provider.code_for_test(begin(browser), provider.add_for_test("alice", "vision"))
    answer = browser.get(f"{path}&iss=https://evil.test")
    assert (answer.status_code, "does not prove who you are" in answer.text) == (403, True)


def test_what_an_address_says_about_an_error_is_not_shown(browser: httpx.Client) -> None:
    stray = browser.get("/hub/oauth_callback", params={"error": "x", "error_description": "call 555-1234"})
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    own = browser.get(
        "/hub/oauth_callback", params={"error": "x", "error_description": "call 555-1234", "state": state}
    )
    assert (stray.status_code, own.status_code) == (400, 403)
    assert "555" not in stray.text + own.text


@pytest.mark.parametrize("address", ["https://evil.test/x", "//evil.test", "/\\evil.test", "https:evil.test"])
def test_signing_in_leads_to_no_other_site(browser: httpx.Client, provider: FakeIdentityProvider, address: str) -> None:
    subject = provider.add_for_test("alice", "vision")
    authorize = begin(browser, str(httpx.URL("/hub/oauth_login", params={"next": address})))
    location = browser.get(provider.code_for_test(authorize, subject)).headers["Location"]
    assert urlsplit(location).netloc == ""
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_a_lost_right_ends_for_browsers_and_tokens(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "emil", "research")
    with hub.api(new_token(browser, "emil")) as api:
        assert api.get("user").status_code == 200
        provider.people["subject-of-emil"]["groups"] = []
        hub.until(lambda: api.get("user").status_code == 403, what="the token is refused")
    hub.until(lambda: browser.get("/hub/home").status_code == 302, what="the browser is signed out")
    provider.people["subject-of-emil"]["groups"] = ["vision"]
    assert come_back(browser, provider, "subject-of-emil").status_code == 302


def test_an_ended_session_asks_browsers_to_sign_in_again_and_leaves_tokens_their_time(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "frida", "vision")
    token = new_token(browser, "frida")
    provider.end_sessions_for_test()
    hub.until(lambda: browser.get("/hub/home").status_code == 302, what="the browser is asked to sign in")
    with hub.api(token) as api:
        assert api.get("user").json()["groups"] == ["vision"]


def test_a_session_goes_on_with_a_refresh_token_when_the_access_token_has_ended(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "gerda", "vision")
    for token in [token for token in provider.sessions if token.startswith("access-")]:
        del provider.sessions[token]
    before = provider.asked.count("/token")
    hub.until(
        lambda: browser.get("/hub/home").status_code == 200 and provider.asked.count("/token") > before,
        what="the session is renewed",
    )
    assert browser.get("/hub/home").status_code == 200


def test_a_provider_that_is_away_signs_nobody_out_and_nobody_in(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "hanna", "vision")
    asked = len(provider.asked)
    provider.is_away = True
    hub.until(
        lambda: browser.get("/hub/home").status_code == 200 and len(provider.asked) > asked,
        what="the provider was asked in vain",
    )
    assert browser.get("/hub/home").status_code == 200
    with httpx.Client(base_url=hub.base_url, trust_env=False) as other:
        answer = come_back(other, provider, "subject-of-hanna")
        assert (answer.status_code, "does not answer" in answer.text) == (503, True)


def test_a_start_that_a_slow_provider_is_asked_about_first_shows_its_own_page(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    """And never one that says that the workspace stands still."""
    sign_in(browser, provider, "ingrid", "vision")
    xsrf = str(browser.cookies.get("_xsrf", path="/hub/"))
    typed = {"name": "", "environment": "minimal", "hardware": "small", "_xsrf": xsrf}
    provider.seconds_late = 3 * AT_ONCE_SECONDS
    answer = browser.post("/hub/spawn", data=typed)
    provider.seconds_late = 0
    assert answer.status_code == 303, answer.text
    assert 'id="waiting"' in browser.get(answer.headers["Location"]).text
    browser.delete("/hub/api/users/ingrid/server", headers={"X-XSRFToken": xsrf})


def test_signing_out_ends_the_session_here_and_leads_to_the_providers_end(
    browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "ida", "vision")
    answer = browser.get("/hub/logout")
    end = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(end.query).items()}
    assert f"{end.scheme}://{end.netloc}{end.path}" == f"{provider.issuer}/end"
    assert query["post_logout_redirect_uri"].endswith("/hub/signed-out")
    assert jwt.decode(query["id_token_hint"], options={"verify_signature": False})["sub"] == "subject-of-ida"
    assert browser.get("/hub/home").status_code == 302
    assert "You are signed out" in browser.get("/hub/signed-out").text


def test_tokens_and_the_secret_are_in_no_log_and_not_in_the_database(
    hub: ThrowawayHub, browser: httpx.Client, provider: FakeIdentityProvider
) -> None:
    sign_in(browser, provider, "klara", "vision")
    texts = [path.read_bytes() for path in Path(hub.data.logs).rglob("*") if path.is_file()]
    texts += [path.read_bytes() for path in Path(hub.data.root).glob("*.sqlite*")]
    everything = b"".join(texts)
    assert len(everything) > 10_000
    for secret in (CLIENT_SECRET, *provider.sessions):
        assert secret.encode() not in everything
