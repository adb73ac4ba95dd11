"""What is offered instead is on offer, fits a node that is in use, and is nearest first."""

from __future__ import annotations

import pytest

from spawner.progress import Phase
from spawner.verdicts.create_refusals import QuotaExceeded
from spawner.verdicts.errors import Verdict
from spawner.verdicts.next_best import next_best
from spawner.verdicts.outcomes import NeverFits, NodeLost, NodesCordoned, NoRoomNow
from spawner.verdicts.scheduling_text import NodeCounts
from studiolo.catalog import CpuShare, Hardware
from studiolo.catalog_model import Gpu
from tests.spawner.test_node_fits import GIB, hardware, machine

SMALL = hardware("small", memory_bytes=4 * GIB, cpu=CpuShare(request=1, limit=1))
MEDIUM = hardware("medium")
HUGE = hardware("huge", memory_bytes=99 * GIB)
GPU = hardware("gpu", gpu=Gpu(resource="nvidia.com/gpu", count=1))
AMD = hardware("amd", gpu=Gpu(resource="amd.com/gpu", count=1))
REMOTE = hardware("remote", node_selector=(("zone", "1"),))
OFFERED = (AMD, GPU, HUGE, MEDIUM, SMALL)
NODES = (machine(), machine("broken", is_ready=False))

NEVER = NeverFits(counts=NodeCounts(), said="")
FULL = NoRoomNow(counts=NodeCounts(), waited_seconds=60.0, said="")
LOST = NodeLost(phase=Phase.ROOM, node="a")
CORDONED = NodesCordoned(counts=NodeCounts(), said="")


@pytest.mark.parametrize(
    ("verdict", "asked", "names"),
    [
        pytest.param(NEVER, HUGE, ["medium", "small", "gpu"], id="too large: the nearest first"),
        pytest.param(NEVER, AMD, ["gpu", "medium", "small"], id="no such GPU: another one first"),
        pytest.param(CORDONED, GPU, ["medium", "small"], id="out of use: something else"),
        pytest.param(FULL, GPU, ["medium", "small"], id="full: only smaller ones"),
        pytest.param(FULL, SMALL, [], id="full: nothing is smaller"),
        pytest.param(LOST, HUGE, [], id="room was not the trouble"),
    ],
)
def test_what_fits_is_named_and_the_nearest_first(verdict: Verdict, asked: Hardware, names: list[str]) -> None:
    assert [entry.name for entry in next_best(verdict, asked, offered=OFFERED, nodes=NODES)] == names


def test_where_its_nodes_are_full_other_nodes_may_have_room_for_the_same_size() -> None:
    nodes = (machine(), machine("far", labels=(("zone", "1"),)))
    only_here = hardware("here", node_selector=(("zone", "1"),))
    assert next_best(FULL, only_here, offered=(only_here, MEDIUM, REMOTE), nodes=nodes) == (MEDIUM,)


def test_what_starts_at_this_moment_is_named_before_what_would_fit_an_empty_node() -> None:
    assert next_best(FULL, GPU, offered=OFFERED, nodes=NODES, by_forecast=(SMALL, MEDIUM)) == (SMALL, MEDIUM)
    assert next_best(LOST, GPU, offered=OFFERED, nodes=NODES, by_forecast=(SMALL,)) == ()
    assert next_best(FULL, GPU, offered=OFFERED, nodes=None, by_forecast=(SMALL,)) == ()


def test_of_a_quota_only_a_forecast_knows_what_it_still_allows() -> None:
    refused = QuotaExceeded(quota="people", shares=(), said="")
    assert next_best(refused, GPU, offered=OFFERED, nodes=NODES, by_forecast=(SMALL,)) == (SMALL,)
    assert next_best(refused, GPU, offered=OFFERED, nodes=NODES) == ()


def test_nothing_is_named_where_nobody_knows_the_nodes() -> None:
    assert next_best(NEVER, HUGE, offered=OFFERED, nodes=None) == ()


def test_nothing_is_named_where_no_node_is_in_use() -> None:
    assert next_best(NEVER, HUGE, offered=OFFERED, nodes=(machine("broken", is_ready=False),)) == ()
