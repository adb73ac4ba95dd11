"""A Studiolo with one GPU that is made up, a real Chromium, and people who sign in."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from deploy.local.throwaway import ThrowawayHub
from tests.installed_software import share_software

CHROMIUM = os.environ.get("STUDIOLO_CHROMIUM", "/usr/bin/chromium")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"

PATIENCE_MS = 60_000
"""For a page on a machine that is busy with other tests."""

ENVIRONMENTS = """\
environments:
  minimal:
    title: Minimal
    summary: JupyterLab and Python
    requirements: images/minimal/requirements.lock
    default: true
  other:
    title: Other
    summary: Needs a program that no machine has
    requirements: images/minimal/requirements.lock
    programs: [no-such-program]
"""

HARDWARE = """\
currency: EUR
hardware:
  small:
    title: Small
    summary: For trying things out
    cpu: {request: 0.1, limit: 2}
    memory: 2Gi
    price_per_hour: 0.04
    default: true
  gpu:
    title: One GPU
    cpu: {request: 0.1, limit: 2}
    memory: 2Gi
    gpu: {resource: nvidia.com/gpu, count: 1}
    price_per_hour: 1.20
  roomy:
    title: Roomy
    cpu: {request: 0.1, limit: 2}
    memory: 2Gi
    scratch: 20Gi
  huge:
    title: Huge
    cpu: {request: 0.1, limit: 2}
    memory: 64Ti
"""

DATA = """\
data:
  iris:
    title: Iris
    summary: The flowers that everybody starts with
    path: PLACE
"""


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A hub with a catalog of its own; the software is what the other tests use."""
    root = tmp_path_factory.mktemp("browser")
    catalog = tmp_path_factory.mktemp("catalog")
    (catalog / "environments.yaml").write_text(ENVIRONMENTS)
    (catalog / "hardware.yaml").write_text(HARDWARE)
    (catalog / "data.yaml").write_text(DATA.replace("PLACE", str(tmp_path_factory.mktemp("iris"))))
    (catalog / "images").symlink_to(Path(__file__).resolve().parents[2] / "images")
    share_software(root)
    with ThrowawayHub(root, {"catalogDirectory": str(catalog), "gpus.simulate": 1}) as hub:
        yield hub


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def new_context(chromium: Browser, hub: ThrowawayHub) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a browser of its own for somebody. Any dialog and any error of a script fails the test."""
    with ExitStack() as contexts:

        def make(**options: Any) -> BrowserContext:
            context = chromium.new_context(base_url=hub.base_url, **options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            wrong: list[str] = []

            def refuse(dialog: Dialog) -> None:
                wrong.append(f"a dialog: {dialog.message}")
                dialog.dismiss()

            context.on("dialog", refuse)
            context.on("weberror", lambda error: wrong.append(f"{error.page}: {error.error}"))
            contexts.callback(lambda: _fail_for(wrong))
            return context

        expect.set_options(timeout=PATIENCE_MS)
        yield make


@pytest.fixture
def person(hub: ThrowawayHub, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Somebody new, with a password; a name of their own for each test."""
    name = f"p{zlib.crc32(request.node.name.encode())}"
    return name, hub.add_user(name)


@pytest.fixture
def sign_in() -> Callable[[BrowserContext, tuple[str, str]], Page]:
    """Signs in as a person does, and lands on the list of workspaces."""

    def act(context: BrowserContext, who: tuple[str, str]) -> Page:
        page = context.new_page()
        page.goto("/")
        page.get_by_label("User name").fill(who[0])
        page.get_by_label("Password").fill(who[1])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Workspaces", exact=True)).to_be_visible()
        return page

    return act


@pytest.fixture
def serious_problems() -> Callable[[Page], list[str]]:
    """What axe-core finds serious or critical on a page."""

    def look(page: Page) -> list[str]:
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{page.url}: {rule['id']}: {[node['target'] for node in rule['nodes']]}"
            for rule in found["violations"]
            if rule["impact"] in {"serious", "critical"}
        ]

    return look


def _fail_for(wrong: list[str]) -> None:
    assert not wrong, wrong
