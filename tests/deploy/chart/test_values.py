"""The chart's values: the settings' names and a few more, all known, all explained, and refused when they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from deploy.charting.generated import CHART, default_values, defaults_by_name, value_at
from deploy.charting.schema import chart_only, chart_schema, described, values_schema
from deploy.charting.values import CHART_DECIDES
from hub.settings import load_settings

SCHEMA = values_schema()
CHART_NAMES = [name for name, _ in described(chart_schema()) if name != "global"]
SETTINGS_NAMES = [name for name, _ in described(SCHEMA) if name not in {*CHART_NAMES, "global"}]


def problems(values: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)]


def nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def test_the_chart_s_own_values_are_valid() -> None:
    assert problems(default_values()) == []


@pytest.mark.parametrize("name", CHART_NAMES)
def test_each_value_of_the_chart_has_a_default_and_says_what_it_means(name: str) -> None:
    value_at(default_values(), name)
    assert len(dict(described(chart_schema()))[name]) > 10


@pytest.mark.parametrize("name", CHART_NAMES)
def test_each_value_of_the_chart_has_a_default_also_where_a_release_is_older(name: str) -> None:
    assert defaults_by_name()[name] == value_at(default_values(), name)


def test_every_template_takes_defaults_before_it_reads_a_value() -> None:
    """Whichever Helm renders first."""
    templates = [path for path in (CHART / "templates").rglob("*") if path.is_file() and not path.name.startswith("_")]
    assert len(templates) > 20
    for path in templates:
        assert path.read_text().startswith('{{- include "studiolo.values" . -}}\n'), path


@pytest.mark.parametrize("name", SETTINGS_NAMES)
def test_a_setting_that_is_a_value_reaches_the_hub(name: str) -> None:
    """The template takes out what is the chart's alone, and nothing else."""
    assert not [taken for taken in chart_only() if f"{name}.".startswith(f"{taken}.")]


@pytest.mark.parametrize("name", CHART_DECIDES)
def test_what_the_chart_decides_cannot_be_set(name: str) -> None:
    assert problems(nested(name, "anything")) != []


@pytest.mark.parametrize(
    "values",
    [
        {"publicURL": "https://studiolo.example.org"},
        {"hub": {"replicas": 2}},
        {"hub": {"image": {"digest": "latest"}}},
        {"hub": {"pdb": {"maxUnavailable": 2}}},
        {"proxy": {"service": {"type": "ExternalName"}}},
        {"homes": {"nfs": "server:/homes"}},
        {"workspaces": {"namedLimit": 0}},
        {"workspaces": {"namedLimit": "10"}},
        {"kubernetes": {"uid": 0}},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(values: dict[str, Any]) -> None:
    assert problems(values) != []


def test_values_are_the_settings_that_the_hub_reads(tmp_path: Path) -> None:
    """The same words in both: an operator learns them once."""
    text = "publicUrl: https://studiolo.example.org\nworkspaces: {namedLimit: 3, startTimeout: 20m}\n"
    (tmp_path / "studiolo.yaml").write_text(text)
    settings = load_settings(tmp_path / "studiolo.yaml", {"dataDirectory": tmp_path})
    assert settings.workspaces.named_limit == 3
    values = {"publicUrl": settings.public_url, "workspaces": {"namedLimit": 3, "startTimeout": "20m"}}
    assert problems(values) == []
