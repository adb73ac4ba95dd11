"""People before a real Chromium, at the installation of `make deploy`.

async with chromium() as browser, person(browser, "alice") as page:
    await page.get_by_role("link", name="New").click()
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Dialog, Page, StorageState, async_playwright, expect

from deploy.cluster.layout import NODE_ADDRESS, SITE
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.cluster.accounts import SITE_URL, new_client, password_of, until_the_site_answers

NAMES = f"MAP {SITE} {NODE_ADDRESS}, MAP *.{SITE} {NODE_ADDRESS}"
"""This machine's resolver does not know the site."""

PATIENCE_MS = 120_000
"""For a page on a machine that is busy with a cluster."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser that finds the site and everybody's domain below it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--host-resolver-rules={NAMES}"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def person(browser: Browser, name: str) -> AsyncIterator[Page]:
    """Somebody who has signed in at the identity provider, before the list of workspaces. A dialog fails the test."""
    async with stranger(browser) as page:
        await sign_in(page, name)
        await expect(page.get_by_role("heading", name="Workspaces", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        yield page


@asynccontextmanager
async def stranger(browser: Browser, *, cookies: StorageState | None = None) -> AsyncIterator[Page]:
    """A browser of its own in which nobody is signed in, or whose cookies these are."""
    async with new_client() as client:
        await until_the_site_answers(client)
    # The cluster's authority signed what it shows, and Chromium has no place for one on its command line.
    context = await browser.new_context(base_url=SITE_URL, ignore_https_errors=True, storage_state=cookies)
    context.set_default_timeout(PATIENCE_MS)
    dialogs: list[str] = []

    async def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        await dialog.dismiss()

    context.on("dialog", refuse)
    try:
        yield await context.new_page()
    finally:
        await context.close()
    assert not dialogs, dialogs


async def sign_in(page: Page, name: str) -> None:
    """As people do: the hub's one button, then name and password at the provider. Where it leads is not looked at."""
    await page.goto("/")
    await page.get_by_role("link", name="Sign in with").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password_of(name))
    await page.get_by_role("button", name="Sign in").click()
