"""A workspace above its memory loses its largest process, and ends only where nothing else would help."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.memory_watch import judge_memory, measure_memory

SERVER = 1


@pytest.mark.parametrize(
    ("sizes", "victims", "ends_workspace"),
    [
        pytest.param({1: 10, 2: 90}, (), False, id="exactly the limit"),
        pytest.param({1: 10, 2: 20, 3: 90}, (3,), False, id="largest kernel goes"),
        pytest.param({1: 50, 2: 30, 3: 30, 4: 30}, (2, 3), False, id="as few as needed, the largest first"),
        pytest.param({1: 101, 2: 5}, (), True, id="server alone is too large"),
        pytest.param({1: 120}, (), True, id="nothing but the server"),
        pytest.param({1: 10, 2: 0, 3: 95}, (3,), False, id="what has ended is left alone"),
    ],
)
def test_who_has_to_go(sizes: dict[int, int], victims: tuple[int, ...], ends_workspace: bool) -> None:
    verdict = judge_memory(sizes, server=SERVER, limit_bytes=100)
    assert (verdict.victims, verdict.ends_workspace) == (victims, ends_workspace)
    assert verdict.total_bytes == sum(sizes.values())


@given(st.dictionaries(st.integers(1, 9), st.integers(0, 200)), st.integers(1, 300))
def test_what_stays_is_within_the_limit_and_the_server_is_never_a_victim(sizes: dict[int, int], limit: int) -> None:
    verdict = judge_memory(sizes, server=SERVER, limit_bytes=limit)
    staying = sum(size for pid, size in sizes.items() if pid not in verdict.victims)
    assert SERVER not in verdict.victims
    assert verdict.ends_workspace or staying <= limit


def test_fair_shares_are_measured_only_near_the_limit() -> None:
    me = os.getpid()
    resident = measure_memory((me,), limit_bytes=2**50)[me]
    fair = measure_memory((me,), limit_bytes=1)[me]
    assert 0 < fair <= resident * 1.1


def test_process_that_has_gone_uses_nothing() -> None:
    assert measure_memory((2**22 + 1,), limit_bytes=0) == {2**22 + 1: 0}
