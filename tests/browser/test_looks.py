"""Every page, light and dark, narrow and wide: no serious finding of axe-core, nothing wider than the screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
WIDTHS = (360, 1400)
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "spawn.png"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_its_screen(
    theme: str,
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    serious_problems: Callable[[Page], list[str]],
    hub: ThrowawayHub,
) -> None:
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        api.put(f"users/{ADMIN}/servers/gallery", json={"display_name": "Gallery"})
        api.post(f"users/{ADMIN}/servers/refused", json={"environment": "minimal", "hardware": "huge"})
    context = new_context(color_scheme=theme)
    signed_out = context.new_page()
    page = sign_in(new_context(color_scheme=theme), (ADMIN, hub.admin_password))
    pages = {
        "/hub/home": "Workspaces",
        "/hub/spawn": "New workspace",
        "/hub/spawn?opt-environment=nonsense": "New workspace",
        f"/hub/spawn/{ADMIN}/gallery": "Start Gallery",
        f"/hub/spawn-pending/{ADMIN}/refused": "refused did not start",
        f"/hub/spawn-pending/{ADMIN}/gallery": "Gallery is not running",
        f"/hub/user/{ADMIN}/gallery/": "Gallery is not running",
        f"/hub/workspaces/{ADMIN}/gallery/delete": "Delete Gallery?",
        "/services/studiolo/credentials": "Credentials",
        "/services/studiolo/models": "Models",
        "/hub/admin": "Admin",
        "/hub/token": "Manage JupyterHub Tokens",
        "/hub/nothing-here": "There is nothing here",
    }
    found = []
    for shown, address, heading in [
        (signed_out, "/hub/login", "Sign in to Studiolo"),
        *((page, address, heading) for address, heading in pages.items()),
    ]:
        shown.goto(address)
        expect(shown.get_by_role("heading", level=1)).to_have_text(heading)
        if address == "/hub/admin":
            expect(shown.get_by_text("Displaying 1-")).to_be_visible()  # JupyterHub's own part comes later
        for width in WIDTHS:
            shown.set_viewport_size({"width": width, "height": 900})
            wider = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found.append(f"{address} is {wider} px wider than {width} px")
            found.extend(serious_problems(shown))
    assert not found


def test_the_picture_in_the_readme_is_this_page(
    chromium: Browser, running_hub: ThrowawayHub, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    """With the catalogs that ship, hence in the other tests' hub."""
    picture_size: ViewportSize = {"width": 1200, "height": 1060}
    context = chromium.new_context(base_url=running_hub.base_url, viewport=picture_size, color_scheme="light")
    with closing(context):
        page = sign_in(context, ("ada", running_hub.add_user("ada")))
        page.goto("/hub/spawn")
        expect(page.locator("#summary")).to_have_text("Python on Small")
        if request.config.getoption("--update-data"):
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURE)
    assert PICTURE.read_bytes().startswith(b"\x89PNG"), "made by: pytest tests/browser/test_looks.py --update-data"
