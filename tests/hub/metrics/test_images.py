"""What Prometheus is told of images that are brought to nodes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from hub.metrics.images import ImageMetrics
from hub.prepull.keeper import Look
from hub.prepull.plan import NodeImages, Why
from hub.prepull.pull_pod import Came, PullPod
from hub.prepull.store import Fetched
from tests.hub.capacity.shapes import NOW
from tests.hub.metrics.every_metric import LOOK
from tests.hub.metrics.exposed import Values, exposed

OLD, NEW = "python@sha256:1", "python@sha256:2"


def shown(look: Look, looked_at: datetime | None = NOW, since: datetime | None = None) -> Values:
    registry = CollectorRegistry()
    keeper = SimpleNamespace(seen=look, looked_at=looked_at)
    ImageMetrics(cast("Any", keeper), registry, since=since)
    return exposed(registry)


def test_nodes_are_counted_by_what_has_become_of_their_images() -> None:
    names = ("has", "fetches", "waits", "failed")
    wish = replace(LOOK.wished[0], nodes=frozenset(names))
    look = Look(
        nodes=tuple(
            NodeImages(name=name, uid=name, group="", has=frozenset({OLD} if name == "has" else ())) for name in names
        ),
        wished=(wish, replace(wish, image=NEW, why=Why.ANNOUNCED, nodes=frozenset({"has"}))),
        failed=(Fetched(node_uid="failed", node="failed", image=OLD, at=NOW, tries=1, reason="It is away."),),
        fetching=(PullPod(name="p", uid="p", node="fetches", node_uid="fetches", image=OLD, came=Came.FETCHING),),
    )
    counts = {dict(labels)["state"]: count for labels, count in shown(look)["studiolo_images_ahead"].items()}
    assert counts == {"present": 1, "fetching": 1, "waiting": 2, "failed": 1}  # the new one waits on `has`


def test_before_the_first_look_the_beginning_of_the_process_is_told() -> None:
    assert shown(Look(), looked_at=None, since=NOW) == {
        "studiolo_images_looked_timestamp_seconds": {(): NOW.timestamp()}
    }
