"""Alert rules and the dashboard's queries, evaluated by Prometheus' own promtool on samples whose answer is known."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.dashboards.alerts import ALERTS
from deploy.dashboards.studiolo import STUDIOLO

RULES: Final = Path(__file__).parents[3] / "deploy" / "dashboards" / "alerts.json"
DATA: Final = Path(__file__).parent / "data"
ALERT_CASES: Final[list[dict[str, Any]]] = yaml.safe_load((DATA / "alerts.yaml").read_text())
PANEL_CASES: Final[list[dict[str, Any]]] = yaml.safe_load((DATA / "panels.yaml").read_text())

PANELS: Final = [panel for row in STUDIOLO.rows for panel in row.panels]
QUERIES: Final = {(panel.title, query.name): query.expression for panel in PANELS for query in panel.queries}
"""Of the dashboard, by panel and by what the answer is called."""

CHOSEN: Final = {"$environment": ".*", "$hardware": ".*", "$__rate_interval": "5m"}
"""What Grafana writes in their places."""


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.fail("There is no promtool. Debian's package prometheus has it: deploy/local/apt_install.sh prometheus")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def complaints(folder: Path, *groups: dict[str, Any], rules: tuple[Path, ...] = ()) -> str:
    """What promtool has against these groups of tests, by their names; nothing where all is as they say.

    It evaluates each rule at each minute of each group.
    """
    file = folder / "tests.yaml"
    rule_files = [str(path) for path in rules]
    file.write_text(yaml.safe_dump({"rule_files": rule_files, "evaluation_interval": "1m", "tests": list(groups)}))
    done = promtool("test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def alert_group(case: dict[str, Any]) -> dict[str, Any]:
    """With the annotations that a rule has: which they are is tested where it is declared."""
    said = {alert.name: alert for alert in ALERTS}
    checks = []
    for check in case["alert_rule_test"]:
        alert = said[check["alertname"]]
        fired = [
            one | {"exp_annotations": {"summary": _filled(alert.summary, one), "description": alert.todo}}
            for one in check["exp_alerts"]
        ]
        checks.append(check | {"exp_alerts": fired})
    interval = case.get("interval", "1m")
    return {"name": case["name"], "interval": interval, "input_series": case["input_series"], "alert_rule_test": checks}


def panel_group(case: dict[str, Any]) -> dict[str, Any]:
    """The questions of one panel about one set of series."""
    checks = [
        {
            "expr": as_grafana_asks(QUERIES[case["panel"], name]),
            "eval_time": case["at"],
            "exp_samples": [{"labels": labels, "value": value} for labels, value in answer.items()],
        }
        for name, answer in case["gives"].items()
    ]
    series = [{"series": name, "values": values} for name, values in case["series"].items()]
    name = f"{case['panel']}: {case['name']}"
    return {"name": name, "interval": "1m", "input_series": series, "promql_expr_test": checks}


def as_grafana_asks(expression: str) -> str:
    """With the choices at the top of the page, and the width of the picture."""
    for variable, value in CHOSEN.items():
        expression = expression.replace(variable, value)
    return expression


def _filled(text: str, alert: dict[str, Any]) -> str:
    for name, value in alert["exp_labels"].items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return text


def test_samples_are_text_that_promtool_reads() -> None:
    """YAML takes `0x60` for a number; it has to be `0+0x60`."""
    alerts = [one["values"] for case in ALERT_CASES for one in case["input_series"]]
    panels = [values for case in PANEL_CASES for values in case["series"].values()]
    assert {type(values) for values in (*alerts, *panels)} == {str}


def test_prometheus_takes_the_file_of_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_rules_fire_when_they_should_and_are_silent_otherwise(tmp_path: Path) -> None:
    assert complaints(tmp_path, *map(alert_group, ALERT_CASES), rules=(RULES,)) == ""


@pytest.mark.parametrize("alert", [alert.name for alert in ALERTS])
def test_each_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(alert: str) -> None:
    checks = [check for case in ALERT_CASES for check in case["alert_rule_test"] if check["alertname"] == alert]
    assert {bool(check["exp_alerts"]) for check in checks} == {True, False}


def test_panels_show_what_happened(tmp_path: Path) -> None:
    assert complaints(tmp_path, *map(panel_group, PANEL_CASES)) == ""


def test_each_query_of_the_dashboard_has_a_case_in_which_it_gives_something() -> None:
    given = {(case["panel"], name) for case in PANEL_CASES for name, answer in case["gives"].items() if answer}
    assert given == set(QUERIES)
    assert len(QUERIES) == len(STUDIOLO.queries)


def test_a_mistaken_answer_would_be_seen(tmp_path: Path) -> None:
    """Nothing is taken for right only because promtool did not look."""
    case = next(case for case in PANEL_CASES if case["panel"] == "By state")
    wrong = {name: {labels: value + 1 for labels, value in answer.items()} for name, answer in case["gives"].items()}
    assert "studiolo_workspaces" in complaints(tmp_path, panel_group(case | {"gives": wrong}))
    fires = {"eval_time": "35m", "alertname": ALERTS[-1].name, "exp_alerts": [{"exp_labels": {"severity": "warning"}}]}
    group = alert_group({"name": "silent", "input_series": [], "alert_rule_test": [fires]})
    assert ALERTS[-1].name in complaints(tmp_path, group, rules=(RULES,))
