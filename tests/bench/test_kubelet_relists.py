"""When starts that are compared begin: so many seconds after the kubelet has relisted its containers."""

from __future__ import annotations

from bench.kubelet_relists import offsets


def test_the_rounds_begin_evenly_over_a_second_after_a_warm_up() -> None:
    warm_up, *counted = offsets(4)
    assert warm_up == 0
    assert sorted(counted) == [0.125, 0.375, 0.625, 0.875]
