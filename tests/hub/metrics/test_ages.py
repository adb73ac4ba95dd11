"""How old data is, is looked up when somebody asks; where nothing was told yet there is no age."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from hub.metrics.ages import DataAges, show_pod_watch
from tests.hub.metrics.exposed import exposed, value


def test_an_age_is_the_one_of_this_moment() -> None:
    registry, now = CollectorRegistry(), [0.0]
    DataAges({"pods": lambda: now[0], "expectations": lambda: None}, registry)
    now[0] = 61.5
    assert exposed(registry)["studiolo_data_age_seconds"] == {(("source", "pods"),): 61.5}


def test_whether_the_pods_are_known_is_told() -> None:
    registry, is_synced = CollectorRegistry(), [False]
    show_pod_watch(lambda: is_synced[0], registry)
    assert value(exposed(registry), "studiolo_pod_watch_synced") == 0
    is_synced[0] = True
    assert value(exposed(registry), "studiolo_pod_watch_synced") == 1
