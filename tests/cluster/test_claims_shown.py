"""What people and operators are told of warm pods, by a real hub on a real node: before a start, while it goes on, and
after its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from deploy.local.throwaway import HUB, SERVICES
from hub.passwords import ADMIN
from tests.cluster.claiming_hub import ClaimingHub, claiming_hub
from tests.cluster.cluster_commands import kubectl
from tests.hub.metrics.exposed import scrape, value

pytestmark = pytest.mark.usefixtures("on_this_machine")

POOL = {"environment": "minimal", "hardware": "small"}


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClaimingHub]:
    with claiming_hub(tmp_path_factory.mktemp("shown"), kubeconfig, images) as made:
        yield made


def forecast(hub: ClaimingHub, person: str, hardware: str = "small") -> dict[str, Any]:
    with hub.api_of(person) as api:
        asked = {"environment": "minimal", "hardware": hardware}
        (told,) = api.get("studiolo/capacity/forecast", params=asked).raise_for_status().json()["forecasts"]
    found: dict[str, Any] = told
    return found


def is_promised(hub: ClaimingHub, person: str, hardware: str = "small") -> bool:
    """Whether a warm pod waits, as the person is told."""
    return "claim" in forecast(hub, person, hardware)["stages"]


def take_the_last(hub: ClaimingHub) -> None:
    """Alice has it, and while services are away none comes in its place. A node that has too much to do may keep the
    agent's connection waiting for longer than a claim does: then once more.
    """
    for _ in range(5):
        hub.until_parked(1)
        hub.stop(SERVICES)
        hub.start_for("alice")
        if hub.is_claimed("alice"):
            return
        hub.stop_for("alice")
        hub.start(SERVICES)
    raise AssertionError("Five claims came to nothing.")


def test_who_may_claim_a_pod_that_waits_reads_a_second_until_somebody_takes_the_last(hub: ClaimingHub) -> None:
    hub.until(lambda: is_promised(hub, "alice"), what="the hub knows of the pod")
    assert forecast(hub, "alice")["words"] == "ready in about 1 s"
    assert not is_promised(hub, "alice", "bare")
    with closing(hub.browser_of("alice")) as browser:
        page = browser.get("/hub/spawn").text
    found = re.search(r'id="forecasts" data-live>(.*?)</div>', page)
    assert found is not None
    cards = json.loads(unescape(found[1]))
    assert {"data", "home"} <= set(cards["fields"])
    normal = cards["cells"][cards["without_claims"]["minimal"]["small"]]
    assert normal != cards["cells"][cards["pairs"]["minimal"]["small"]]

    take_the_last(hub)
    assert not is_promised(hub, "bob")
    hub.start(SERVICES)
    hub.until(lambda: is_promised(hub, "bob"), what="another waits, and is promised")


def test_what_became_of_claims_and_which_pods_wait_is_in_metrics_and_shown_to_administrators(hub: ClaimingHub) -> None:
    token = hub.token(ADMIN, hub.admin_password)
    with hub.api(token) as api, hub.services_api(token) as services:

        def waits() -> bool:
            (warm,) = services.get("capacity/slots").raise_for_status().json()["warm"]
            return (warm["environment"], warm["hardware"], warm["ready"]) == ("minimal", "small", 1)

        hub.until(waits, what="the next look has seen it")
        of_hub = scrape(api.get(f"{hub.base_url}/hub/metrics").raise_for_status().text)
        of_services = scrape(services.get(f"{hub.base_url}/services/studiolo/metrics").raise_for_status().text)
    assert value(of_hub, "studiolo_claims_total", outcome="claimed") >= 1
    assert value(of_hub, "studiolo_claim_seconds_count", outcome="claimed") >= 1
    assert value(of_services, "studiolo_warm_pods", **POOL, state="ready") == 1
    assert value(of_services, "studiolo_warm_pods_made_total", **POOL) >= 1  # since it started anew


def test_a_claimed_workspace_is_known_to_a_hub_that_starts_anew_and_its_end_is_told_as_any_other_s(
    hub: ClaimingHub,
) -> None:
    hub.kill(HUB)
    hub.start(HUB)
    with hub.api_of("alice") as api:
        hub.until(lambda: bool(api.get("users/alice").json()["servers"].get("", {}).get("ready")), what="it is ready")
    pod = hub.pod_of("alice")
    assert pod is not None
    assert hub.is_claimed("alice")
    kubectl("-n", hub.namespace, "delete", "pod", pod["metadata"]["name"])
    with hub.api_of("alice") as api, closing(hub.browser_of("alice")) as browser:
        hub.until(lambda: not api.get("users/alice").json()["servers"], what="its end is noticed")
        said = re.sub(r"<[^>]*>|\s+", " ", unescape(browser.get("/hub/home").text))
        # Where the hub looks only once the pod is gone, nobody saw who took it.
        assert re.search(r"Somebody removed it from the cluster\.|It is gone, and nothing saw how it ended", said), said
    hub.until(lambda: hub.pod_of("alice") is None, what="the pod is gone")
    hub.start_for("alice")
    hub.stop_for("alice")
