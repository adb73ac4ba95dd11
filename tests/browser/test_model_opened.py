"""A person opens a model package as a workspace: from its page over the form into JupyterLab, where its notebook is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from tests.browser.test_models import PAGE, SCREENSHOTS, folder, package

__all__ = ["folder"]

pytestmark = pytest.mark.browser

BUILD_MS = 300_000
"""The software may have to be installed first, and a start that a browser watches says so."""

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_from_the_page_of_a_package_over_the_form_to_its_notebook(
    *,
    script: bool,
    hub: ThrowawayHub,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    folder: Path,
) -> None:
    package(hub, person, folder, version="1.0")
    page = sign_in(new_context(java_script_enabled=script), person)
    page.goto(f"{PAGE}/iris/1.0")
    page.get_by_role("link", name="Open as a workspace").click()
    expect(page.get_by_role("checkbox", name="Open iris 1.0 with its files")).to_be_checked()
    expect(page.get_by_role("radio", name="Minimal")).to_be_checked()
    page.get_by_role("radio", name="Roomy").check()
    page.get_by_role("button", name="Start").click()
    opened = hub.data.home(person[0]) / "models" / "iris-1.0" / "iris.ipynb"
    if script:
        page.wait_for_url(re.compile(r"/lab/tree/models/iris-1\.0/iris\.ipynb"), timeout=BUILD_MS)
        expect(page.get_by_role("tab", name="iris.ipynb")).to_be_visible()
        expect(page.locator(".jp-Cell").first).to_contain_text("class Model")
        expect(page.get_by_text("The files of iris 1.0 are in ~/models/iris-1.0.")).to_be_visible()
        page.screenshot(path=SCREENSHOTS / "model-opened-lab.png")
    hub.until(opened.is_file, what="the notebook is in the home")
    home = page.context.new_page()  # JupyterLab does not let go of a page whose notebook it has touched
    home.goto("/hub/home")
    expect(home.get_by_role("row", name="default")).to_contain_text("with the files of iris 1.0")
    hub.stop_workspace(hub.token(*person), person[0])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_and_the_list_are_accessible_and_fit_their_screen(
    *,
    theme: str,
    hub: ThrowawayHub,
    person: tuple[str, str],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    serious_problems: Callable[[Page], list[str]],
    folder: Path,
) -> None:
    package(hub, person, folder, version="1.0")
    hub.start_workspace(hub.token(*person), person[0], "opened", hardware="small", model="iris:1.0")
    hub.stop_workspace(hub.token(*person), person[0], "opened")
    page = sign_in(new_context(color_scheme=theme), person)
    found = []
    addresses = {
        "form": "/hub/spawn?opt-model=iris:1.0&opt-environment=minimal",
        "gone": "/hub/spawn?opt-model=rose:1.0",
        "home": "/hub/home",
        "page": f"{PAGE}/iris/1.0",
    }
    for name, address in addresses.items():
        page.goto(address)
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found.append(f"{address} is {wider} px wider than {width} px")
            found.extend(serious_problems(page))
            page.screenshot(path=SCREENSHOTS / f"model-opened-{name}-{theme}-{width}.png", full_page=True)
    assert not found
