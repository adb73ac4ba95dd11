"""How long each choice will take stands on its card before the click, changes by itself, and names a way out."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
GPU = {"environment": "minimal", "hardware": "gpu"}
SMALL = {"environment": "minimal", "hardware": "small"}
WAIT = re.compile(r"(ready in )?about \d+ (s|min)")


@pytest.fixture
def taker(hub: ThrowawayHub) -> Iterator[httpx.Client]:
    """The API as somebody else uses it; gives the only GPU back at the end."""
    with hub.api(hub.token("taker", hub.add_user("taker"))) as api:
        yield api

        def is_gone() -> bool:
            api.delete("users/taker/server")  # one that still starts is not stopped by the first word
            return not api.get("users/taker").json()["servers"]

        hub.until(is_gone, what="the GPU is free again")


def test_a_card_tells_the_wait_and_changes_by_itself_when_somebody_takes_the_last_gpu(
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    taker: httpx.Client,
) -> None:
    page = sign_in(new_context(), person)
    page.goto("/hub/spawn")
    state = page.locator("#hardware-gpu-state")
    expect(state).to_contain_text(WAIT)
    expect(state).to_contain_text("1 of 1 GPU free")
    page.get_by_role("radio", name="One GPU").check()
    expect(page.locator("#summary-time")).to_have_text(re.compile(r"^about \d+"))
    expect(page.locator("#instead")).to_be_hidden()
    page.evaluate("window.stays = true")

    taker.post("users/taker/server", json=GPU).raise_for_status()
    expect(state).to_contain_text("not now: needs 1 GPU, none of 1 is free")
    expect(page.locator("#instead-words")).to_have_text(re.compile(r"^Roomy starts: .*about \d+ "))
    assert page.evaluate("window.stays"), "the page was not loaded anew"

    page.get_by_role("button", name="Choose it").click()
    expect(page.get_by_role("radio", name="Roomy")).to_be_checked()  # as large, but for the GPU
    expect(page.locator("#instead")).to_be_hidden()
    expect(page.locator("#summary-time")).to_have_text(re.compile(r"^about \d+"))


def test_without_a_script_the_first_forecast_stays(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str]
) -> None:
    page = sign_in(new_context(java_script_enabled=False), person)
    page.goto("/hub/spawn")
    expect(page.locator("#hardware-small-state")).to_contain_text(WAIT)
    described = page.get_by_role("radio", name="Small").get_attribute("aria-describedby") or ""
    assert "hardware-small-state" in described.split(), "a screen reader reads it with the choice"


def test_the_waiting_page_counts_down_what_was_promised(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str], hub: ThrowawayHub
) -> None:
    page = sign_in(new_context(), person)
    with hub.api(hub.token(*person)) as api:
        told = api.get("studiolo/capacity/forecast", params={"environment": "minimal", "hardware": "small"})
        (forecast,) = told.json()["forecasts"]
        assert forecast["seconds"] > 0
        api.post(f"users/{person[0]}/server", json=SMALL)
        page.goto(f"/hub/spawn-pending/{person[0]}")
        page.wait_for_url(re.compile(r"/user/\w+/"), timeout=300_000)
        api.delete(f"users/{person[0]}/server")


def test_what_is_ticked_decides_whether_a_workspace_that_waits_already_is_promised(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, person: tuple[str, str]
) -> None:
    page = sign_in(new_context(), person)
    cell = ["ok", "ready in about 99 s", "ok", "ready in about 99 s", "about 99 s", "", ""]

    def as_where_pods_are_claimed(route: Route) -> None:
        """The page as a hub of a cluster sends it, where ticking an empty home keeps from a claim."""
        answer = route.fetch()

        def changed(found: re.Match[str]) -> str:
            told = json.loads(html.unescape(found[2]))
            told["cells"].append(cell)
            told["without_claims"] = {"minimal": {"small": len(told["cells"]) - 1}}
            told["fields"] = ["home"]
            return found[1] + html.escape(json.dumps(told)) + found[3]

        body = re.sub(r'(id="forecasts" data-live>)(.*?)(</div>)', changed, answer.text(), flags=re.DOTALL)
        route.fulfill(response=answer, body=body)

    page.route("**/hub/spawn?*", as_where_pods_are_claimed)
    page.goto("/hub/spawn?opt-environment=minimal&opt-hardware=small&opt-home=empty")
    state, empty = page.locator("#hardware-small-state"), page.get_by_role("checkbox", name="Start with an empty home")
    expect(state).to_contain_text("about 99 s")
    empty.uncheck()
    expect(state).not_to_contain_text("about 99 s")
    expect(page.locator("#summary-time")).to_have_text(re.compile(r"^about \d+ s"))
    empty.check()
    expect(page.locator("#summary-time")).to_have_text("about 99 s")
