"""What Prometheus and the log are told of a start that is a pod: phases, verdict, and how fresh the picture is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.cluster.layout import NODE_ADDRESS
from deploy.local.plans import HUB
from deploy.local.ports import free_port
from hub.passwords import ADMIN
from spawner.progress import Phase
from tests.cluster.real_hub import SMALL, RealHub
from tests.hub.metrics.exposed import Values, scrape, value

NOWHERE = "registry.invalid/studiolo/nothing@sha256:" + "0" * 64


@pytest.fixture
def real_hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    """A hub with a port for metrics, a log in JSON, and software whose image does not exist."""
    more = {"metrics.hubPort": free_port(), "logs.format": "json"}
    hub = RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images, overrides=more)
    file = hub.settings.catalog_directory / "environments.yaml"
    catalog = yaml.safe_load(file.read_text())
    catalog["environments"]["nowhere"] = {"title": "Nowhere", "image": NOWHERE}
    file.write_text(yaml.safe_dump(catalog))
    with hub:
        yield hub


def metrics_of(hub: RealHub) -> Values:
    address = f"http://{NODE_ADDRESS}:{hub.settings.metrics.hub_port}/metrics"
    return scrape(httpx.get(address, trust_env=False, timeout=30).raise_for_status().text)


def lines_of(hub: RealHub) -> list[dict[str, Any]]:
    written, _, _ = hub.log(HUB).rpartition("\n")  # the last one may be in the middle of it
    return [json.loads(line) for line in written.splitlines()]


async def test_a_start_as_a_pod_is_measured_and_the_picture_of_pods_has_an_age(real_hub: RealHub) -> None:
    token = await asyncio.to_thread(real_hub.token, ADMIN, real_hub.admin_password)
    await asyncio.to_thread(lambda: real_hub.start_workspace(token, ADMIN, **SMALL))
    found = await asyncio.to_thread(metrics_of, real_hub)
    ready = {**SMALL, "verdict": "ready"}
    assert value(found, "studiolo_start_seconds_count", **ready) == 1
    assert value(found, "studiolo_start_phase_seconds_count", **ready, phase=Phase.SERVER.value) == 1
    assert value(found, "studiolo_pod_watch_synced") == 1
    assert value(found, "studiolo_data_age_seconds", source="pods") >= 0
    assert value(found, "studiolo_workspaces", state="running") == 1


async def test_a_failed_start_is_counted_and_logged_under_its_verdict(real_hub: RealHub) -> None:
    token = await asyncio.to_thread(real_hub.token, ADMIN, real_hub.admin_password)
    with pytest.raises((AssertionError, httpx.HTTPStatusError)):
        await asyncio.to_thread(lambda: real_hub.start_workspace(token, ADMIN, environment="nowhere", hardware="small"))
    found = await asyncio.to_thread(metrics_of, real_hub)
    counted = [dict(labels) for labels in found["studiolo_start_seconds_count"]]
    (verdict,) = {labels["verdict"] for labels in counted if labels["environment"] == "nowhere"}
    assert verdict in {"registry_away", "image_not_found", "image_not_fetched"}
    (line,) = [line for line in lines_of(real_hub) if line.get("verdict") == verdict]
    assert len(line["reference"]) == 5
