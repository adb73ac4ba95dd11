"""Rules that alert ask only for what hub and services really tell, and each says what to do."""

from __future__ import annotations

import json
import re

import pytest

from deploy.dashboards.alerts import ALERTS, Alert, render
from hub.metrics.declared import METRICS
from hub.settings import CHECKOUT
from tests.deploy.dashboards.promql import asked_by

FILE = CHECKOUT / "deploy" / "dashboards" / "alerts.json"
LABELS = {"process_start_time_seconds": set()} | {metric.name: set(metric.labels) for metric in METRICS}
"""Of ours, and of what every process tells."""


def test_the_file_is_not_stale(request: pytest.FixtureRequest) -> None:
    text = json.dumps(render(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-data"):
        FILE.write_text(text)
    assert FILE.read_text() == text


@pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in ALERTS])
def test_a_rule_names_metrics_and_labels_that_exist(alert: Alert) -> None:
    asked = asked_by(alert.expression)
    assert asked.labels_by_metric
    for metric, labels in asked.labels_by_metric.items():
        assert labels | asked.grouped_by <= LABELS[metric]
    assert set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.todo)) <= asked.grouped_by
    assert alert.todo
