"""The page about settings says what the settings are, and so do the chart's files that are written from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.charting.generated import generated
from hub.settings_page import render_settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_not_stale(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-data"):
        PAGE.write_text(render_settings_page())
    assert PAGE.read_text() == render_settings_page()


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_the_chart_s_files_are_not_stale(path: Path, request: pytest.FixtureRequest) -> None:
    text = generated()[path]
    if request.config.getoption("--update-data"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} is stale: see --update-data"


def test_every_row_says_what_the_setting_means() -> None:
    rows = [line.split(" | ") for line in render_settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    assert [row for row in rows if len(row[2]) < 10] == []
