"""What a workspace started without and what will stop it soon: both stand in the list, live and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from spawner.credential_choice import AWAY
from tests.installed_software import share_software

pytestmark = [pytest.mark.browser, pytest.mark.patient]

PATIENCE_MS = 180_000
OWNER = "notice-nora"


@pytest.fixture
def idle_hub(tmp_path: Path) -> Iterator[ThrowawayHub]:
    """Nobody knows of credentials there, and what nobody uses is told so after one minute and stopped after two."""
    share_software(tmp_path)
    limits = {"idle.stopAfter": "2m", "idle.noticeBefore": "1m", "idle.checkEvery": "1s"}
    with ThrowawayHub(tmp_path, limits, services=False) as hub:
        yield hub


def test_both_notices_stand_beside_each_other(
    idle_hub: ThrowawayHub, chromium: Browser, sign_in: Callable[[BrowserContext, tuple[str, str]], Page]
) -> None:
    password = idle_hub.add_user(OWNER)
    idle_hub.start_workspace(idle_hub.token(OWNER, password), OWNER)
    with (
        chromium.new_context(base_url=idle_hub.base_url) as context,
        chromium.new_context(base_url=idle_hub.base_url, java_script_enabled=False) as plain,
    ):
        page = sign_in(context, (OWNER, password))
        page.evaluate("window.isTheSamePage = true")
        expect(page.locator("#lacks-default")).to_have_text(AWAY)
        expect(page.locator("#notice-default")).to_contain_text("unless it is used", timeout=PATIENCE_MS)
        expect(page.locator("#lacks-default")).to_have_text(AWAY)
        assert page.evaluate("window.isTheSamePage"), "the second one came live"
        page = sign_in(plain, (OWNER, password))
        expect(page.locator("#lacks-default")).to_have_text(AWAY)
        expect(page.locator("#notice-default")).to_contain_text("unless it is used")
