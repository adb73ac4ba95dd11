"""In JupyterLab a person commits and pushes by the git panel, with the token that they keep under Credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from tests.cluster.git_servers import GitServer, git_server

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]

SCREENSHOTS = Path(__file__).parent / "screenshots"
TOKEN = "canary-of-the-git-panel"
BRANCH = "master"
"""Of a repository that was cloned before anything was in it: git's own word."""


@pytest.fixture
def forge(tmp_path: Path, person: tuple[str, str]) -> Iterator[GitServer]:
    """A git server over HTTPS that wants the person's token."""
    with git_server(tmp_path / "forge", user=person[0], token=TOKEN, address="127.0.0.1") as git:
        yield git


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def test_a_notebook_is_committed_and_pushed_by_the_panel_and_nobody_is_asked_for_a_token(  # noqa: PLR0917 - fixtures
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    forge: GitServer,
    tmp_path: Path,
) -> None:
    user = person[0]
    authority = tmp_path / "authority.pem"
    authority.write_text(forge.authority)
    token = hub.token(*person)
    sent = {"name": "forge", "kind": "git", "host": forge.host, "user": user, "value": TOKEN, "always": True}
    with hub.services_api(token) as api:
        api.post("credentials", json=sent).raise_for_status()
    env = {"GIT_SSL_CAINFO": str(authority)}
    hub.start_workspace(token, user, environment="minimal", hardware="small", git=forge.url, env=env)
    folder = hub.data.home(user) / "work"
    hub.until((folder / ".git").is_dir, what="the repository is cloned")
    (folder / "notes.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    page = sign_in(new_context(), person)
    page.goto(f"/user/{user}/lab/tree/work?reset")
    page.get_by_role("tab", name="Git").click()
    panel = page.locator("#jp-git-sessions")
    expect(panel.get_by_text("notes.ipynb")).to_be_visible()
    panel.get_by_text("notes.ipynb").hover()
    panel.get_by_title("Track this file").click()
    expect(panel.get_by_title("Unstage this change")).to_have_count(1)  # before, there is nothing to commit
    message = panel.get_by_placeholder("Commit message")
    message.fill("Write my notes")
    picture(page, "lab-git")
    message.press("Control+Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Who is committing?")
    dialog.get_by_placeholder("Name").fill("Ada")
    dialog.get_by_placeholder("Email").fill("ada@example.org")
    dialog.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("Write my notes")).to_be_visible()
    panel.get_by_title("Publish branch").click()
    hub.until(lambda: forge.repository.has(BRANCH), what="it is pushed")
    picture(page, "lab-git-pushed")
    assert forge.repository.subjects(BRANCH) == ["Write my notes"]
    assert forge.repository.files(BRANCH) == ["notes.ipynb"]
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert TOKEN not in page.content()
