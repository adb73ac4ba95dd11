"""Forecasts on the form of a real hub in a real Chromium, while others take and give back what is scarce."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from deploy.local.plans import HUB
from hub.passwords import ADMIN
from studiolo.names import pod_name
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.cluster.conftest import Namespaces
from tests.cluster.held_room import SEAT, HeldRoom, held_room, with_services
from tests.cluster.in_between import InBetween, in_between
from tests.cluster.kube import Kube
from tests.cluster.kube_faults import Away, Hides
from tests.cluster.people import PATIENCE_MS
from tests.cluster.pods import RESTRICTED
from tests.cluster.real_hub import SMALL, RealHub

pytestmark = pytest.mark.usefixtures("on_this_machine")

LIVE_MS = 15_000
"""A card is to change within five seconds; three times that, for a machine that is busy with a cluster."""

WAIT = re.compile(r"about \d+ (s|min)")
OFFER = re.compile("^Start on Small|^Small starts: ")
OFFERED = "#offer-1:visible, #instead-words:visible"
"""On the page of a start that failed; or on the form, where one that fails at once leads back to."""

FULL = "not now: 1 of 1 GPU in use"


@pytest.fixture
async def held(kube: Kube, new_namespace: Namespaces) -> AsyncIterator[HeldRoom]:
    workspaces, capacity = [await new_namespace(labels=RESTRICTED) for _ in range(2)]
    async with held_room(kube, workspaces, capacity) as found:
        await found.set_seats(1)
        yield found


@pytest.fixture
async def between(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[InBetween]:
    async with in_between(kubeconfig, tmp_path) as found:
        yield found


@pytest.fixture
async def hub(tmp_path: Path, images: Mapping[str, str], held: HeldRoom, between: InBetween) -> AsyncIterator[RealHub]:
    """One seat is all that there is, and nobody holds any."""
    found = with_services(tmp_path / "hub", held, kubeconfig=between.kubeconfig, images=images)
    held.hold(found.settings.catalog_directory, slots=0)
    try:
        yield await asyncio.to_thread(found.__enter__)
    finally:
        await asyncio.to_thread(found.close)


@asynccontextmanager
async def form(hub: RealHub) -> AsyncIterator[Page]:
    """The administrator before the choices."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        context = await browser.new_context(base_url=hub.base_url)
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        await page.goto("/hub/login")
        await page.locator("#username_input").fill(ADMIN)
        await page.locator("#password_input").fill(hub.admin_password)
        await page.locator("#login_submit").click()
        await page.goto("/hub/spawn")
        yield page
        await browser.close()


async def told(hub: RealHub, hardware: str) -> dict[str, Any]:
    """What a program is told of it."""

    def ask() -> dict[str, Any]:
        with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
            answer = api.get("studiolo/capacity/forecast", params={"environment": "minimal", "hardware": hardware})
            (found,) = answer.raise_for_status().json()["forecasts"]
            return dict(found)

    return await asyncio.to_thread(ask)


