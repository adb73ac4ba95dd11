"""In JupyterLab a person is told that their home fills up, sees what fills it, and deletes some of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from tests.installed_software import share_software

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]

SCREENSHOTS = Path(__file__).parent / "screenshots"
LARGE_BYTES = 2_000_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A hub where a home may hold very little; the software is what the other tests use."""
    root = tmp_path_factory.mktemp("quota")
    share_software(root)
    with ThrowawayHub(root, {"homes.quota": "2Mi"}) as small:
        yield small


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def test_a_person_is_told_and_makes_room(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    home = hub.data.home(person[0])
    home.mkdir(parents=True, exist_ok=True)
    (home / "results").mkdir(exist_ok=True)
    (home / "results" / "large.bin").write_bytes(b"x" * LARGE_BYTES)
    (home / "kept.txt").write_text("mine")
    hub.start_workspace(hub.token(*person), person[0])
    page = sign_in(new_context(), person)
    page.goto(f"/user/{person[0]}/lab")

    # It moves in and out by itself, after 15 s: its button is pressed as soon as it is there, and pictures come later.
    toast = page.locator(".Toastify__toast").filter(has_text="Your home is")
    toast.get_by_text("Show what fills it").dispatch_event("click")
    picture(page, "lab-notice")
    panel = page.locator(".st-Home")
    expect(panel.get_by_role("rowheader", name="results/large.bin")).to_be_visible()
    expect(panel.get_by_role("meter")).to_be_visible()
    picture(page, "lab-home")

    panel.get_by_label("Tick results/large.bin").press("Space")
    panel.get_by_role("button", name="Delete 1 file").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone: results/large.bin")
    picture(page, "lab-home-delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(panel.get_by_role("status")).to_contain_text("1 file deleted.")
    expect(panel.get_by_role("rowheader", name="results/large.bin")).to_have_count(0)
    assert not (home / "results" / "large.bin").exists()
    assert (home / "kept.txt").read_text() == "mine"
    with page.expect_download() as downloading:
        panel.get_by_role("button", name="Download kept.txt").click()
    assert downloading.value.path().read_text() == "mine"

    page.set_viewport_size({"width": 360, "height": 640})
    page.keyboard.press("Control+b")  # JupyterLab's own way to make room
    expect(page.locator("#jp-left-stack")).to_be_hidden()
    picture(page, "lab-home-narrow")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth"), "nothing is cut off on a small screen"
