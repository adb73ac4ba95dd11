"""The services process's metrics: who may read them, and what they say."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.app import RunningServices
from hub.keys import Keys
from hub.metrics.services import ServicesMetrics
from hub.settings import Settings
from tests.hub.conftest import free_port
from tests.hub.metrics.exposed import exposed, scrape, value


@pytest.fixture
def scraper(fake_hub: Any) -> dict[str, str]:
    """The header of somebody who may read metrics and nothing else."""
    headers: dict[str, str] = fake_hub.knows_for_test("prometheus", kind="service", scopes=("read:metrics",))
    return headers


async def test_a_token_that_may_read_metrics_reads_them(services: httpx.AsyncClient, scraper: dict[str, str]) -> None:
    await services.get("api/health")
    await services.get("api/expectations")
    await services.get("no/such/address")
    await services.get("api/workspaces/alice/default/log")
    found = scrape((await services.get("metrics", headers=scraper)).text)
    counted = found["studiolo_services_request_seconds_count"]
    assert {tuple(value for _, value in labels) for labels in counted} == {
        ("GET", "api/health", "200"),
        ("GET", "api/expectations", "403"),
        ("GET", "other", "404"),
        ("GET", "api/workspaces/*/*/log", "403"),
    }
    assert value(found, "studiolo_services_database_reachable") == 1


async def test_who_may_only_use_the_service_may_not(services: httpx.AsyncClient, fake_hub: Any) -> None:
    answer = await services.get("metrics", headers=fake_hub.knows_for_test("alice"))
    assert answer.status_code == 403
    assert answer.json()["message"] == "Sign in, or send a token that has the scope read:metrics."


async def test_nobody_without_a_token_may(services: httpx.AsyncClient, fake_hub: Any) -> None:
    assert (await services.get("metrics")).status_code == 403


async def test_a_port_of_its_own_needs_no_token_and_shows_nothing_else(settings: Settings, keys: Keys) -> None:
    port = free_port()
    changed = settings.model_copy(update={"metrics": settings.metrics.model_copy(update={"services_port": port})})
    address = f"http://127.0.0.1:{port}"
    async with RunningServices(changed, keys), httpx.AsyncClient(base_url=address, trust_env=False) as client:
        found = scrape((await client.get("/metrics")).text)
        assert value(found, "studiolo_services_database_reachable") == 1
        assert (await client.get("/services/studiolo/api/health")).status_code == 404
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/metrics")


def test_a_database_that_is_away_is_said() -> None:
    is_there = True
    metrics = ServicesMetrics(lambda: is_there)
    assert value(exposed(metrics.registry), "studiolo_services_database_reachable") == 1
    is_there = False
    assert value(exposed(metrics.registry), "studiolo_services_database_reachable") == 0
