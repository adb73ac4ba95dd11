"""Pods that wait to be claimed are shown beside slots: on the page, over REST and on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from hub.bookings.views import warm_views
from hub.capacity.pool import Kept
from hub.settings import Settings
from hub.settings_claims import ClaimsSettings
from spawner.installation import KIND_LABEL
from spawner.warm_pod import WARM
from studiolo.catalog import Catalog, Environment
from studiolo.cli import main
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.capacity.shapes import LARGE, hardware
from tests.hub.conftest import FakeHub
from tests.hub.credentials.test_page import browser

__all__ = ["browser"]

PATIENCE_SECONDS = 30.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With claims; a pod waits of small."""
    file = settings.catalog_directory / "hardware.yaml"
    catalog = yaml.safe_load(file.read_text())
    catalog["hardware"]["small"]["warm"]["pods"] = 1
    file.write_text(yaml.safe_dump(catalog))
    service = settings.homes.service.model_copy(update={"url": "http://127.0.0.1:9"})
    return settings.model_copy(
        update={
            "homes": settings.homes.model_copy(update={"service": service}),
            "claims": ClaimsSettings.model_validate({"enabled": True, "agentsNamespace": "lab-nodes"}),
        }
    )


async def until_kept(services: httpx.AsyncClient, teams: FakeHub) -> dict[str, Any]:
    """What an administrator is told once a pod was made and seen."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await services.get("api/capacity/slots", headers=teams.knows_for_test("adam"))
            told: dict[str, Any] = answer.json()
            if any(one["parking"] for one in told["warm"]):
                return told
            await asyncio.sleep(0.1)


async def test_an_administrator_sees_which_pods_wait_and_what_they_cost(
    services: httpx.AsyncClient, teams: FakeHub, kubernetes: FakeKubernetes, settings: Settings
) -> None:
    (warm,) = (await until_kept(services, teams))["warm"]
    assert (warm["environment"], warm["hardware"], warm["title"]) == ("python", "small", "Python")
    assert (warm["wanted"], warm["ready"], warm["parking"], warm["cost_per_hour"]) == (1, 0, 1, "0.5")
    (pod,) = kubernetes.objects_for_test("pods", namespace="lab").values()
    assert pod["metadata"]["labels"][KIND_LABEL] == WARM

    connection = Connection(open=lambda: Studiolo(settings.services.url, "token-of-adam"), open_at=Studiolo)
    words = ("capacity", "slots")
    told = await asyncio.to_thread(CliRunner().invoke, main, words, obj=connection, prog_name="studiolo")
    assert "PARKING" in told.output
    assert "EUR 0.5" in told.output


async def test_the_page_shows_them_to_administrators_alone(
    browser: Callable[[str], Any], services: httpx.AsyncClient, teams: FakeHub
) -> None:
    await until_kept(services, teams)
    page = (await browser("adam").get("capacity")).text
    assert "Waiting to be claimed" in page
    assert "1 about to be" in page
    assert "EUR 0.50 an hour" in page
    assert "Waiting to be claimed" not in (await browser("lena").get("capacity")).text


def test_pods_are_listed_in_the_order_of_the_catalog_and_what_left_it_last_by_its_name() -> None:
    python = Environment(name="python", title="Python")
    catalog = Catalog(environments=(python,), hardware=(LARGE, hardware(price_per_hour=2)))
    kept = {
        ("gone", "old"): Kept(ready=1, parking=0, wanted=0),
        ("python", "small"): Kept(ready=1, parking=1, wanted=3),
        ("python", "large"): Kept(ready=0, parking=0, wanted=1),
        ("rare", "small"): Kept(ready=0, parking=0, wanted=0),
    }
    found = [(one.title, one.hardware_title, one.cost_per_hour) for one in warm_views(kept, catalog)]
    assert found == [("Python", "Large", None), ("Python", "Small", 4), ("gone", "old", None)]
