"""Workspaces that nobody uses are told so and stopped, in a real hub with limits of seconds; what is used goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from deploy.local.plans import HUB
from deploy.local.throwaway import ThrowawayHub
from tests.installed_software import share_software

pytestmark = [pytest.mark.integration, pytest.mark.patient]

OWNER, OTHER = "idle-ida", "idle-otto"
SECONDS = 240.0
"""For something that takes about a minute, on a machine that is busy with other tests."""

LIMIT_SECONDS = 55
"""Long enough to start four workspaces meanwhile, and to press every button while the notices are up."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayHub]:
    """A Studiolo that stops what nobody has used for so long, and says so 40 seconds before."""
    limits = {"idle.stopAfter": f"{LIMIT_SECONDS}s", "idle.noticeBefore": "40s", "idle.checkEvery": "1s"}
    root = tmp_path_factory.mktemp("idle")
    share_software(root)
    with ThrowawayHub(root, limits) as running:
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


def send(browser: httpx.Client, address: str) -> httpx.Response:
    """Presses a button, with the token that the page carries."""
    found = re.search(r'name="_xsrf" value="([^"]*)"', browser.get("/hub/spawn").text)
    assert found is not None
    return browser.post(address, data={"_xsrf": found[1]})


def home(browser: httpx.Client) -> str:
    return browser.get("/hub/home").raise_for_status().text


@dataclass(frozen=True)
class Running:
    """Four workspaces: one is used all the time, and for three there is a notice."""

    hub: ThrowawayHub
    owner: httpx.Client
    token: str

    def says(self, words: str) -> bool:
        """Whether the list says this. The workspace `busy` is used meanwhile, as by somebody whose browser is open."""
        address = f"{self.hub.base_url}/user/{OWNER}/busy/api/kernels"
        headers = {"Authorization": f"token {self.token}"}
        assert httpx.get(address, headers=headers, trust_env=False, timeout=30).status_code == 200
        return words in home(self.owner)


@pytest.fixture(scope="module")
def running(hub: ThrowawayHub, people: dict[str, httpx.Client], passwords: dict[str, str]) -> Running:
    """All four, from the moment when their owner is told about the last three."""
    token = hub.token(OWNER, passwords[OWNER])
    hub.token(OTHER, passwords[OTHER])
    found = Running(hub, people[OWNER], token)
    for name in ("busy", "idle", "kept", ""):
        hub.start_workspace(token, OWNER, name)
    for name in ("idle", "kept", "default"):
        hub.until(partial(found.says, f'id="notice-{name}"'), what=f"{name} has a notice", seconds=SECONDS)
    return found


def test_its_owner_and_nobody_else_keeps_it_longer(running: Running, people: dict[str, httpx.Client]) -> None:
    hub, owner, other = running.hub, people[OWNER], people[OTHER]
    address = f"/hub/workspaces/{OWNER}/kept/extend"
    call = f"studiolo/workspaces/{OWNER}/kept/extend"
    assert owner.post(address).status_code == 403, "a form from elsewhere"
    assert send(other, address).status_code == 404
    with hub.api(hub.token(OTHER, "")) as api:
        assert api.post(call).status_code == 404
    with hub.api() as api:
        assert api.post(call).status_code == 403

    assert send(owner, address).url.path == "/hub/home"
    assert address not in home(owner)
    assert "not stopped before" in home(owner)
    again = send(owner, address)
    assert again.status_code == 409
    assert "Nothing is about to stop this workspace." in again.text


def test_a_program_keeps_it_longer_too_and_is_told_why_not(running: Running) -> None:
    with running.hub.api(running.token) as api:
        answer = api.post(f"studiolo/workspaces/{OWNER}/default/extend")
        assert answer.status_code == 200
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer.json()["until"])
        refused = api.post(f"studiolo/workspaces/{OWNER}/default/extend")
        assert refused.status_code == 409
        assert "Nothing is about to stop this workspace." in refused.json()["message"]
        assert api.post(f"studiolo/workspaces/{OWNER}/missing/extend").status_code == 404


def test_what_nobody_uses_is_stopped_with_its_reason_and_the_others_go_on(running: Running) -> None:
    hub, owner = running.hub, running.owner
    sentence = f"It was stopped after {LIMIT_SECONDS} s without use."
    hub.until(lambda: running.says(sentence), what="it is stopped, and the page says why", seconds=SECONDS)
    page = owner.get(f"/hub/user/{OWNER}/idle/lab")
    assert sentence in page.text
    assert "idle is not running" in page.text
    assert 'role="alert"' not in page.text
    with hub.api(running.token) as api:
        servers = api.get(f"users/{OWNER}").json()["servers"]
    assert {name for name, server in servers.items() if server["ready"]} == {"busy", "kept", ""}
    for name in ("busy", "kept", ""):
        hub.stop_workspace(running.token, OWNER, name)
    hub.stop(HUB)
    hub.start(HUB)
    assert home(owner).count(sentence) == 1, "a new hub says so too, and of nothing that a person stopped"
