"""Why images are wanted on which nodes is shown to administrators: on the page, over REST and on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from hub.capacity.actions import remember
from hub.database import Database
from hub.settings import Settings
from studiolo.cli import main
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from studiolo.wire import StartRecord
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.bookings.conftest import IMAGE
from tests.hub.conftest import FakeHub
from tests.hub.credentials.test_page import browser

__all__ = ["browser"]

DIGEST = "b" * 64
PATIENCE_SECONDS = 30.0


@pytest.fixture
async def settings(settings: Settings, kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two nodes of two groups; torch has started on one of them, jax on none."""
    monkeypatch.setattr("hub.prepull.keeper.PAUSE", timedelta(seconds=0.1))
    for group in ("large-nodes", "small-nodes"):
        kubernetes.put_for_test(
            "nodes",
            {
                "metadata": {"name": group, "uid": group, "labels": {"karpenter.sh/nodepool": group}},
                "status": {
                    "allocatable": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"},
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            },
            namespace="",
        )
    environments = {
        "python": {"title": "Python", "image": IMAGE, "default": True},
        "torch": {"title": "Torch", "image": f"registry.test/torch@sha256:{DIGEST}"},
        "jax": {"title": "JAX", "image": f"registry.test/jax@sha256:{DIGEST}"},
    }
    (settings.catalog_directory / "environments.yaml").write_text(yaml.safe_dump({"environments": environments}))
    database = Database(settings.database_url)
    await asyncio.to_thread(database.upgrade)
    for environment, group in (("torch", "large-nodes"), ("python", "small-nodes")):
        start = StartRecord(
            user="ada",
            server="",
            environment=environment,
            hardware="small",
            environment_digest=IMAGE,
            phases={},
            stages={"server": 1.0},
            outcome="ready",
            started_at=datetime.now(UTC),
            node_group=group,
        )
        await remember(database, start)
    database.close()
    return settings


async def until_looked(services: httpx.AsyncClient, teams: FakeHub) -> list[dict[str, Any]]:
    """What an administrator is told once the nodes were looked at."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await services.get("api/capacity/images", headers=teams.knows_for_test("adam"))
            told: list[dict[str, Any]] = answer.json()["images"]
            if told and all(one["nodes"] for one in told):
                return told
            await asyncio.sleep(0.1)


async def test_an_administrator_is_told_why_an_image_is_wanted_and_on_which_nodes(
    services: httpx.AsyncClient, teams: FakeHub, settings: Settings
) -> None:
    told = await until_looked(services, teams)
    assert [(one["environment"], one["because"], one["groups"], one["nodes"]) for one in told] == [
        ("python", "default", [], 2),
        ("torch", "started", ["large-nodes"], 1),
    ]
    connection = Connection(open=lambda: Studiolo(settings.services.url, "token-of-adam"), open_at=Studiolo)
    words = ("capacity", "images")
    shown = await asyncio.to_thread(CliRunner().invoke, main, words, obj=connection, prog_name="studiolo")
    assert "started (large-nodes)" in shown.output


async def test_the_page_says_it_to_administrators_alone(
    browser: Callable[[str], Any], services: httpx.AsyncClient, teams: FakeHub
) -> None:
    await until_looked(services, teams)
    page = (await browser("adam").get("capacity")).text
    assert "it has started lately" in page
    assert "on large-nodes" in page
    assert "Images on the nodes" not in (await browser("lena").get("capacity")).text
