"""When starts that are compared begin: so many seconds after the node has looked at its containers."""

from __future__ import annotations

import pytest

from bench.kubelet_looks import looks, offsets

METRICS = """\
# TYPE kubelet_pleg_relist_duration_seconds histogram
kubelet_pleg_relist_duration_seconds_bucket{le="+Inf"} 68
kubelet_pleg_relist_duration_seconds_sum 0.71
kubelet_pleg_relist_duration_seconds_count 68
"""


def test_how_often_a_kubelet_has_looked_is_read_from_its_metrics() -> None:
    assert looks(METRICS) == 68


def test_a_kubelet_that_does_not_tell_is_an_error() -> None:
    with pytest.raises(ValueError, match="kubelet_pleg_relist_duration_seconds_count is missing"):
        looks("kubelet_running_pods 4\n")


def test_the_rounds_begin_evenly_over_a_second_after_a_warm_up() -> None:
    warm_up, *counted = offsets(4)
    assert warm_up == 0
    assert sorted(counted) == [0.125, 0.375, 0.625, 0.875]
