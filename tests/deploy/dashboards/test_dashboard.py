"""The dashboard asks only for what hub, services and proxy really tell."""

from __future__ import annotations

import json
import re

import pytest
from jupyterhub import metrics as jupyterhub_metrics
from prometheus_client import REGISTRY, generate_latest

from deploy.dashboards.panels import Query, render
from deploy.dashboards.studiolo import STUDIOLO
from hub.metrics.declared import METRICS
from hub.settings import CHECKOUT
from tests.deploy.dashboards.promql import asked_by
from tests.hub.metrics.every_metric import hub_registry, services_registry

FILE = CHECKOUT / "deploy" / "dashboards" / "studiolo.json"
PROXY_METRICS = CHECKOUT / "node_modules" / "configurable-http-proxy" / "lib" / "metrics.js"
OF_A_SCRAPE = {"job", "instance", "pod", "namespace"}
"""Labels that Prometheus itself adds to everything."""

SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? ", flags=re.MULTILINE)
LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')
PROXY_METRIC = re.compile(r'name: "(\w+)",(?:(?!name:)[^}])*?(?:labelNames: \[([^\]]*)\]|registers)')


def of_hub_and_services() -> dict[str, set[str]]:
    """Every sample of both, by its name as Prometheus stores it: the labels that it has."""
    jupyterhub_metrics.REQUEST_DURATION_SECONDS.labels(method="GET", handler="HomePage", code=200)
    found: dict[str, set[str]] = {}
    for registry in (hub_registry(), services_registry(), REGISTRY):
        for sample in SAMPLE.finditer(generate_latest(registry).decode()):
            found.setdefault(sample["name"], set()).update(LABEL.findall(sample["labels"] or ""))
    return found


def of_the_proxy() -> dict[str, set[str]]:
    """The proxy's, out of the program itself."""
    return {
        name: set(re.findall(r'"(\w+)"', labels or ""))
        for name, labels in PROXY_METRIC.findall(PROXY_METRICS.read_text())
    }


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return of_hub_and_services() | of_the_proxy()


def test_the_file_is_not_stale(request: pytest.FixtureRequest) -> None:
    text = json.dumps(render(STUDIOLO), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-data"):
        FILE.write_text(text)
    assert FILE.read_text() == text


@pytest.mark.parametrize("query", [pytest.param(query, id=query.expression) for query in STUDIOLO.queries])
def test_a_query_names_metrics_and_labels_that_exist(query: Query, known: dict[str, set[str]]) -> None:
    asked = asked_by(query.expression)
    shown = set(re.findall(r"\{\{(\w+)\}\}", query.name))
    assert asked.labels_by_metric
    for metric, labels in asked.labels_by_metric.items():
        assert metric in known
        assert labels | asked.grouped_by <= known[metric] | OF_A_SCRAPE
        assert shown <= (asked.grouped_by or known[metric] | OF_A_SCRAPE)


def test_the_choices_at_the_top_are_labels_that_exist(known: dict[str, set[str]]) -> None:
    for variable in STUDIOLO.variables:
        assert variable.label in known[variable.metric]


def test_every_metric_of_ours_is_on_it() -> None:
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for query in STUDIOLO.queries
        for name in asked_by(query.expression).labels_by_metric
    }
    assert {metric.name for metric in METRICS} - asked <= {"studiolo_catalog_loaded_timestamp_seconds"}


@pytest.mark.parametrize(
    ("expression", "metrics", "grouped_by"),
    [
        ('sum by (le, a) (rate(x_bucket{b="c d", e!~"f.."}[5m]))', {"x_bucket": {"b", "e"}}, {"le", "a"}),
        ("sum(x) / sum(y) > 0 or vector(0)", {"x": set(), "y": set()}, set()),
        ('histogram_quantile(0.95, x{y="rate(z)"})', {"x": {"y"}}, set()),
        ("x unless max_over_time(x[$some] offset $some) and on (a, b) y", {"x": set(), "y": set()}, set()),
    ],
)
def test_queries_are_read_as_prometheus_does(
    expression: str, metrics: dict[str, set[str]], grouped_by: set[str]
) -> None:
    asked = asked_by(expression)
    assert (asked.labels_by_metric, asked.grouped_by) == (metrics, grouped_by)


def test_panels_lie_beside_and_below_each_other() -> None:
    places = [panel["gridPos"] for panel in render(STUDIOLO)["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_no_query_of_a_mistaken_name_would_pass(known: dict[str, set[str]]) -> None:
    assert "studiolo_start_second_count" not in known
    assert "status" not in known["studiolo_start_seconds_count"]
    assert known["requests_proxy"] == {"status"}
