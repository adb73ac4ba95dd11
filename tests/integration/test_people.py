"""Accounts, passwords and rights, in a real hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(running_hub: ThrowawayHub) -> Iterator[httpx.Client]:
    with running_hub.api(running_hub.token(ADMIN, running_hub.admin_password)) as api:
        yield api


def sign_in(hub: ThrowawayHub, name: str, password: str) -> httpx.Response:
    """What the sign-in form answers."""
    with httpx.Client(base_url=hub.base_url, trust_env=False, timeout=30) as browser:
        browser.get("/hub/login")
        xsrf = browser.cookies.get("_xsrf")
        return browser.post("/hub/login", data={"username": name, "password": password, "_xsrf": str(xsrf)})


def test_a_person_signs_in_and_lands_on_the_list_of_workspaces(running_hub: ThrowawayHub) -> None:
    answer = sign_in(running_hub, ADMIN, running_hub.admin_password)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/home"


def test_an_account_and_its_password_are_made_by_the_administrator(
    running_hub: ThrowawayHub, admin: httpx.Client
) -> None:
    assert admin.post("users/anna").status_code == 201
    assert sign_in(running_hub, "anna", "anything at all").status_code == 403
    password = admin.put("users/anna/password").json()["password"]
    assert sign_in(running_hub, "anna", password).status_code == 302


def test_a_password_of_ones_own_choice_is_taken(running_hub: ThrowawayHub, admin: httpx.Client) -> None:
    admin.post("users/berta")
    answer = admin.put("users/berta/password", json={"password": "correct horse battery"})
    assert answer.json() == {"password": "correct horse battery"}
    assert sign_in(running_hub, "berta", "correct horse battery").status_code == 302


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"password": "short"}, id="too short"),
        pytest.param({"password": "x" * 2000}, id="too long"),
        pytest.param({"password": 12345678}, id="a number"),
        pytest.param({"pasword": "correct horse"}, id="a wrong key"),
        pytest.param(["correct horse"], id="a list"),
    ],
)
def test_a_password_that_is_no_good_is_refused_with_a_sentence(admin: httpx.Client, body: object) -> None:
    answer = admin.put(f"users/{ADMIN}/password", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(".")


def test_a_password_for_nobody_is_refused_with_the_way_out(admin: httpx.Client) -> None:
    answer = admin.put("users/nobody/password")
    assert answer.status_code == 404
    assert "studiolo user add nobody" in answer.json()["message"]


def test_only_an_administrator_sets_passwords(running_hub: ThrowawayHub) -> None:
    token = running_hub.token("clara", running_hub.add_user("clara"))
    with running_hub.api(token) as api:
        assert api.put(f"users/{ADMIN}/password").status_code in {403, 404}
    with running_hub.api() as api:
        assert api.put(f"users/{ADMIN}/password").status_code == 403


def test_a_new_password_signs_the_person_out_everywhere(running_hub: ThrowawayHub) -> None:
    with contextlib.closing(running_hub.browser("dora", running_hub.add_user("dora"))) as browser:
        assert browser.get("/hub/home", follow_redirects=False).status_code == 200
        running_hub.add_user("dora")
        answer = browser.get("/hub/home", follow_redirects=False)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/hub/login")


def test_a_signed_in_person_opens_a_log_in_the_browser_without_signing_in_again(running_hub: ThrowawayHub) -> None:
    password = running_hub.add_user("hanna")
    log = running_hub.data.workspace("hanna", "").log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("what it printed\n")
    with contextlib.closing(running_hub.browser("hanna", password)) as browser:
        browser.headers["Sec-Fetch-Mode"] = "navigate"
        answer = browser.get("/services/studiolo/api/workspaces/hanna/default/log")
        assert (answer.status_code, answer.text) == (200, "what it printed\n")
        running_hub.add_user("hanna")
        answer = browser.get("/hub/home", follow_redirects=False)
        assert answer.headers["Location"].startswith("/hub/login")


def test_a_link_to_a_log_leads_a_stranger_to_sign_in(running_hub: ThrowawayHub) -> None:
    with httpx.Client(base_url=running_hub.base_url, trust_env=False, follow_redirects=True) as browser:
        answer = browser.get(
            "/services/studiolo/api/workspaces/hanna/default/log", headers={"Sec-Fetch-Mode": "navigate"}
        )
        assert answer.url.path == "/hub/login"


def test_nobody_signs_up(running_hub: ThrowawayHub, admin: httpx.Client) -> None:
    assert sign_in(running_hub, "stranger", "correct horse").status_code == 403
    assert admin.get("users/stranger").status_code == 404


def test_a_removed_account_opens_nothing_and_leaves_no_password_to_a_namesake(
    running_hub: ThrowawayHub, admin: httpx.Client
) -> None:
    password = running_hub.add_user("emma")
    assert admin.delete("users/emma").status_code == 204
    assert sign_in(running_hub, "emma", password).status_code == 403
    admin.post("users/emma")
    assert sign_in(running_hub, "emma", password).status_code == 403


@pytest.mark.parametrize("name", ["%2e%2e", "a%0ab", "x" * 65, "a%00", "%F0%9F%92%A9", "a%2Fb", "%20a"])
def test_names_nobody_should_have_are_refused(admin: httpx.Client, name: str) -> None:
    assert admin.post(f"users/{name}").status_code in {400, 404, 405}


def test_guessing_one_name_is_slowed_down_and_said(running_hub: ThrowawayHub) -> None:
    password = running_hub.add_user("frida")
    for _ in range(5):
        assert sign_in(running_hub, "frida", "wrong password").status_code == 403
    answer = sign_in(running_hub, "frida", password)
    assert answer.status_code == 429
    assert "Try again in" in answer.text
    assert sign_in(running_hub, ADMIN, running_hub.admin_password).status_code == 302


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"username": "x" * 1_000_000, "password": "p"}, id="a name of a megabyte"),
        pytest.param({"username": ADMIN, "password": "p" * 1_000_000}, id="a password of a megabyte"),
        pytest.param({"username": "", "password": ""}, id="nothing"),
        pytest.param({"password": "p"}, id="no name"),
    ],
)
def test_nonsense_at_the_sign_in_form_is_refused_and_harms_nobody(
    running_hub: ThrowawayHub, fields: dict[str, str]
) -> None:
    with httpx.Client(base_url=running_hub.base_url, trust_env=False, timeout=30) as browser:
        browser.get("/hub/login")
        answer = browser.post("/hub/login", data={**fields, "_xsrf": str(browser.cookies.get("_xsrf"))})
    assert answer.status_code in {400, 403}
    assert "x" * 100 not in answer.text


def test_the_pages_of_the_hub_load_and_send_nothing_elsewhere(running_hub: ThrowawayHub) -> None:
    headers = httpx.get(f"{running_hub.base_url}/hub/login", trust_env=False).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_sign_in_cookies_go_to_no_other_site_and_to_no_script(running_hub: ThrowawayHub) -> None:
    cookies = sign_in(running_hub, ADMIN, running_hub.admin_password).headers.get_list("set-cookie")
    (login,) = (cookie for cookie in cookies if cookie.startswith("jupyterhub-hub-login="))
    assert "samesite=lax" in login.lower()
    assert "httponly" in login.lower()


def test_the_services_process_may_do_nothing_in_the_hub_but_read_names(running_hub: ThrowawayHub) -> None:
    with running_hub.api(running_hub.keys.services_token) as api:
        assert set(api.get("user").json()["scopes"]) == {"read:users:name", "read:groups", "read:groups:name"}
        assert api.get("groups").status_code == 403
        assert api.post(f"users/{ADMIN}/server").status_code in {403, 404}


def test_every_person_may_use_the_services(running_hub: ThrowawayHub) -> None:
    token = running_hub.token("gerda", running_hub.add_user("gerda"))
    with running_hub.services_api(token) as api:
        assert api.get("workspaces/gerda/default/log").status_code == 404
        assert api.get(f"workspaces/{ADMIN}/default/log").json()["status"] == 404
    with running_hub.services_api() as api:
        assert api.get("workspaces/gerda/default/log").status_code == 403
