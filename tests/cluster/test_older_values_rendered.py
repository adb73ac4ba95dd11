"""A release that is older than some of the chart's values: `helm upgrade --reuse-values` knows no default of those.

What Helm does then is what it does with a chart whose values.yaml is the older one, so the tests render such charts.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.charting.generated import CHART, default_values
from tests.cluster.charts import LEAST, WITH_AGENTS, find, merged, render
from tests.cluster.test_chart_rendered import CASES

NEWER = frozenset({"admissionPolicy", "capacity", "claims", "logs", "maintenance", "metrics", "models"})
"""Blocks that early releases had not."""

Older = Callable[[Collection[str]], Path]


@pytest.fixture
def older(tmp_path: Path) -> Older:
    """The chart with the defaults of a release that had none of these blocks."""

    def made(lacking: Collection[str]) -> Path:
        chart = tmp_path / "chart"
        shutil.copytree(CHART, chart)
        values = {name: value for name, value in default_values().items() if name not in lacking}
        (chart / "values.yaml").write_text(yaml.safe_dump(values))
        return chart

    return made


@pytest.fixture(scope="module")
def with_agents() -> list[dict[str, Any]]:
    return render(WITH_AGENTS)


@pytest.mark.parametrize("block", default_values())
def test_an_installation_whose_values_lack_a_block_is_the_same_as_by_its_defaults(
    block: str, older: Older, with_agents: list[dict[str, Any]]
) -> None:
    assert render(WITH_AGENTS, chart=older({block})) == with_agents


@pytest.mark.parametrize("name", CASES)
def test_an_installation_of_an_early_release_is_the_same_as_by_the_defaults(name: str, older: Older) -> None:
    assert render(CASES[name], chart=older(NEWER)) == render(CASES[name])


def test_no_default_at_all_is_needed_of_the_release(older: Older, with_agents: list[dict[str, Any]]) -> None:
    chart = older(default_values())
    assert render(WITH_AGENTS, chart=chart) == with_agents
    assert render(LEAST, chart=chart) == render(LEAST)


def test_what_somebody_said_holds_also_where_it_is_empty_or_no(older: Older) -> None:
    said = {
        "capacity": {"enabled": False},
        "admissionPolicy": {"enabled": False},
        "workspaces": {"networkPolicy": {"egressAllowRules": {"nonPrivateIPs": False}}},
        "hub": {"resources": {"requests": {"memory": "1Gi"}}},
    }
    chart = older(default_values())
    rendered = render(merged(LEAST, said), chart=chart)
    kinds = {one["kind"] for one in rendered}
    assert "ValidatingAdmissionPolicy" not in kinds
    assert "lab-capacity" not in str(rendered)
    policy = find(rendered, "NetworkPolicy", "studiolo-workspaces", "lab-workspaces")
    assert "0.0.0.0/0" not in str(policy)
    (container,) = find(rendered, "Deployment", "studiolo-hub")["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"memory": "1Gi"}}


def test_null_takes_away_a_part_of_what_kubernetes_gives_the_form_of_and_no_value() -> None:
    rendered = render(merged(LEAST, {"hub": {"resources": {"limits": None}, "pdb": None}}))
    (container,) = find(rendered, "Deployment", "studiolo-hub")["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "200m", "memory": "512Mi"}}
    assert find(rendered, "PodDisruptionBudget", "studiolo-hub")["spec"]["maxUnavailable"] == 1
