"""How long a start is expected to take."""

from __future__ import annotations

import pytest

from hub.starts.expect import expected_seconds


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        pytest.param([], {}, id="nothing measured, nothing promised"),
        pytest.param([{"room": 0.1, "server": 2.0}], {"room": 0.1, "server": 2.0}, id="one start"),
        pytest.param(
            [{"server": 1}, {"server": 2}, {"server": 60}], {"server": 2}, id="one slow start changes nothing"
        ),
        pytest.param([{"server": 1.0}, {"server": 2.0}], {"server": 1.5}, id="two starts: halfway"),
        pytest.param([{"server": 1}, {"lab": 3}], {"server": 1, "lab": 3}, id="phases are measured apart"),
        pytest.param([{"server": 1 / 3}], {"server": 0.333}, id="no more digits than anybody can use"),
    ],
)
def test_each_phase_is_expected_to_take_its_median(starts: list[dict[str, float]], expected: dict[str, float]) -> None:
    assert expected_seconds(starts) == expected
