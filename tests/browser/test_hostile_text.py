"""Whatever people type is shown as text, everywhere. A dialog, or an error of a script, fails the test (conftest)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'-alert(3)-'",
    "{{ 7*7 }}${7*7}",
    "javascript:alert(4)",
)


def test_titles_variables_and_links_are_shown_as_text(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    name, _ = person
    with hub.api(hub.token(*person)) as api:
        for number, text in enumerate(CORPUS):
            body = {"display_name": text, "user_options": {"environment": text, "hardware": text}}
            assert api.put(f"users/{name}/servers/x{number}", json=body).status_code == 201
        refused = {"display_name": CORPUS[1], "user_options": {"environment": CORPUS[0]}}
        assert api.post(f"users/{name}/servers/refused", json=refused).status_code == 400
    page = sign_in(new_context(), person)
    for number, text in enumerate(CORPUS):
        expect(page.locator(f"#workspace-x{number}").get_by_role("rowheader")).to_contain_text(text)
    page.goto(f"/hub/spawn-pending/{name}/refused")
    expect(page.get_by_role("alert")).to_contain_text(CORPUS[0])
    for number, text in enumerate(CORPUS):
        page.goto(f"/hub/spawn/{name}/x{number}")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Start {text}")
        expect(page.get_by_role("note").first).to_be_visible()
        page.goto(f"/hub/workspaces/{name}/x{number}/delete")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Delete {text}?")
        page.goto(f"/hub/spawn-pending/{name}/x{number}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(text)
        page.goto(f"/hub/spawn?opt-environment={quote(text)}&opt-env={quote(f'A={text}')}&next={quote(text)}")
        expect(page.get_by_role("note").first).to_be_visible()
        expect(page.locator("#env")).to_have_value(f"A={text}")
        page.goto(f"/hub/spawn/{quote(text, safe='')}/{quote(text, safe='')}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_page_of_ours_would_not_run_a_script_that_got_in(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str]
) -> None:
    page = sign_in(new_context(), person)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit = 1\" id=smuggled>')")
    page.locator("#smuggled").evaluate(
        "image => image.complete || new Promise(done => image.addEventListener('error', done))"
    )
    assert page.evaluate("window.hit") is None
