"""The page about metrics says what the metrics are, and what is declared is what a scrape finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from hub.metrics.declared import METRICS, Process
from hub.metrics.page import render_metrics_page
from tests.hub.metrics.every_metric import hub_registry, services_registry

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_not_stale(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-data"):
        PAGE.write_text(render_metrics_page())
    assert PAGE.read_text() == render_metrics_page()


def told(registry: CollectorRegistry) -> dict[str, str]:
    lines = generate_latest(registry).decode().splitlines()
    return dict(line.removeprefix("# TYPE ").split(" ") for line in lines if line.startswith("# TYPE studiolo_"))


@pytest.mark.parametrize(
    ("process", "registry"),
    [
        pytest.param(Process.HUB, hub_registry, id="hub"),
        pytest.param(Process.SERVICES, services_registry, id="services"),
    ],
)
def test_a_process_tells_what_is_declared_of_it_and_nothing_else(
    process: Process, registry: Callable[[], CollectorRegistry]
) -> None:
    found = {name: kind for name, kind in told(registry()).items() if not name.endswith("_created")}
    assert found == {metric.name: metric.kind.value for metric in METRICS if metric.process is process}
