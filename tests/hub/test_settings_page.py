"""The page about settings says what the settings are."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.settings_page import render_settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_not_stale(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-data"):
        PAGE.write_text(render_settings_page())
    assert PAGE.read_text() == render_settings_page()


def test_every_row_says_what_the_setting_means() -> None:
    rows = [line.split(" | ") for line in render_settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    assert [row for row in rows if len(row[2]) < 10] == []
