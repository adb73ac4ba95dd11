"""Proxy and hub are ended as `kill -9` does, and come back."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from deploy.local.plans import HUB, PROXY
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.integration


def test_a_proxy_that_was_killed_has_all_its_routes_again_within_ten_seconds(running_hub: ThrowawayHub) -> None:
    running_hub.kill(PROXY)
    running_hub.start(PROXY)
    addresses = [f"{running_hub.base_url}/hub/health", f"{running_hub.base_url}/services/studiolo/api/health"]

    def all_answer() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return all(httpx.get(address, trust_env=False).status_code == 200 for address in addresses)
        return False

    # The bound is 10 s; a machine that is busy with other tests gets three times that.
    running_hub.until(all_answer, what="hub and services are reached through the proxy again", seconds=30)


def test_people_stay_signed_in_while_the_hub_is_killed_and_comes_back(running_hub: ThrowawayHub) -> None:
    token = running_hub.token(ADMIN, running_hub.admin_password)
    with contextlib.closing(running_hub.browser(ADMIN, running_hub.admin_password)) as browser:
        running_hub.kill(HUB)
        running_hub.start(HUB)
        assert browser.get("/hub/home", follow_redirects=False).status_code == 200
    with running_hub.api(token) as api:
        assert api.get("user").status_code == 200


def test_the_page_of_a_named_workspace_is_there_after_the_hub_was_killed(running_hub: ThrowawayHub) -> None:
    token = running_hub.token(ADMIN, running_hub.admin_password)
    with running_hub.api(token) as api:
        assert api.put(f"users/{ADMIN}/servers/waits", json={"display_name": "Waits"}).status_code == 201
    running_hub.kill(HUB)
    running_hub.start(HUB)
    with contextlib.closing(running_hub.browser(ADMIN, running_hub.admin_password)) as browser:
        page = browser.get(f"/hub/spawn-pending/{ADMIN}/waits")
    assert page.status_code == 200
    assert "Waits" in page.text
    with running_hub.api(token) as api:
        api.request("DELETE", f"users/{ADMIN}/servers/waits", json={"remove": True})


def test_while_the_hub_is_away_the_proxy_shows_people_a_page_that_asks_again_and_programs_a_bare_answer(
    running_hub: ThrowawayHub,
) -> None:
    visit = {"Accept": "text/html,application/xhtml+xml"}
    with httpx.Client(base_url=running_hub.base_url, trust_env=False) as client:
        running_hub.kill(HUB)
        page = client.get("/hub/home", headers=visit)
        others = [
            client.post("/hub/spawn", headers=visit),
            client.get("/hub/api/user", headers={"Accept": "application/json"}),
            client.get("/hub/api/user"),
        ]
        running_hub.start(HUB)
        # A live hub has pages of its own, with what it knows of the workspace.
        route = f"{running_hub.settings.proxy.api_url}/api/routes/goes-nowhere"
        token = {"Authorization": f"token {running_hub.keys.proxy_token}"}
        httpx.post(route, headers=token, json={"target": "http://127.0.0.1:1"}, trust_env=False).raise_for_status()
        hub_s_own = client.get("/goes-nowhere", headers=visit)
        httpx.delete(route, headers=token, trust_env=False).raise_for_status()
    assert page.status_code == 503
    assert "Studiolo is being restarted; this page asks again by itself." in page.text
    assert '<meta http-equiv="refresh" content="3">' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert [(each.status_code, each.text) for each in others] == [(503, "Service Unavailable")] * len(others)
    assert hub_s_own.status_code == 503
    assert "studiolo.css" in hub_s_own.text
    assert "being restarted" not in hub_s_own.text
