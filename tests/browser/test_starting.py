"""From signing in to a running cell and back, in a real browser: by keyboard alone, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from tests.held_start import held_start

pytestmark = pytest.mark.browser

FIRST_START_MS = 300_000
SignIn = Callable[[BrowserContext, tuple[str, str]], Page]


def test_a_newcomer_starts_a_workspace_by_keyboard_alone_runs_a_cell_and_stops_it(
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    tmp_path: Path,
) -> None:
    page = sign_in(new_context(viewport={"width": 1400, "height": 900}), person)
    expect(page.get_by_role("heading", name="You have no workspace yet")).to_be_visible()
    page.get_by_role("link", name="Start your first workspace").press("Enter")

    page.locator("#name").press("Tab")
    expect(page.get_by_role("radio", name="Minimal")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Small")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="One GPU")).to_be_checked()
    expect(page.locator("#summary")).to_have_text("Minimal on One GPU")
    expect(page.locator("#summary-price")).to_have_text("1.20 €/h")
    page.keyboard.press("ArrowUp")
    with held_start(hub.data.home(person[0]), tmp_path / "gate") as let_go:
        page.keyboard.press("Enter")
        for _before_and_after_a_reload in range(2):
            expect(page.get_by_role("heading", name="default is starting")).to_be_visible()
            expect(page.get_by_role("progressbar")).to_be_visible()
            page.reload()
        let_go()
        page.wait_for_url(re.compile(r"/user/\w+/lab"), timeout=FIRST_START_MS)

    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.fill("1+1")
    expect(cell).to_have_text("1+1")
    cell.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text("2")

    page = page.context.new_page()
    page.goto("/hub/home")
    expect(page.locator("#workspace-default")).to_have_attribute("data-state", "running")
    page.get_by_role("button", name="Stop: default").click()
    expect(page.locator("#workspace-default")).to_have_attribute("data-state", "stopped")
    page.get_by_role("link", name="Start on …: default").click()
    expect(page.get_by_role("heading", name="Start default")).to_be_visible()
    expect(page.get_by_role("radio", name="Small")).to_be_checked()


def test_everything_works_without_javascript(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    page = sign_in(new_context(java_script_enabled=False), person)
    page.get_by_role("link", name="New workspace").click()
    page.locator("#name").fill("Iris, 2nd try")
    page.get_by_role("radio", name="Small").check()
    page.get_by_role("button", name="Start").click()
    # The waiting page looks again by itself; JupyterLab needs scripts, but it is what opens.
    page.wait_for_url(re.compile(r"/user/\w+/iris-2nd-try/"), timeout=FIRST_START_MS)
    page.goto("/hub/home")
    row = page.locator("#workspace-iris-2nd-try")
    expect(row).to_have_attribute("data-state", "running")
    expect(row.get_by_role("rowheader")).to_contain_text("Iris, 2nd try")
    row.get_by_role("button", name="Stop").click()
    with hub.api(hub.token(*person)) as api:
        hub.until(lambda: not api.get(f"users/{person[0]}").json()["servers"], what="it has stopped")
    page.reload()
    expect(row).to_have_attribute("data-state", "stopped")
    row.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="You have no workspace yet")).to_be_visible()


def test_a_start_can_be_stopped_and_only_that_one_is(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    page = sign_in(new_context(), person)
    for title in ("First", "Second"):
        page.goto("/hub/spawn")
        page.locator("#name").fill(title)
        page.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile(r"/spawn-pending/|/user/"))
    waiting_or_running = page.goto(f"/hub/workspaces/{person[0]}/second/delete")
    assert waiting_or_running is not None
    assert waiting_or_running.ok, "only asks"
    page.goto("/hub/home")
    page.get_by_role("button", name="Stop: Second").click()
    expect(page.locator("#workspace-second")).to_have_attribute("data-state", "stopped")
    expect(page.locator("#workspace-first")).to_have_attribute("data-state", "running", timeout=FIRST_START_MS)
