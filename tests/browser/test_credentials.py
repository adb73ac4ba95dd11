"""The page Credentials, and what of it stands on the form of a workspace: by mouse, by keyboard, without scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
Problems = Callable[[Page], list[str]]

ADDRESS = "/services/studiolo/credentials"
WIDTHS = (360, 1400)
VALUE = "a value that no page shows"

AZURE = {"clientId": "c", "tenantId": "t", "clientSecret": VALUE}
AWS = f"[default]\naws_access_key_id = A\naws_secret_access_key = {VALUE}\n"
ALL_KINDS = (
    {"name": "hugging-face", "kind": "env", "variable": "HF_TOKEN", "value": VALUE},
    {"name": "kaggle", "kind": "file", "path": "~/.kaggle/kaggle.json", "value": VALUE, "always": False},
    {"name": "forge", "kind": "git", "host": "git.example.org", "user": "ada.lovelace", "value": VALUE},
    {"name": "forge-key", "kind": "ssh-key"},
    {
        "name": "packages",
        "kind": "package-index",
        "tool": "pip",
        "url": "https://x.example.org/simple/",
        "value": VALUE,
    },
    {"name": "storage", "kind": "cloud", "tool": "aws", "value": AWS},
    {"name": "blobs", "kind": "cloud", "tool": "azure", "value": json.dumps(AZURE)},
    {
        "name": "a-name-that-is-as-long-as-names-may-be",
        "kind": "file",
        "path": f"deep/{'er/' * 20}x.json",
        "value": VALUE,
    },
)


@pytest.fixture
def keeper(hub: ThrowawayHub, person: tuple[str, str]) -> tuple[str, str]:
    """Somebody who keeps one of each kind."""
    with hub.services_api(hub.token(*person)) as api:
        for one in ALL_KINDS:
            answer = api.post("credentials", json=one)
            assert answer.is_success, answer.text
    return person


@pytest.fixture
def shown(new_context: Callable[..., BrowserContext], sign_in: SignIn, keeper: tuple[str, str]) -> Iterator[Page]:
    page = sign_in(new_context(), keeper)
    page.goto(ADDRESS)
    yield page
    assert VALUE not in page.content()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_with_everything_on_it_is_accessible_and_fits_its_screen(
    theme: str, shown: Page, serious_problems: Problems
) -> None:
    shown.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of the two that it knows
    for state in ("closed", "open", "refused"):
        if state == "open":
            shown.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        if state == "refused":
            form = shown.locator("#add-env")
            form.get_by_label("Name", exact=True).fill("Not a Name")
            form.get_by_label("Variable").fill("LD_PRELOAD")
            form.get_by_label("Value").fill(VALUE)
            form.get_by_role("button", name="Keep it").click()
            expect(shown.get_by_role("alert")).to_contain_text("reserved")
        for width in WIDTHS:
            shown.set_viewport_size({"width": width, "height": 900})
            wider = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{state}: {wider} px wider than {width} px"
            assert not serious_problems(shown), state


def test_by_the_keyboard_alone_one_is_refused_corrected_and_kept(shown: Page) -> None:
    summary = shown.locator("summary", has_text="Environment variable")
    summary.focus()
    shown.keyboard.press("Enter")
    form = shown.locator("#add-env")
    for typed in ("by-keys", "PATH", VALUE):
        shown.keyboard.press("Tab")
        shown.keyboard.type(typed)
    expect(form.get_by_role("status")).to_contain_text("reserved")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    expect(form.get_by_role("button", name="Keep it")).to_be_focused()
    shown.keyboard.press("Enter")
    expect(shown.locator("#errors")).to_be_focused()
    expect(form.get_by_label("Name", exact=True)).to_have_value("by-keys")
    expect(form.get_by_label("Value")).to_have_value("")
    form.get_by_label("Variable").focus()
    shown.keyboard.press("Control+a")
    shown.keyboard.type("BY_KEYS")
    shown.keyboard.press("Tab")
    shown.keyboard.type(VALUE)
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("row").filter(has_text="by-keys")).to_contain_text("BY_KEYS")


def test_without_scripts_one_is_kept_rotated_chosen_and_removed(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, keeper: tuple[str, str]
) -> None:
    page = sign_in(new_context(java_script_enabled=False), keeper)
    page.get_by_role("link", name="Credentials").click()
    page.locator("summary", has_text="git over HTTPS").click()
    form = page.locator("#add-git")
    for label, typed in {"Name": "other", "Host": "git.example.com", "User": "ada", "Token": VALUE}.items():
        form.get_by_label(label, exact=True).fill(typed)
    form.get_by_role("button", name="Keep it").click()
    row = page.get_by_role("row").filter(has_text="git.example.com")
    row.get_by_role("button", name="Give other only when chosen").click()
    expect(row).to_contain_text("when chosen")
    row.locator("summary", has_text="Rotate").click()
    row.get_by_label("New value").fill(f"{VALUE} 2")
    row.get_by_role("button", name="Keep it").click()
    row.locator("summary", has_text="Remove").click()
    row.get_by_role("button", name="Remove other").click()
    expect(row).to_have_count(0)
    assert VALUE not in page.content()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_form_of_a_workspace_has_ticks_for_data_and_credentials_and_keeps_them(
    scripts: bool,
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    keeper: tuple[str, str],
    serious_problems: Problems,
) -> None:
    page = sign_in(new_context(java_script_enabled=scripts), keeper)
    page.goto("/hub/spawn")
    iris, kaggle = page.get_by_role("checkbox", name="Iris"), page.get_by_role("checkbox", name="kaggle")
    token = page.get_by_role("checkbox", name="hugging-face")
    expect(iris).not_to_be_checked()
    expect(iris).to_have_accessible_description(
        "The flowers that everybody starts with · ~/data/iris, to be read (this machine does not hold people to it)"
    )
    expect(kaggle).not_to_be_checked()
    expect(token).to_be_checked()
    expect(token).to_have_accessible_description("HF_TOKEN · in every workspace, unless you choose otherwise")
    expect(page.locator("#hardware-card-roomy")).to_contain_text("20 GiB scratch, gone afterwards")
    for box in (iris, kaggle, token):
        box.focus()
        page.keyboard.press("Space")
    page.locator("summary", has_text="Git repository").click()
    page.get_by_label("Address of a git repository").fill("https://git.example.org/team/project.git#main")
    page.locator("summary", has_text="Environment variables").click()
    page.get_by_label("Environment variables, one NAME=value a line").fill("PATH=/nowhere")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("PATH")
    expect(iris).to_be_checked()
    expect(kaggle).to_be_checked()
    expect(token).not_to_be_checked()
    expect(page.get_by_label("Address of a git repository")).to_have_value(
        "https://git.example.org/team/project.git#main"
    )
    for width in WIDTHS if scripts else ():  # axe-core is one
        page.set_viewport_size({"width": width, "height": 900})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{wider} px wider than {width} px"
        assert not serious_problems(page)
    assert VALUE not in page.content()
