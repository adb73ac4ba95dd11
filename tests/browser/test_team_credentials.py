"""A lead keeps a credential for a team on the page, and a member finds it there and on the form of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
PAGE = "/services/studiolo/credentials"
TEAM = "Vision & sound"
CANARY = "canary-9d2b"
LEAD, MEMBER = "browser-lena", "browser-mara"


@pytest.fixture
def people(hub: ThrowawayHub) -> Iterator[dict[str, tuple[str, str]]]:
    """Who leads the team, and somebody else in it."""
    found = {who: (who, hub.add_user(who)) for who in (LEAD, MEMBER)}
    with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
        api.post(f"groups/{TEAM}", json={"users": [LEAD, MEMBER]}).raise_for_status()
        api.put(f"groups/{TEAM}/properties", json={"leads": [LEAD], "quota": {}}).raise_for_status()
        yield found
        api.delete(f"groups/{TEAM}").raise_for_status()


def add_for_the_team(page: Page) -> None:
    """As a person does: by the link of the team's section, which chooses the team in the form."""
    page.goto(PAGE)
    page.get_by_role("link", name=f"Add one for {TEAM}").click()
    page.get_by_text("Environment variable a token").click()
    form = page.locator("#add-env")
    expect(form.get_by_label("For", exact=True)).to_have_value(TEAM)
    form.get_by_label("Name").fill("hub")
    form.get_by_label("Variable", exact=True).fill("PATH")
    form.get_by_label("Value").fill(CANARY)
    expect(form.get_by_role("status")).to_contain_text("reserved")
    form.get_by_label("Variable", exact=True).fill("HF_TOKEN")
    expect(form.get_by_role("status")).to_be_empty()
    form.get_by_role("button", name="Keep it").click()


def test_a_lead_adds_and_a_member_sees_and_chooses(
    people: dict[str, tuple[str, str]], new_context: Callable[..., BrowserContext], sign_in: SignIn
) -> None:
    lead = sign_in(new_context(), people[LEAD])
    add_for_the_team(lead)
    section = lead.get_by_role("region", name=f"Team {TEAM}")
    expect(section.get_by_role("row", name="hub")).to_contain_text("HF_TOKEN")
    expect(section).to_contain_text("You lead it.")
    expect(lead.locator("#none")).to_be_visible()

    member = sign_in(new_context(), people[MEMBER])
    member.goto(PAGE)
    section = member.get_by_role("region", name=f"Team {TEAM}")
    expect(section).to_contain_text(f"Led by {LEAD}.")
    expect(section.get_by_role("row", name="hub")).to_contain_text(f"by team {TEAM}")
    expect(section.get_by_role("button")).to_have_count(0)
    expect(member.get_by_label("For", exact=True)).to_have_count(0)
    assert CANARY not in member.content() + lead.content()

    member.goto("/hub/spawn")
    tick = member.locator("#credentials").get_by_role("checkbox")
    expect(tick).to_be_checked()
    expect(tick).to_have_accessible_name("hub")
    expect(tick).to_have_accessible_description(
        f"HF_TOKEN · given by team {TEAM} · in every workspace, unless you choose otherwise"
    )

    lead.goto(PAGE)
    section = lead.get_by_role("region", name=f"Team {TEAM}")
    section.get_by_text("Remove", exact=True).click()
    section.get_by_role("button", name="Remove hub").click()
    expect(lead.get_by_role("region", name=f"Team {TEAM}")).to_contain_text("The team keeps none yet.")
    member.goto("/hub/spawn")
    expect(member.locator("#credentials")).to_have_count(0)


@pytest.fixture(params=["light", "dark"])
def pages(
    request: pytest.FixtureRequest,
    people: dict[str, tuple[str, str]],
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
) -> dict[str, Page]:
    """Both are signed in."""
    return {who: sign_in(new_context(color_scheme=request.param), people[who]) for who in (LEAD, MEMBER)}


def test_the_page_of_a_team_is_accessible_and_fits_its_screen(
    pages: dict[str, Page], serious_problems: Callable[[Page], list[str]]
) -> None:
    found: list[str] = []
    add_for_the_team(pages[LEAD])
    expect(pages[LEAD].get_by_role("region", name=f"Team {TEAM}")).to_contain_text("HF_TOKEN")
    for who, address in ((LEAD, PAGE), (LEAD, f"{PAGE}?team=Vision+%26+sound"), (MEMBER, PAGE), (MEMBER, "/hub/spawn")):
        page = pages[who]
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found.append(f"{address} of {who} is {wider} px wider than {width} px")
            found.extend(serious_problems(page))
    assert not found


def test_without_javascript_a_lead_adds_too(
    people: dict[str, tuple[str, str]], chromium: Browser, hub: ThrowawayHub, sign_in: SignIn
) -> None:
    with closing(chromium.new_context(base_url=hub.base_url, java_script_enabled=False)) as context:
        page = sign_in(context, people[LEAD])
        page.goto(f"{PAGE}?team=Vision+%26+sound")
        page.get_by_text("File a file with").click()
        form = page.locator("#add-file")
        form.get_by_label("Name").fill("kaggle")
        form.get_by_label("Path").fill("~/.kaggle/kaggle.json")
        form.get_by_label("Content").fill("{}")
        form.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("region", name=f"Team {TEAM}")).to_contain_text("~/.kaggle/kaggle.json")
