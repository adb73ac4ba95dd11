"""What Prometheus is told of the catalogs."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.utils import floatToGoString

from hub.metrics.catalogs import CatalogMetrics
from spawner.catalogs import CatalogStatus
from studiolo.problems import Problem

LOADED = datetime(2026, 5, 1, tzinfo=UTC)
PROBLEM = Problem(
    file="hardware.yaml",
    line=3,
    column=5,
    path="hardware.small.memry",
    message='Not known. Perhaps you meant "memory"?',
)


def shown(*states: CatalogStatus) -> str:
    registry = CollectorRegistry()
    metrics = CatalogMetrics(registry)
    for state in states:
        metrics.show(state)
    return generate_latest(registry).decode()


def status(*problems: Problem, is_valid: bool = True) -> CatalogStatus:
    return CatalogStatus(loaded_at=LOADED, is_valid=is_valid, problems=problems, changed_at=LOADED)


def test_good_catalogs_are_valid_and_say_since_when() -> None:
    text = shown(status())
    assert "studiolo_catalog_valid 1.0" in text
    assert f"studiolo_catalog_loaded_timestamp_seconds {floatToGoString(LOADED.timestamp())}" in text
    assert "studiolo_catalog_problem{" not in text


def test_refused_catalogs_show_each_problem_with_the_words_of_check() -> None:
    text = shown(status(PROBLEM, is_valid=False))
    assert "studiolo_catalog_valid 0.0" in text
    assert (
        'studiolo_catalog_problem{problem="hardware.yaml:3:5: hardware.small.memry: '
        'Not known. Perhaps you meant \\"memory\\"?"} 1.0' in text
    )


def test_a_problem_that_was_solved_is_no_longer_shown() -> None:
    text = shown(status(PROBLEM, is_valid=False), status())
    assert "studiolo_catalog_valid 1.0" in text
    assert "studiolo_catalog_problem{" not in text
