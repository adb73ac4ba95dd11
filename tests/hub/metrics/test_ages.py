"""How old data is, is looked up when somebody asks; where nothing was told yet there is no age."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from hub.metrics.ages import DataAges
from tests.hub.metrics.exposed import Values, exposed, value


def ages(*, expectations: float | None = None, pods: Any = None, now: float = 0) -> Values:
    registry = CollectorRegistry()
    history: Any = SimpleNamespace(seconds_silent=lambda: expectations)
    DataAges(history, lambda: pods, clock=lambda: now, registry=registry)
    return exposed(registry)


def watch(*, is_synced: bool, heard_at: float) -> Any:
    return SimpleNamespace(is_synced=is_synced, seconds_silent=lambda now: now - heard_at)


def test_an_age_is_the_one_of_this_moment() -> None:
    found = ages(expectations=3, pods=watch(is_synced=True, heard_at=40), now=101.5)
    assert value(found, "studiolo_data_age_seconds", source="pods") == 61.5
    assert value(found, "studiolo_data_age_seconds", source="expectations") == 3


@pytest.mark.parametrize("is_synced", [True, False])
def test_whether_the_pods_are_known_is_told(is_synced: bool) -> None:
    found = ages(pods=watch(is_synced=is_synced, heard_at=0))
    assert value(found, "studiolo_pod_watch_synced") == is_synced


def test_nothing_is_said_of_what_nobody_told_of() -> None:
    assert ages() == {}
