"""What does not fit is said before and after the click, live, and never takes a person's selection away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.browser

SignIn = Callable[[BrowserContext, tuple[str, str]], Page]
GPU = {"environment": "minimal", "hardware": "gpu"}


@pytest.fixture
def rivals(hub: ThrowawayHub) -> Iterator[httpx.Client]:
    """The API as somebody else uses it; gives the only GPU back at the end."""
    with hub.api(hub.token("rival", hub.add_user("rival"))) as api:
        yield api
        api.delete("users/rival/server")
        hub.until(lambda: not api.get("users/rival").json()["servers"], what="the GPU is free again")


def test_hardware_that_somebody_takes_meanwhile_is_shown_refused_and_offered_otherwise(
    new_context: Callable[..., BrowserContext],
    sign_in: SignIn,
    person: tuple[str, str],
    hub: ThrowawayHub,
    rivals: httpx.Client,
) -> None:
    page = sign_in(new_context(), person)
    page.goto("/hub/spawn")
    page.get_by_role("radio", name="One GPU").check()
    undecided = page.context.new_page()
    undecided.goto("/hub/spawn")
    expect(undecided.get_by_role("radio", name="Huge")).to_be_disabled()
    expect(undecided.get_by_role("radio", name="Other")).to_be_disabled()
    expect(undecided.locator("#environment-other-state")).to_contain_text("needs no-such-program")

    rivals.post("users/rival/server", json=GPU).raise_for_status()

    # Who has not chosen it cannot any more; who has keeps the selection, and is told.
    undecided.bring_to_front()
    expect(undecided.get_by_role("radio", name="One GPU")).to_be_disabled()
    expect(undecided.locator("#hardware-gpu-state")).to_contain_text("not now: needs 1 GPU, none of 1 is free")
    expect(undecided.get_by_role("radio", name="Small")).to_be_checked()
    page.bring_to_front()
    expect(page.locator("#summary-time")).to_have_text("does not fit now")
    expect(page.get_by_role("radio", name="One GPU")).to_be_checked()
    page.locator("#name").fill("Keeps what I type")
    with page.expect_response(re.compile(r"/hub/spawn/\w+$")) as answer:
        page.get_by_role("button", name="Start").click()
    assert answer.value.status == 409
    expect(page.get_by_role("alert")).to_contain_text(re.compile('What fits now: .*"Small"'))
    expect(page.get_by_role("radio", name="One GPU")).to_be_checked()
    expect(page.locator("#name")).to_have_value("Keeps what I type")
    with hub.api(hub.token(*person)) as api:
        assert not api.get(f"users/{person[0]}?include_stopped_servers=1").json()["servers"].get("keeps-what-i-type")

    # Refused later, by REST: the page of the workspace has the reason, a reference, and a button that works.
    with hub.api(hub.token(*person)) as api:
        api.post(f"users/{person[0]}/servers/nofit", json=GPU)
    page.goto(f"/hub/spawn-pending/{person[0]}/nofit")
    expect(page.get_by_role("alert")).to_contain_text('"One GPU" does not fit on this machine now.')
    reference = page.locator("#reference").text_content()
    assert reference
    assert reference in hub.log("hub"), "an administrator finds it"
    page.get_by_role("button", name="Start on Small").click()
    page.wait_for_url(re.compile(r"/user/\w+/nofit/"), timeout=300_000)
