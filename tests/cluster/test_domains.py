"""What a domain for each person keeps apart: pages of one person's workspace attack the hub and other people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from playwright.async_api import Page, expect

from deploy.cluster.layout import SITE
from tests.cluster.accounts import SITE_URL, delete_workspace, signed_in, start_workspace
from tests.cluster.conftest import run_apart
from tests.cluster.installed import Installed
from tests.cluster.people import PATIENCE_MS, chromium, person

TITLE = "Attacker"

ASK = "url => fetch(url, {credentials: 'include'}).then(answer => answer.status, error => String(error))"
"""What a script in the page gets: a status, or the browser's refusal."""


@pytest.fixture(scope="module")
def workspace(deployed: Installed) -> Iterator[str]:
    """The address of a workspace of alice's that runs; one for all that is tried from it."""

    async def start() -> str:
        async with signed_in("alice") as client:
            return await start_workspace(client, "alice", TITLE)

    async def delete() -> None:
        async with signed_in("alice") as client:
            await delete_workspace(client, "alice", TITLE)

    yield run_apart(start())
    run_apart(delete())


@asynccontextmanager
async def attacking_page(address: str) -> AsyncIterator[Page]:
    """Alice's browser on a page that her own server shows: whatever it runs comes from the attacker."""
    async with chromium() as browser, person(browser, "alice") as page:
        await page.goto(f"{address}lab")
        await expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=PATIENCE_MS)
        yield page


async def test_a_page_of_a_workspace_reads_nothing_of_the_hub_and_sets_no_cookie_for_it(workspace: str) -> None:
    assert workspace == f"https://alice.{SITE}/user/alice/attacker/"
    async with attacking_page(workspace) as page:
        for path in ("/hub/home", "/hub/api/user", "/services/studiolo/api/workspaces/alice/attacker/log"):
            assert "Failed to fetch" in str(await page.evaluate(ASK, SITE_URL + path))
        assert await page.evaluate(ASK, "/hub/api/user") == HTTPStatus.FORBIDDEN
        assert "hub-login" not in await page.evaluate("document.cookie")

        await page.evaluate(
            "site => { for (const name of ['__Host-jupyterhub-hub-login', '__Host-studiolo-sign-in', '_xsrf'])"
            " document.cookie = `${name}=tossed; domain=${site}; path=/; secure`; }",
            SITE,
        )
        tossed = {cookie["name"] for cookie in await page.context.cookies(SITE_URL) if cookie["value"] == "tossed"}
        assert tossed == {"_xsrf"}
        await page.goto(f"{SITE_URL}/hub/home")
        await expect(page.get_by_text("alice", exact=True)).to_be_visible(timeout=PATIENCE_MS)


async def test_the_hub_lets_itself_be_framed_by_nobody(workspace: str) -> None:
    frame = "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))"
    async with (
        attacking_page(workspace) as page,
        page.expect_console_message(lambda message: "frame-ancestors" in message.text),
    ):
        await page.evaluate(frame, f"{SITE_URL}/hub/home")


async def test_another_person_is_not_let_into_it(workspace: str) -> None:
    async with signed_in("bob") as bob:
        page = await bob.get(f"{workspace}lab")
        assert page.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        assert (await bob.get(f"{workspace}api/contents")).status_code == HTTPStatus.FORBIDDEN
