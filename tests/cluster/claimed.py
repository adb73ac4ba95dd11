"""A warm pod at the installation of `make deploy`, as a test waits for one, finds whose it is, and looks into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from spawner.identity import CLAIMED, PARKED, SEAT_LABEL
from spawner.installation import KIND_LABEL
from spawner.warm_pod import HARDWARE_LABEL, WARM
from tests.cluster.accounts import new_api_token, signed_in
from tests.cluster.installed import Installed, eventually
from tests.hub.metrics.exposed import scrape

ADMIN = "carol"
CHOICE = {"environment": "minimal", "hardware": "medium"}
"""Of this hardware one is kept warm at the development cluster (`deploy/cluster/site_values.py`)."""

KNOWN_SECONDS = 240.0
"""From the first start of a software until a pod of it waits: rates are read each minute, and nodes are busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What a test looks at."""

    name: str
    uid: str
    seat: str
    """`parked`, `claimed`, or empty where it was made for its person."""


def pods_of(installed: Installed, user: str, server: str) -> list[Pod]:
    """All of one workspace's that are not gone."""
    labels = f"hub.jupyter.org/username={user},hub.jupyter.org/servername={server}"
    return [_pod(raw) for raw in _listed(installed, labels)]


def waiting(installed: Installed) -> list[Pod]:
    """Those of nobody that are ready to be claimed."""
    labels = f"{KIND_LABEL}={WARM},{SEAT_LABEL}={PARKED},{HARDWARE_LABEL}={CHOICE['hardware']}"
    return [_pod(raw) for raw in _listed(installed, labels) if _is_ready(raw)]


def wait_for_one(installed: Installed) -> Pod:
    """The pod that waits, once there is one."""
    eventually("a warm pod", lambda: bool(waiting(installed)), seconds=KNOWN_SECONDS)
    return waiting(installed)[0]


async def claims_counted(outcome: str) -> float:
    """How many the hub has counted since it started: claims that came to something, or why a start went normally."""
    async with signed_in(ADMIN) as client:
        headers = {"Authorization": f"token {await new_api_token(client, ADMIN)}"}
        found = scrape((await client.get("/hub/metrics", headers=headers)).raise_for_status().text)
    return found["studiolo_claims_total"].get((("outcome", outcome),), 0.0)


def inside(installed: Installed, pod: Pod, script: str) -> str:
    """What a shell in it prints."""
    return installed.theirs("exec", pod.name, "--", "sh", "-c", script)


def _listed(installed: Installed, labels: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(installed.theirs("get", "pods", "-l", labels, "-o", "json"))["items"]
    return found


def _pod(raw: dict[str, Any]) -> Pod:
    metadata = raw["metadata"]
    seat = metadata["labels"].get(SEAT_LABEL, "")
    assert seat in {"", PARKED, CLAIMED}
    return Pod(name=metadata["name"], uid=metadata["uid"], seat=seat)


def _is_ready(raw: dict[str, Any]) -> bool:
    statuses = raw.get("status", {}).get("containerStatuses") or []
    return "deletionTimestamp" not in raw["metadata"] and bool(statuses) and all(one["ready"] for one in statuses)
