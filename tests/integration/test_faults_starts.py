"""Faults F8, F9, F34 and F39 in a real hub: no route, a stale route, starts that keep failing, a token that ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local.plans import HUB, PROXY, public_health
from spawner.machine import running_records
from tests.integration.conftest import ATTACKER, PASSWORD, VICTIM

if TYPE_CHECKING:
    from deploy.local.throwaway import ThrowawayHub

pytestmark = pytest.mark.integration

GOOD = {"environment": "minimal", "hardware": "small"}
BROKEN = {"environment": "broken", "hardware": "small"}


@pytest.fixture
def hub_itself(attacked: ThrowawayHub) -> Iterator[httpx.Client]:
    """The hub's API without the proxy before it."""
    headers = {"Authorization": f"token {attacked.token(VICTIM, PASSWORD)}"}
    address = f"http://127.0.0.1:{attacked.settings.hub.port}/hub/"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def proxy_returns(attacked: ThrowawayHub) -> Iterator[None]:
    yield
    with contextlib.suppress(KeyError):
        attacked.kill(PROXY)
    attacked.start(PROXY)
    attacked.wait_for(public_health(attacked.settings))


def state_of(hub_itself: httpx.Client, server: str) -> dict[str, object]:
    found: dict[str, object] = hub_itself.get(f"api/users/{VICTIM}/servers/{server}").raise_for_status().json()
    return found


@pytest.mark.long  # JupyterHub asks the proxy for half a minute
@pytest.mark.usefixtures("proxy_returns")
def test_f8_a_start_whose_route_the_proxy_never_takes_fails_with_its_reason_and_leaves_nothing(
    attacked: ThrowawayHub, hub_itself: httpx.Client
) -> None:
    attacked.kill(PROXY)
    hub_itself.post(f"api/users/{VICTIM}/servers/unrouted", json={"user_options": GOOD}).raise_for_status()
    attacked.until(lambda: not state_of(hub_itself, "unrouted")["pending"], what="the start is given up", seconds=120)
    assert not state_of(hub_itself, "unrouted")["ready"]
    assert f"{VICTIM}--unrouted" not in [one.held.key for one in running_records(attacked.data)]
    attacked.start(PROXY)
    attacked.wait_for(public_health(attacked.settings))
    with contextlib.closing(attacked.browser(VICTIM, PASSWORD)) as browser:
        assert "Your workspace ran and could not be reached." in browser.get(f"/hub/user/{VICTIM}/unrouted/lab").text
    token = attacked.token(VICTIM, PASSWORD)
    attacked.start_workspace(token, VICTIM, "unrouted")
    attacked.stop_workspace(token, VICTIM, "unrouted")


@pytest.mark.usefixtures("proxy_returns")
def test_f8_a_start_goes_on_when_the_proxy_is_back_in_time(attacked: ThrowawayHub, hub_itself: httpx.Client) -> None:
    attacked.kill(PROXY)
    hub_itself.post(f"api/users/{VICTIM}/servers/late", json={"user_options": GOOD}).raise_for_status()
    attacked.start(PROXY)
    attacked.until(lambda: bool(state_of(hub_itself, "late")["ready"]), what="the workspace is ready", seconds=120)
    attacked.wait_for(public_health(attacked.settings))
    attacked.stop_workspace(attacked.token(VICTIM, PASSWORD), VICTIM, "late")


def test_f9_a_route_that_leads_to_another_person_s_server_serves_nothing(attacked: ThrowawayHub) -> None:
    """An address is used again, and a route still points there: the server itself asks whose request it is."""
    for name in (VICTIM, ATTACKER):
        with attacked.api(attacked.token(name, PASSWORD)) as api:
            if not api.get(f"users/{name}").json()["servers"].get("", {}).get("ready"):
                attacked.start_workspace(attacked.token(name, PASSWORD), name)
    proxy = httpx.Client(
        base_url=f"{attacked.settings.proxy.api_url}/api/routes",
        headers={"Authorization": f"token {attacked.keys.proxy_token}"},
        trust_env=False,
    )
    with proxy:
        routes = proxy.get("").json()
        theirs = routes[f"/user/{VICTIM}/"] if f"/user/{VICTIM}/" in routes else routes[f"/user/{VICTIM}"]
        stale = f"/user/{ATTACKER}/stale"
        proxy.post(stale, json={"target": theirs["target"]}).raise_for_status()
        own = proxy.get("").json()
        mine = own[f"/user/{ATTACKER}/"] if f"/user/{ATTACKER}/" in own else own[f"/user/{ATTACKER}"]
        proxy.post(f"/user/{ATTACKER}", json={"target": theirs["target"]}).raise_for_status()
        try:
            with contextlib.closing(attacked.browser(ATTACKER, PASSWORD)) as browser:
                token = {"Authorization": f"token {attacked.token(ATTACKER, PASSWORD)}"}
                for path in ("lab", "api/status", "api/contents", "api/kernels"):
                    for address in (f"{stale}/{path}", f"/user/{ATTACKER}/{path}"):
                        for headers in ({}, token):
                            answer = browser.get(address, headers=headers)
                            assert answer.status_code in {403, 404}, (address, answer.status_code)
        finally:
            proxy.post(f"/user/{ATTACKER}", json={"target": mine["target"]}).raise_for_status()
            proxy.delete(stale)


def test_f34_ten_starts_that_fail_in_a_row_do_not_stop_the_hub(attacked: ThrowawayHub) -> None:
    """Stock JupyterHub, as many install it, ends after five; it did so for everybody."""
    before = attacked.pid(HUB)
    with attacked.api(attacked.token(ATTACKER, PASSWORD)) as api:
        for number in range(10):
            options = BROKEN if number % 2 else {"environment": "none", "hardware": "small"}
            answer = api.post(f"users/{ATTACKER}/servers/bad", json={"user_options": options})
            assert answer.status_code in {400, 409}
            assert answer.json()["message"].endswith(".")
    assert attacked.pid(HUB) == before
    token = attacked.token(VICTIM, PASSWORD)
    attacked.start_workspace(token, VICTIM, "good")
    attacked.stop_workspace(token, VICTIM, "good")


def test_f39_a_start_outlives_the_token_that_asked_for_it(attacked: ThrowawayHub, hub_itself: httpx.Client) -> None:
    made = hub_itself.post(f"api/users/{VICTIM}/tokens", json={"note": "short"}).raise_for_status().json()
    with attacked.api(made["token"]) as short:
        short.post(f"users/{VICTIM}/servers/slow", json={"user_options": GOOD}).raise_for_status()
        # An end by its time is the same end, and a test would have to guess how fast a machine is.
        hub_itself.delete(f"api/users/{VICTIM}/tokens/{made['id']}").raise_for_status()
        refused = short.get(f"users/{VICTIM}")
        assert refused.status_code == 403
        assert "invalid credentials" in refused.json()["message"]
    attacked.until(lambda: bool(state_of(hub_itself, "slow")["ready"]), what="the workspace is ready", seconds=120)
    attacked.stop_workspace(attacked.token(VICTIM, PASSWORD), VICTIM, "slow")
