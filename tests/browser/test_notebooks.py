"""A notebook is a person's work: it is there on other hardware, and a hub that dies does not touch it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.plans import HUB
from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]

FIRST_START_MS = 300_000

SLOW_CELL = "import time\nfor step in range(6):\n    print('step', step)\n    time.sleep(1)"


def open_notebook(page: Page, user: str) -> None:
    page.goto(f"/user/{user}/lab")
    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


def run_cell(page: Page, code: str) -> None:
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.fill(code)
    cell.press("Shift+Enter")


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    rename = page.get_by_role("button", name="Rename")  # JupyterLab asks for a name once
    rename.or_(page.locator(".jp-mod-dirty")).first.wait_for()
    if rename.is_visible():
        rename.click()
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)


def saved_text(hub: ThrowawayHub, user: str) -> str:
    """What the outputs of the notebook on disk say."""
    (notebook,) = hub.data.home(user).glob("*.ipynb")
    cells: list[dict[str, Any]] = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text") or output["data"]["text/plain"]) for output in outputs)


def test_a_notebook_is_there_again_on_other_hardware(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    user = person[0]
    hub.start_workspace(hub.token(*person), user)
    page = sign_in(new_context(), person)
    open_notebook(page, user)
    run_cell(page, "1+1")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text("2")
    save(page)
    hub.stop_workspace(hub.token(*person), user)

    page.goto(f"/hub/spawn/{user}/default")
    page.get_by_role("radio", name="One GPU").check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/user/\w+/lab"), timeout=FIRST_START_MS)
    page.goto(f"/user/{user}/lab/tree/Untitled.ipynb")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text("2")
    hub.stop_workspace(hub.token(*person), user)


def test_a_cell_that_runs_while_the_hub_is_killed_finishes_and_is_saved(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    user = person[0]
    hub.start_workspace(hub.token(*person), user)
    page = sign_in(new_context(), person)
    open_notebook(page, user)
    run_cell(page, SLOW_CELL)
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("step 0")
    hub.kill(HUB)
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("step 5")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    save(page)
    assert "step 5" in saved_text(hub, user)
    hub.start(HUB)
    again = page.context.new_page()
    again.goto(f"/user/{user}/lab/tree/Untitled.ipynb")
    expect(again.locator(".jp-OutputArea-output").first).to_contain_text("step 5")
    hub.stop_workspace(hub.token(*person), user)


def test_jupyterlab_is_dark_wherever_the_browser_asks_for_it(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    hub.start_workspace(hub.token(*person), person[0])
    page = sign_in(new_context(color_scheme="dark"), person)
    page.goto(f"/user/{person[0]}/lab")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "true")
    hub.stop_workspace(hub.token(*person), person[0])
