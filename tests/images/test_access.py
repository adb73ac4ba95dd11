"""Who may use a workspace's server: exactly those whom the stock server lets in, in exactly the same way."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest


@pytest.fixture
def server(ours_and_stock: Any) -> Any:
    return ours_and_stock[0]


@pytest.fixture
def hub(ours_and_stock: Any) -> Any:
    return ours_and_stock[1]


def test_a_browser_is_sent_to_the_hub(server: Any) -> None:
    answer = server.get("lab")
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert where.path == "/hub/api/oauth2/authorize"
    assert set(parse_qs(where.query)) >= {"client_id", "redirect_uri", "response_type", "state"}
    assert parse_qs(where.query)["client_id"] == ["jupyterhub-user-alice"]
    assert any(name.startswith("jupyterhub-user-alice-oauth-state") for name in answer.cookies)


def test_the_way_back_from_the_hub_signs_a_browser_in(server: Any, hub: Any) -> None:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as browser:
        sent = browser.get("/user/alice/lab")
        state = parse_qs(urlsplit(sent.headers["Location"]).query)["state"][0]
        back = browser.get("/user/alice/oauth_callback", params={"code": "from-the-hub", "state": state})
        assert (back.status_code, back.headers["Location"]) == (302, "/user/alice/lab")
        assert browser.get("/user/alice/lab").status_code == 200
    (form,) = [parse_qs(body.decode()) for method, path, _, body in hub.asked if path.endswith("oauth2/token")]
    assert (form["code"], form["client_secret"]) == (["from-the-hub"], ["token-of-the-server"])


def test_a_way_back_that_nobody_was_sent_on_is_refused(server: Any) -> None:
    assert server.get("oauth_callback", params={"code": "x", "state": "forged"}).status_code in {400, 403}


def test_a_token_in_a_header_opens_the_interface(server: Any) -> None:
    answer = server.get("api/me", token="token-of-alice")
    assert answer.status_code == 200
    assert answer.json()["identity"]["username"] == "alice"


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "api/me", "api/terminals", "lab/api/settings"])
@pytest.mark.parametrize("token", ["", "token-of-bob", "nonsense"])
def test_nobody_else_gets_at_anything(server: Any, path: str, token: str) -> None:
    assert server.get(path, token=token).status_code in {302, 403}


def test_somebody_else_is_refused_and_not_sent_around(server: Any) -> None:
    assert server.get("lab", token="token-of-bob").status_code == 403


def test_the_server_s_own_token_is_nobody_s(server: Any) -> None:
    # The hub knows it as the server's; as a person's it is refused (the fake hub knows no such person).
    assert server.get("api/contents", token="token-of-the-server").status_code == 403


def test_only_whether_it_is_up_can_be_asked_by_everybody(server: Any) -> None:
    assert server.get("api").status_code == 200
    assert server.get("api/status").status_code == 403


def test_a_page_of_another_site_may_not_post(server: Any) -> None:
    answer = server.post("api/kernels", json={})
    assert answer.status_code == 403
