"""The waiting page outlives the hub, and never leaves for where only the hub can lead to while it is away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.plans import HUB
from deploy.local.throwaway import ThrowawayHub
from tests.held_start import held_start

pytestmark = pytest.mark.browser

FIRST_START_MS = 300_000
READY = 'data: {"progress": 100, "ready": true, "url": "/hub/not-to-be-visited"}\n\n'
SignIn = Callable[[BrowserContext, tuple[str, str]], Page]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Somebody looks at the waiting page of a start that is held back."""

    page: Page
    user: str
    let_go: Callable[[], None]


@pytest.fixture
def waiting(
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    tmp_path: Path,
) -> Iterator[Waiting]:
    page = sign_in(new_context(), person)
    with held_start(hub.data.home(person[0]), tmp_path / "gate") as let_go:
        page.get_by_role("link", name="Start your first workspace").click()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="default is starting")).to_be_visible()
        yield Waiting(page=page, user=person[0], let_go=let_go)


def test_the_waiting_page_asks_again_while_the_hub_is_away_and_goes_on_with_the_next_one(
    waiting: Waiting, hub: ThrowawayHub
) -> None:
    page = waiting.page
    hub.until(lambda: any(hub.data.workspaces.glob(f"{waiting.user}*/record.json")), what="the server is there")
    hub.kill(HUB)
    try:
        expect(page.locator("#left")).to_have_text(re.compile("does not answer at the moment"))
        expect(page.get_by_role("heading", name="default is starting")).to_be_visible()
    finally:
        hub.start(HUB)
    expect(page.get_by_role("heading", name="Looking after default")).to_be_visible()
    waiting.let_go()
    page.wait_for_url(re.compile(r"/user/\w+/lab"), timeout=FIRST_START_MS)


def test_nobody_leaves_for_a_workspace_while_the_hub_does_not_answer(waiting: Waiting) -> None:
    page = waiting.page
    page.route("**/hub/health?*", lambda route: route.abort())
    page.route("**/progress*", lambda route: route.fulfill(body=READY, content_type="text/event-stream"))
    page.reload()
    expect(page.locator("#left")).to_have_text(re.compile("does not answer at the moment"))
    assert "/spawn-pending/" in page.url
    page.unroute("**/progress*")
    page.unroute("**/hub/health?*")
    # The start is not ready, whatever was said before the hub was away.
    expect(page.get_by_role("heading", name="default is starting")).to_be_visible()
    waiting.let_go()
    page.wait_for_url(re.compile(r"/user/\w+/lab"), timeout=FIRST_START_MS)
