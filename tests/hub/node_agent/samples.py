"""A pod as the API server shows it, the order that claims it, and both as the agent has them."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from spawner.identity import (
    CLAIMED,
    SEAT_LABEL,
    USER_LABEL,
    HomeFolder,
    Identity,
    Order,
    TeamFolder,
)

POD = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)


def order(**change: Any) -> Order:
    given: dict[str, Any] = {
        "id": "a" * 32,
        "at": NOW,
        "namespace": "lab",
        "pod": "warm-1",
        "pod_uid": POD,
        "user": "alice",
        "home": HomeFolder(name="alice", uid=1000, gid=1000),
        "teams": (TeamFolder(name="vision"),),
        "identity": Identity(env={"HOME": "/home/jovyan", "SECRET": "of-alice"}, cwd="/home/jovyan"),
    }
    return Order(**{**given, **change})


def raw_pod(claimed_by: Order | None = None, **status: Any) -> dict[str, Any]:
    """A warm pod, claimed by an order or nobody's."""
    one = claimed_by
    return deepcopy(
        {
            "metadata": {
                "namespace": "lab",
                "name": "warm-1",
                "uid": POD,
                "labels": {SEAT_LABEL: CLAIMED, USER_LABEL: one.user} if one else {SEAT_LABEL: "parked"},
                "annotations": one.marks() if one else {},
            },
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
                "containers": [{"name": "notebook"}],
                "volumes": [{"name": "seat", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}],
            },
            "status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}], **status},
        }
    )
