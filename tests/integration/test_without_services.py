"""The services process is away or slow: every page and every call of the hub still works, and says what is missing."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.plans import SERVICES
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN

pytestmark = pytest.mark.integration

PAGES = ["/hub/home", "/hub/spawn", "/hub/admin", "/hub/token"]
AT_ONCE_SECONDS = 10
"""The hub waits 0.3 s for services and a busy machine takes its time; services that are stopped would never answer."""


@pytest.fixture(params=["away", "slow"])
def services_in_trouble(running_hub: ThrowawayHub, request: pytest.FixtureRequest) -> Iterator[None]:
    """`away`: it ended. `slow`: it takes connections and never answers."""
    if request.param == "away":
        running_hub.kill(SERVICES)
        yield
        running_hub.start(SERVICES)
    else:
        os.kill(running_hub.pid(SERVICES), signal.SIGSTOP)
        yield
        os.kill(running_hub.pid(SERVICES), signal.SIGCONT)


@pytest.mark.usefixtures("services_in_trouble")
def test_every_page_comes_at_once(running_hub: ThrowawayHub) -> None:
    with contextlib.closing(running_hub.browser(ADMIN, running_hub.admin_password)) as browser:
        for page in PAGES:
            began = time.monotonic()
            assert browser.get(page).status_code == 200, page
            assert time.monotonic() - began < AT_ONCE_SECONDS, page


@pytest.mark.usefixtures("services_in_trouble")
def test_a_workspace_starts_stops_and_starts_again(running_hub: ThrowawayHub) -> None:
    token = running_hub.token("ines", running_hub.add_user("ines"))
    running_hub.start_workspace(token, "ines")
    running_hub.stop_workspace(token, "ines")
    running_hub.start_workspace(token, "ines")
    running_hub.stop_workspace(token, "ines")


def test_starts_from_before_are_remembered_once_services_are_back(running_hub: ThrowawayHub) -> None:
    token = running_hub.token("ines", running_hub.add_user("ines"))
    running_hub.start_workspace(token, "ines")
    running_hub.stop_workspace(token, "ines")
    headers = {"Authorization": f"token {running_hub.keys.hub_token}"}
    address = f"{running_hub.settings.services.url}/services/studiolo/api/expectations"

    def is_remembered() -> bool:
        answer = httpx.get(address, headers=headers, trust_env=False).json()
        return any(one["stage"] == "server" for one in answer["stages"])

    running_hub.until(is_remembered, what="the services process remembers the start")


@pytest.mark.usefixtures("services_in_trouble")
def test_the_hub_says_in_its_log_what_is_missing(running_hub: ThrowawayHub) -> None:
    with contextlib.closing(running_hub.browser(ADMIN, running_hub.admin_password)) as browser:

        def is_said() -> bool:
            browser.get("/hub/spawn")
            return "starts go on without estimates" in running_hub.log("hub")

        running_hub.until(is_said, what="the hub says that services are away")


def test_a_hub_starts_without_services(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ThrowawayHub(tmp_path_factory.mktemp("without-services"), services=False) as hub:
        with hub.api(hub.token(ADMIN, hub.admin_password)) as api:
            assert api.get("user").json()["name"] == ADMIN
        with hub.services_api() as services:
            assert services.get("health").status_code == 503
        hub.start(SERVICES)
        assert httpx.get(f"{hub.base_url}/services/studiolo/api/health", trust_env=False).json()["status"] == "ok"
