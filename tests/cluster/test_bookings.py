"""A team lead books room in a real Chromium, and it is held on a real cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from hub.passwords import ADMIN
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import HeldRoom, held_room, with_services
from tests.cluster.kube import Kube
from tests.cluster.people import PATIENCE_MS
from tests.cluster.pods import RESTRICTED
from tests.cluster.real_hub import RealHub

pytestmark = pytest.mark.usefixtures("on_this_machine")

NARROW = {"width": 360, "height": 800}


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        yield found


def make_team(hub: RealHub, name: str) -> None:
    """The administrator leads it."""
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        api.post(f"groups/{name}").raise_for_status()
        api.post(f"groups/{name}/users", json={"users": [ADMIN]}).raise_for_status()
        api.put(f"groups/{name}/properties", json={"leads": [ADMIN]}).raise_for_status()


async def test_what_is_booked_on_the_page_is_held_when_it_begins_and_no_longer_when_it_is_cancelled(
    tmp_path: Path, kubeconfig: Path, images: Mapping[str, str], held: HeldRoom
) -> None:
    await held.set_seats(2)
    hub = with_services(tmp_path, held, kubeconfig=kubeconfig, images=images)
    held.hold(hub.settings.catalog_directory, slots=0, warm={"slots": 0, "at_most": 2})
    expect.set_options(timeout=PATIENCE_MS)
    try:
        await asyncio.to_thread(hub.__enter__)
        await asyncio.to_thread(make_team, hub, "vision")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
            context = await browser.new_context(base_url=hub.base_url, viewport=NARROW)
            context.set_default_timeout(PATIENCE_MS)
            page = await context.new_page()
            await page.goto("/hub/login")
            await page.locator("#username_input").fill(ADMIN)
            await page.locator("#password_input").fill(hub.admin_password)
            await page.locator("#login_submit").click()
            await page.get_by_role("link", name="Book room").click()

            async def book(slots: int) -> None:
                begins = datetime.now(UTC) - timedelta(minutes=1)
                await page.get_by_label("What for").fill("Course")
                await page.get_by_label("How many").fill(str(slots))
                await page.get_by_label("From").fill(f"{begins:%Y-%m-%dT%H:%M}")
                await page.get_by_label("To", exact=True).fill(f"{begins + timedelta(hours=2):%Y-%m-%dT%H:%M}")
                await page.get_by_role("button", name="Book it").click()

            await book(3)
            await expect(page.get_by_role("alert")).to_contain_text("At most 2 of Seat are held at once")
            await book(2)
            await expect(page.locator("#bookings")).to_contain_text("running: 0 of 2 have started")
            assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
            await held.until_slots(running=2)
            await page.locator("#bookings summary").click()
            await page.get_by_role("button", name="Cancel this booking").click()
            await expect(page.locator("#none")).to_be_visible()
            await browser.close()
        await held.until_none()
    finally:
        await asyncio.to_thread(hub.close)