async def until_told(hub: RealHub, hardware: str, words: str | re.Pattern[str]) -> dict[str, Any]:
    """Once a program is told so."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not re.search(words, (found := await told(hub, hardware))["words"]):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"never told: {words!r}, but {found}") from None
    return found


async def test_a_card_changes_when_somebody_takes_the_last_gpu_and_what_is_offered_instead_starts(
    hub: RealHub, held: HeldRoom
) -> None:
    bert = await asyncio.to_thread(lambda: hub.token("bert", hub.add_user("bert")))
    async with form(hub) as page:
        state = page.locator("#hardware-seat-state")
        await expect(state).to_contain_text(WAIT, timeout=PATIENCE_MS)
        await page.get_by_role("radio", name="Seat").check()
        await expect(page.locator("#instead")).to_be_hidden()
        await page.evaluate("window.stays = true")

        starting = asyncio.create_task(asyncio.to_thread(lambda: hub.start_workspace(bert, "bert", **SEAT)))
        pod = {"metadata": {"name": pod_name("bert", ""), "namespace": held.workspaces}}
        manifest = {"apiVersion": "v1", "kind": "Pod", **pod}
        await held.kube.until(manifest, lambda found: bool(found["spec"].get("nodeName")), seconds=60)
        await expect(state).to_contain_text(FULL, timeout=LIVE_MS)
        await expect(page.locator("#instead-words")).to_have_text(re.compile(r"^Small starts: .*about \d+ "))
        assert await page.evaluate("window.stays"), "the page was not loaded anew"
        await starting

        # Whoever starts it all the same is told so, and offered the same.
        await page.locator("#start").click()
        await expect(page.locator("#offer-1")).to_have_text(re.compile("Start on Small"), timeout=PATIENCE_MS)
        await page.locator("#offer-1").click()
        await page.wait_for_url(re.compile(r"/user/"), timeout=PATIENCE_MS)
    server = {"metadata": {"name": pod_name(ADMIN, ""), "namespace": held.workspaces}}
    started = await held.kube.get({"apiVersion": "v1", "kind": "Pod", **server})
    assert held.device not in str(started["spec"])


async def test_what_a_quota_refuses_is_said_before_the_click_and_after_it_with_what_starts_instead(
    hub: RealHub, held: HeldRoom
) -> None:
    quota: Any = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "people", "namespace": held.workspaces},
        "spec": {"hard": {f"requests.{held.device}": "0"}},
    }
    async with form(hub) as page:
        state = page.locator("#hardware-seat-state")
        await expect(state).to_contain_text(WAIT, timeout=PATIENCE_MS)
        await held.kube.create(quota)
        await expect(state).to_contain_text('never: the quota "people" is used up', timeout=LIVE_MS)
        assert (await told(hub, "seat"))["instead"] == "small"
        await page.get_by_role("radio", name="Seat").check()
        await page.locator("#start").click()
        await expect(page.get_by_role("alert")).to_contain_text('the quota "people"', timeout=PATIENCE_MS)
        await expect(page.locator(OFFERED).first).to_have_text(OFFER)

        # What no machine could ever hold is offered the same: a seat is nearer in size, and the quota forbids it.
        await page.goto("/hub/spawn")
        await expect(page.locator("#hardware-enormous-state")).to_contain_text("never: no machine is large enough")
        await page.get_by_role("radio", name="Enormous").check()
        await page.locator("#start").click()
        await expect(page.get_by_role("alert")).to_contain_text("Enormous", timeout=PATIENCE_MS)
        # On the form or on the page of the start, in words for people.
        await expect(page.get_by_role("alert")).not_to_contain_text("never_fits")
        await expect(page.locator(OFFERED).first).to_have_text(OFFER)
    await held.kube.delete(quota)
    assert (await until_told(hub, "seat", WAIT))["why"] == ""


async def test_while_the_api_server_is_away_the_last_picture_holds_and_after_it_and_a_new_hub_the_true_one(
    hub: RealHub, held: HeldRoom, between: InBetween
) -> None:
    await until_told(hub, "seat", WAIT)
    await between.begin(Away())
    occupant = await held.occupy("occupant")
    assert WAIT.search((await told(hub, "seat"))["words"]), "nobody has told the hub, and nobody waits for it"
    await between.end()
    full = await until_told(hub, "seat", FULL)
    assert (full["kind"], full["instead"]) == ("not_now", "small")

    await asyncio.to_thread(hub.kill, HUB)
    await asyncio.to_thread(hub.start, HUB)
    await until_told(hub, "seat", FULL)
    await held.kube.delete(occupant)
    await until_told(hub, "seat", WAIT)
    assert WAIT.search((await told(hub, SMALL["hardware"]))["words"])
    assert (await told(hub, "enormous"))["why"] == "too_large"


async def test_where_nodes_and_quotas_may_not_be_seen_a_start_takes_what_it_always_took_and_nothing_is_offered(
    tmp_path: Path, images: Mapping[str, str], held: HeldRoom, between: InBetween
) -> None:
    await held.occupy("occupant")
    await between.begin(Hides(resources=frozenset({"nodes", "resourcequotas"})))
    blind = with_services(tmp_path / "hub", held, kubeconfig=between.kubeconfig, images=images)
    held.hold(blind.settings.catalog_directory, slots=0)
    try:
        await asyncio.to_thread(blind.__enter__)
        for hardware in ("seat", "enormous"):
            found = await told(blind, hardware)
            assert (found["kind"], found["instead"], found["why"]) == ("ready", "", "")
    finally:
        await asyncio.to_thread(blind.close)
