"""Workspaces that nobody uses are told so and stopped, in a real hub with limits of seconds; what is used goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from deploy.local.plans import HUB
from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

OWNER, OTHER = "idle-ida", "idle-otto"
SECONDS = 240.0
"""For something that takes less than a minute, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A Studiolo that stops what nobody has used for 40 s, and says so half of that time before."""
    limits = {"idle.stopAfter": "40s", "idle.noticeBefore": "20s", "idle.checkEvery": "1s", "idle.mostExtensions": 1}
    with ThrowawayHub(tmp_path_factory.mktemp("idle"), limits, services=False) as running:
        yield running


@pytest.fixture(scope="module")
def passwords(hub: ThrowawayHub) -> dict[str, str]:
    """Each made once: a new one would end the session."""
    return {name: hub.add_user(name) for name in (OWNER, OTHER)}


@pytest.fixture(scope="module")
def people(hub: ThrowawayHub, passwords: dict[str, str]) -> Iterator[dict[str, httpx.Client]]:
    """The owner of the workspaces, and somebody else."""
    with ExitStack() as browsers:
        signed_in = {name: hub.browser(name, password) for name, password in passwords.items()}
        for browser in signed_in.values():
            browsers.callback(browser.close)
        yield signed_in


@pytest.fixture
def owner(people: dict[str, httpx.Client]) -> httpx.Client:
    return people[OWNER]


@pytest.fixture(scope="module")
def token(hub: ThrowawayHub, passwords: dict[str, str]) -> str:
    """The owner's, as the command line has it."""
    return hub.token(OWNER, passwords[OWNER])


def send(browser: httpx.Client, address: str) -> httpx.Response:
    """Presses a button, with the token that the page carries."""
    found = re.search(r'name="_xsrf" value="([^"]*)"', browser.get("/hub/spawn").text)
    assert found is not None
    return browser.post(address, data={"_xsrf": found[1]})


def home(browser: httpx.Client) -> str:
    return browser.get("/hub/home").raise_for_status().text


def test_what_nobody_uses_is_stopped_after_a_notice_and_what_is_used_goes_on(
    hub: ThrowawayHub, owner: httpx.Client, token: str
) -> None:
    hub.start_workspace(token, OWNER, "busy")
    hub.start_workspace(token, OWNER, "idle")
    headers = {"Authorization": f"token {token}"}

    def says(words: str) -> bool:
        # The other one is used meanwhile, as by somebody whose browser is open.
        answer = httpx.get(
            f"{hub.base_url}/user/{OWNER}/busy/api/kernels", headers=headers, trust_env=False, timeout=30
        )
        assert answer.status_code == 200
        return words in home(owner)

    hub.until(lambda: says("unless it is used"), what="the page says that it will stop", seconds=SECONDS)
    sentence = "It was stopped after 40 s without use."
    hub.until(lambda: says(sentence), what="it is stopped, and the page says why", seconds=SECONDS)
    page = owner.get(f"/hub/user/{OWNER}/idle/lab")
    assert sentence in page.text
    assert "idle is not running" in page.text
    assert 'role="alert"' not in page.text
    assert says('id="workspace-busy" data-state="running"'), "what is used goes on"
    hub.stop_workspace(token, OWNER, "busy")
    hub.stop(HUB)
    hub.start(HUB)
    assert sentence in home(owner), "a new hub says so too"


def test_its_owner_and_nobody_else_keeps_it_longer_and_only_so_often(
    hub: ThrowawayHub, people: dict[str, httpx.Client], passwords: dict[str, str], token: str
) -> None:
    owner, other = people[OWNER], people[OTHER]
    token_of_other = hub.token(OTHER, passwords[OTHER])
    hub.start_workspace(token, OWNER, "kept")
    address = f"/hub/workspaces/{OWNER}/kept/extend"
    call = f"studiolo/workspaces/{OWNER}/kept/extend"
    hub.until(lambda: address in home(owner), what="there is a button", seconds=SECONDS)

    assert owner.post(address).status_code == 403, "a form from elsewhere"
    assert send(other, address).status_code == 404
    with hub.api(token_of_other) as api:
        assert api.post(call).status_code == 404
    with hub.api() as api:
        assert api.post(call).status_code == 403

    assert send(owner, address).url.path == "/hub/home"
    assert address not in home(owner)
    assert "not stopped before" in home(owner)
    again = send(owner, address)
    assert again.status_code == 409
    assert "Nothing is about to stop this workspace." in again.text
    with hub.api(token) as api:
        refused = api.post(call)
        assert refused.status_code == 409
        assert "Nothing is about to stop this workspace." in refused.json()["message"]
        assert api.post(f"studiolo/workspaces/{OWNER}/missing/extend").status_code == 404
        assert api.get(f"users/{OWNER}/servers/kept").json()["ready"]
    hub.stop_workspace(token, OWNER, "kept")
    assert "It was stopped after" not in re.sub(r'(?s)<tr id="workspace-idle".*?</tr>', "", home(owner))


def test_a_program_extends_too(hub: ThrowawayHub, owner: httpx.Client, token: str) -> None:
    hub.start_workspace(token, OWNER)
    with hub.api(token) as api:
        hub.until(lambda: "/default/extend" in home(owner), what="there is a button", seconds=SECONDS)
        answer = api.post(f"studiolo/workspaces/{OWNER}/default/extend")
        assert answer.status_code == 200
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer.json()["until"])
    hub.stop_workspace(token, OWNER)
