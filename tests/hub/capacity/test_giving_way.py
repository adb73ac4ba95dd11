"""Who gives way to a start that no node has room for, and to whoever empties a node: no more warm pods than needed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.capacity.giving_way import GivingWay, give_way
from hub.capacity.pool_plan import ParkedPod
from hub.capacity.view import NodeRoom, View
from spawner.amounts import needs_of
from studiolo.catalog_model import Toleration
from tests.hub.capacity.shapes import LARGE, ONE_GPU, SMALL, facts, node, placeholder, pod

HARDWARE = {one.name: one for one in (SMALL, LARGE, ONE_GPU)}
NOTHING = GivingWay()


def warm(number: int, hardware: str = "small", on: str = "a", *, ready: bool = True) -> ParkedPod:
    return ParkedPod(
        name=f"warm-{number}",
        uid=f"{number}",
        resource_version="1",
        pool=("base", hardware),
        template="new",
        node=on,
        is_ready=ready,
    )


def ending(parked: ParkedPod) -> ParkedPod:
    return replace(parked, is_ending=True)


def holding(*parked: ParkedPod, name: str = "a", **more: object) -> NodeRoom:
    """A node of four cores with these pods on it."""
    taken = [needs_of(HARDWARE[one.pool[1]]) for one in parked if one.node == name]
    placed = [
        pod(cpu=one.cpu_millis // 1000, memory=one.memory_bytes // 2**30, gpus=one.count_of("nvidia.com/gpu"))
        for one in taken
    ]
    return node(name, *placed, **more)  # type: ignore[arg-type]  # of its facts


def of(waiting: list[str], parked: list[ParkedPod], *nodes: NodeRoom) -> GivingWay:
    return give_way(waiting, parked, HARDWARE, View(nodes=nodes))


FULL = [warm(1), warm(2), warm(3), warm(4)]


def test_where_no_start_waits_nothing_is_given_up() -> None:
    assert of([], FULL, holding(*FULL)) == NOTHING


def test_a_start_gets_the_place_of_one_and_meanwhile_none_is_made_that_could_take_it() -> None:
    found = of(["small"], FULL, holding(*FULL))
    assert found.give_up == {"1"}
    assert found.held_back == {"small", "large", "gpu"}  # all of them go to this node


def test_each_start_gets_one_and_one_that_goes_already_is_somebodys() -> None:
    assert of(["small"] * 3, FULL, holding(*FULL)).give_up == {"1", "2", "3"}
    assert of(["small"], [ending(warm(1)), *FULL[1:]], holding(*FULL)).give_up == set()
    assert of(["small"] * 2, [ending(warm(1)), *FULL[1:]], holding(*FULL)).give_up == {"2"}
    assert of(["small"] * 9, FULL, holding(*FULL)).give_up == {"1", "2", "3", "4"}


def test_a_large_start_gets_as_many_as_it_needs_or_none() -> None:
    assert of(["large"], FULL, holding(*FULL)).give_up == {"1", "2", "3", "4"}
    beside = [warm(1), warm(2)]
    assert of(["large"], beside, node("a", pod(cpu=2), pod(), pod())).give_up == set()


def test_what_a_large_one_left_is_enough_for_several_small_starts() -> None:
    assert of(["small"] * 4, [ending(warm(1, "large"))], holding(warm(1, "large"))).give_up == set()
    large = [warm(1, "large")]
    assert of(["small"] * 4, large, holding(*large)).give_up == {"1"}


def test_what_would_not_help_stays() -> None:
    both = [warm(1), warm(2, "gpu")]
    found = of(["gpu"], both, holding(*both, gpus=1))
    assert found.give_up == {"2"}
    no_help = of(["gpu"], [warm(1)], holding(warm(1)))
    assert (no_help.give_up, no_help.held_back) == (set(), {"gpu"})


def test_pods_that_were_of_no_use_stay() -> None:
    """A start of another hardware first looks at others, and only those that were needed go."""
    parked = [warm(1), warm(2, "gpu"), warm(3)]
    full = holding(*parked, gpus=1, cpu=3, memory=12)
    hardware = {**HARDWARE, "other": ONE_GPU.model_copy(update={"name": "other"})}
    found = give_way(["other"], parked, hardware, View(nodes=(full,)))
    assert found.give_up == {"2"}


def test_the_scheduler_is_believed_where_our_picture_shows_room() -> None:
    """It may lack what others run there: one goes, and the next if that was not enough."""
    assert of(["small"], [warm(1), warm(2)], holding(warm(1), warm(2))).give_up == {"1"}


def test_slots_give_way_by_themselves_and_count_as_free() -> None:
    assert of(["large"], [warm(1)], node("a", placeholder(cpu=3, memory=12), pod())).give_up == {"1"}


def test_the_node_where_the_fewest_go_and_there_those_that_have_not_parked() -> None:
    parked = [warm(1, on="b"), warm(2, on="b"), warm(3, on="b"), warm(4, on="b"), warm(5, "large", on="c")]
    nodes = holding(*parked, name="b"), holding(*parked, name="c")
    assert of(["large"], parked, *nodes).give_up == {"5"}
    assert of(["small"], [warm(1), warm(2, ready=False)], holding(warm(1), warm(2))).give_up == {"2"}


def test_one_that_waits_for_room_itself_does_not_get_it_before_a_start() -> None:
    unplaced = warm(9, on="")
    assert of(["small"], [*FULL, unplaced], holding(*FULL)).give_up == {"1", "9"}
    assert of(["small"], [unplaced], node("a", pod(cpu=4))).give_up == {"9"}
    assert of([], [unplaced], node("a", pod(cpu=4))) == NOTHING
    assert of(["small"], [ending(unplaced)], node("a", pod(cpu=4))).give_up == set()


@pytest.mark.parametrize("blind", [True, False])
def test_hardware_that_is_not_in_the_catalog_is_nobodys_concern(blind: bool) -> None:
    view = None if blind else View(nodes=(holding(*FULL),))
    assert give_way(["gone"], [*FULL, warm(9, "gone")], HARDWARE, view) == NOTHING


def test_where_nodes_may_not_be_seen_a_start_gets_the_place_of_a_pod_of_its_own_hardware() -> None:
    parked = [*FULL, warm(5, "large"), warm(6, on="")]
    assert give_way(["small"], parked, HARDWARE, None) == GivingWay(
        give_up=frozenset({"1", "6"}), held_back=frozenset({"small"})
    )
    assert give_way(["small"], [ending(warm(1)), warm(2)], HARDWARE, None).give_up == set()
    assert give_way(["small"] * 2, [ending(warm(1)), warm(2)], HARDWARE, None).give_up == {"2"}


@pytest.mark.parametrize(
    ("changed", "goes"),
    [
        pytest.param({"is_cordoned": True}, True, id="it is emptied"),
        pytest.param({"is_short_of_disk": True}, True, id="short of disk"),
        pytest.param({}, False, id="it is in use"),
        pytest.param({"is_ready": False}, False, id="it is silent"),
        pytest.param(
            {"is_ready": False, "taints": (("node.kubernetes.io/unreachable", "", "NoExecute"),)},
            False,
            id="it is silent, and Kubernetes says so",
        ),
    ],
)
def test_pods_leave_a_node_that_takes_nothing_new(changed: dict[str, object], goes: bool) -> None:
    out_of_use = replace(holding(warm(1)), facts=replace(facts("a"), **changed))  # type: ignore[arg-type]  # by name
    parked = [warm(1), ending(warm(2)), warm(3, on="elsewhere"), replace(warm(4), is_ended=True)]
    found = of([], parked, out_of_use)
    assert found.give_up == ({"1"} if goes else set())
    assert not found.held_back


def test_a_pod_that_would_be_there_again_stays() -> None:
    anywhere = SMALL.model_copy(update={"tolerations": (Toleration(operator="Exists"),)})
    out_of_use = View(nodes=(replace(holding(warm(1)), facts=facts("a", is_cordoned=True, is_short_of_disk=True)),))
    assert give_way([], [warm(1)], {"small": anywhere}, out_of_use) == NOTHING


def test_a_node_that_takes_nothing_new_gives_no_start_room() -> None:
    cordoned = replace(holding(*FULL), facts=facts("a", is_cordoned=True))
    assert of(["small"], FULL, cordoned).held_back == {"small"}
    silent = replace(holding(*FULL), facts=facts("a", is_ready=False))
    assert of(["small"], FULL, silent).give_up == set()


@given(
    parked=st.lists(st.tuples(st.sampled_from(["small", "large"]), st.sampled_from(["a", "b"])), max_size=8),
    waiting=st.lists(st.sampled_from(["small", "large"]), max_size=5),
)
def test_looked_at_again_while_they_go_no_further_ones_go(parked: list[tuple[str, str]], waiting: list[str]) -> None:
    pods = [warm(number, name, on) for number, (name, on) in enumerate(parked)]
    nodes = tuple(holding(*pods, name=name, cpu=16, memory=64) for name in ("a", "b"))
    first = of(waiting, pods, *nodes)
    later = [ending(one) if one.uid in first.give_up else one for one in pods]
    assert of(waiting, later, *nodes).give_up == set()
    assert len(first.give_up) <= len(pods)
