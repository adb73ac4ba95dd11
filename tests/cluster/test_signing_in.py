"""Signing in at the installation of `make deploy`, through the cluster's own identity provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import expect

from deploy.cluster.identity.record import TEAMS, set_teams
from deploy.cluster.layout import IDENTITY_HOST, SITE, layout_here
from tests.cluster.accounts import SITE_URL, new_api_token, new_client, sign_in, signed_in
from tests.cluster.people import PATIENCE_MS, chromium, person, stranger
from tests.cluster.people import sign_in as sign_in_before_a_browser

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.fixture
def teams_as_they_were() -> Iterator[None]:
    yield
    for name, teams in TEAMS.items():
        set_teams(layout_here().identity_record, name, teams)


@pytest.mark.parametrize(
    ("name", "teams", "is_admin"),
    [("alice", {"vision"}, False), ("bob", {"research"}, False), ("carol", {"admins"}, True)],
)
async def test_teams_and_rights_come_from_the_identity_provider(name: str, teams: set[str], is_admin: bool) -> None:
    async with signed_in(name) as client:
        token = await new_api_token(client, name)
        answer = await client.get("/hub/api/user", headers={"Authorization": f"token {token}"})
        model = answer.raise_for_status().json()
    assert (model["name"], set(model["groups"]), model["admin"]) == (name, teams, is_admin)


async def test_somebody_in_no_team_is_told_whom_to_ask() -> None:
    async with new_client() as client:
        page = await sign_in(client, "dave")
        assert page.status_code == 403
        assert "You are not in a team that may use Studiolo: ask" in page.text


async def test_a_team_that_is_left_is_gone_at_the_next_sign_in(teams_as_they_were: None) -> None:
    set_teams(layout_here().identity_record, "bob", ["vision"])
    async with signed_in("bob") as client:
        token = await new_api_token(client, "bob")
        answer = await client.get("/hub/api/user", headers={"Authorization": f"token {token}"})
    assert answer.json()["groups"] == ["vision"]


async def test_a_right_that_is_lost_at_the_provider_ends_for_browser_and_token(teams_as_they_were: None) -> None:
    async with signed_in("bob") as browser, new_client() as program:
        program.headers["Authorization"] = f"token {await new_api_token(browser, 'bob')}"
        assert (await program.get("/hub/api/user")).is_success
        set_teams(layout_here().identity_record, "bob", [])
        await until_status(program, "/hub/api/user", HTTPStatus.FORBIDDEN)
        await until_status(browser, "/hub/home", HTTPStatus.FOUND)
        set_teams(layout_here().identity_record, "bob", ["research"])
        await until_status(program, "/hub/api/user", HTTPStatus.OK)


async def until_status(client: httpx.AsyncClient, path: str, status: HTTPStatus) -> None:
    """Wait for the hub to have asked the provider again: ten seconds after it did last."""
    deadline = time.monotonic() + 120
    while (found := (await client.get(path, follow_redirects=False)).status_code) != status:
        assert time.monotonic() < deadline, f"{path} still answers {found}"
        await asyncio.sleep(0.5)


async def test_cookies_of_the_hub_can_be_set_by_nobodys_workspace() -> None:
    async with signed_in("alice") as client:
        own = {cookie.name for cookie in client.cookies.jar if cookie.domain.lstrip(".") == SITE}
    assert "__Host-jupyterhub-hub-login" in own


async def test_signing_out_ends_the_session_at_the_provider_too() -> None:
    async with chromium() as browser, person(browser, "alice") as page:
        await page.get_by_role("link", name="Sign out").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible(timeout=PATIENCE_MS)
        await page.goto(f"{SITE_URL}/hub/oauth_login")
        await expect(page.get_by_label("Password")).to_be_visible(timeout=PATIENCE_MS)
        assert urlsplit(page.url).hostname == IDENTITY_HOST


async def test_a_person_who_may_not_come_in_sees_a_plain_page_and_a_way_to_be_somebody_else() -> None:
    async with chromium() as browser, stranger(browser) as page:
        await sign_in_before_a_browser(page, "dave")
        await expect(page.get_by_text("You are not in a team that may use Studiolo")).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.get_by_role("link", name="Sign in as somebody else")).to_be_visible()
