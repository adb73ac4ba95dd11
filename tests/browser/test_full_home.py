"""A disk that is full while somebody works: JupyterLab opens, says what was not saved, and saves once there is room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from tests.browser.conftest import PATIENCE_MS
from tests.faulty_disks import fill, small_disk

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "old"}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
NOTEBOOK = {"cells": [CELL], "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def home(hub: ThrowawayHub, person: tuple[str, str]) -> Iterator[Path]:
    """A disk of 2 MiB with one notebook, in the place of the person's home."""
    path = hub.data.home(person[0])
    path.mkdir(parents=True, exist_ok=True)
    with small_disk(path, megabytes=2):
        (path / "notes.ipynb").write_text(json.dumps(NOTEBOOK))
        yield path
        hub.stop_workspace(hub.token(*person), person[0])


@pytest.fixture
def context(chromium: Browser, hub: ThrowawayHub) -> Iterator[BrowserContext]:
    """One whose scripts may fail: JupyterLab's own ends with an error of its own when it could not save."""
    expect.set_options(timeout=PATIENCE_MS)
    with chromium.new_context(base_url=hub.base_url) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


def source_in(path: Path) -> str:
    (cell,) = json.loads(path.read_text())["cells"]
    return "".join(cell["source"])


def test_a_save_that_fails_is_said_in_a_window_and_the_next_one_succeeds(
    context: BrowserContext,
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    home: Path,
) -> None:
    large = fill(home)
    hub.start_workspace(hub.token(*person), person[0])
    page = sign_in(context, person)
    page.goto(f"/user/{person[0]}/lab/tree/notes.ipynb")
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    expect(cell).to_have_text("old")
    cell.fill("new")
    page.keyboard.press("Control+s")
    window = page.locator(".jp-Dialog").filter(has_text="notes.ipynb was not saved: its disk is full.")
    expect(window).to_be_visible()
    window.get_by_role("button").last.click()
    assert source_in(home / "notes.ipynb") == "old"
    for path in (large, home / "empty-0", home / "empty-1", home / "empty-2", home / "empty-3"):
        path.unlink()
    cell.press("Control+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    assert source_in(home / "notes.ipynb") == "new"
