"""Where a hardware has room: on nodes of its kind, with all that it asks for left, and placeholders give way to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.capacity.tally import Tally, find_room
from hub.capacity.view import HardwareRoom, NodeRoom, View, bits
from spawner.amounts import NO_LIMIT, Amount, amount_of
from studiolo.catalog import Hardware
from studiolo.catalog_model import Toleration
from tests.hub.capacity.shapes import (
    FOUR_GPUS,
    GIB,
    GPU,
    IMAGE,
    LARGE,
    NOW,
    ONE_GPU,
    SMALL,
    amount,
    facts,
    hardware,
    node,
    placeholder,
    pod,
)

RESERVED = (("team", "vision", "NoSchedule"),)
ZONE = (("zone", "1"),)


def room(asked: Hardware, *nodes: NodeRoom) -> HardwareRoom:
    return find_room(asked, View(nodes=nodes))


@pytest.mark.parametrize(
    ("asked", "nodes", "free"),
    [
        pytest.param(SMALL, [node()], [0], id="an empty node"),
        pytest.param(SMALL, [node("a", pod(cpu=3.5)), node("b")], [1], id="cores are taken on one of two"),
        pytest.param(SMALL, [node("a", pod(memory=13))], [], id="memory is taken"),
        pytest.param(SMALL, [node(cpu=16), node(), node("c", pod(cpu=4))], [0, 1], id="each node counts"),
        pytest.param(ONE_GPU, [node(), node("b", gpus=2)], [1], id="only where there are GPUs"),
        pytest.param(ONE_GPU, [node("b", pod(gpus=2), gpus=2)], [], id="GPUs are taken"),
        pytest.param(SMALL, [node(is_cordoned=True), node(is_ready=False)], [], id="out of use"),
        pytest.param(SMALL, [node(taints=RESERVED)], [], id="reserved for others"),
        pytest.param(
            hardware(tolerations=(Toleration(key="team", value="vision"),)), [node(taints=RESERVED)], [0], id="for us"
        ),
        pytest.param(hardware(node_selector=ZONE), [node(), node(labels=ZONE), node(labels=ZONE)], [1, 2], id="kind"),
        pytest.param(SMALL, [], [], id="no node at all"),
    ],
)
def test_room_is_where_all_of_it_is_left(asked: Hardware, nodes: list[NodeRoom], free: list[int]) -> None:
    assert room(asked, *nodes).free == bits(free)


def test_a_node_takes_no_more_pods_than_it_says() -> None:
    crowd = node("a", *[pod(cpu=0, memory=0)] * 110)
    assert room(SMALL, crowd).free == 0
    assert room(SMALL, crowd).usable == 1


def test_placeholders_give_way_and_nothing_else_does() -> None:
    found = room(LARGE, node("a", placeholder(cpu=4)), node("b", pod(cpu=1), placeholder(cpu=3)), node("c"))
    assert (found.free, found.giving_way, found.usable) == (bits([2]), bits([0]), bits([0, 1, 2]))


def test_devices_are_counted_on_nodes_that_could_hold_it_and_placeholders_hold_none() -> None:
    nodes = (node("a", pod(gpus=3), placeholder(gpus=1), gpus=4), node("b", pod(gpus=1), gpus=4), node("c", gpus=1))
    assert (room(ONE_GPU, *nodes).devices_used, room(ONE_GPU, *nodes).devices) == (4, 9)
    assert (room(FOUR_GPUS, *nodes).devices_used, room(FOUR_GPUS, *nodes).devices) == (4, 8)
    assert room(SMALL, *nodes).devices == 0


def test_nodes_that_would_do_and_are_out_of_use_are_told_apart_from_none() -> None:
    assert room(SMALL, node(is_cordoned=True)).out_of_use == 1
    assert room(hardware(memory=99), node()) == HardwareRoom()


@pytest.mark.parametrize(
    ("pods", "minutes"),
    [
        pytest.param([pod(gpus=4)], None, id="nobody knows when it ends"),
        pytest.param([pod(gpus=4, ends_at=NOW + timedelta(minutes=20))], 20, id="it ends"),
        pytest.param(
            [pod(gpus=2, ends_at=NOW + timedelta(minutes=50)), pod(gpus=2, ends_at=NOW + timedelta(minutes=20))],
            50,
            id="both have to end",
        ),
        pytest.param([pod(gpus=2, ends_at=NOW), pod(gpus=2)], None, id="one of them stays"),
        pytest.param(
            [placeholder(gpus=1, ends_at=NOW), pod(gpus=3, ends_at=NOW + timedelta(minutes=5))],
            5,
            id="what gives way is nobody's end",
        ),
    ],
)
def test_the_next_room_is_where_enough_of_what_is_known_to_end_has_ended(
    pods: list[object], minutes: int | None
) -> None:
    expected = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert room(FOUR_GPUS, node("a", *pods, gpus=4)).next_free == expected  # type: ignore[arg-type]


def test_the_first_of_several_nodes_to_have_room_is_the_next() -> None:
    late, soon = NOW + timedelta(hours=2), NOW + timedelta(hours=1)
    nodes = (node("a", pod(gpus=4, ends_at=late), gpus=4), node("b", pod(gpus=4, ends_at=soon), gpus=4))
    assert room(FOUR_GPUS, *nodes).next_free == soon
    assert room(FOUR_GPUS, *reversed(nodes)).next_free == soon
    assert room(ONE_GPU, node("c", gpus=4), *nodes).next_free is None


def test_an_image_is_where_the_node_says_so_and_where_a_container_of_it_has_run() -> None:
    view = View(nodes=(node("a", images=(IMAGE,)), node("b"), node("c", pod(images=(IMAGE,)))))
    assert view.with_image(IMAGE) == bits([0, 2])
    assert view.with_image(IMAGE.replace("@", ":1.2@")) == bits([0, 2]), "a catalog names a tag, and nodes none"


def test_a_group_is_what_the_cloud_calls_the_nodes_of_one_sort() -> None:
    gke = (("cloud.google.com/gke-nodepool", "gpu-pool"), ("node.kubernetes.io/instance-type", "n1"))
    view = View(nodes=(node("a", labels=gke), node("b"), node("c", labels=gke[1:]), node("d", labels=gke)))
    assert find_room(SMALL, view).groups == ("gpu-pool", "n1")
    assert room(SMALL, node("b")).groups == ()


def test_where_it_would_go_is_where_it_is_free_else_where_something_gives_way_else_where_others_end() -> None:
    taken, soon = node("a", pod(cpu=4)), node("b", placeholder(cpu=4))
    assert room(SMALL, taken, soon, node("c")).where == bits([2])
    assert room(SMALL, taken, soon).where == bits([1])
    assert room(SMALL, taken).where == bits([0])


def test_nodes_that_come_change_and_go_count_as_if_they_had_always_been_so() -> None:
    nodes = [
        node("a", gpus=4),
        node("b", pod(gpus=2), gpus=4, labels=(("node.kubernetes.io/instance-type", "n1"),)),
        node("c", placeholder(gpus=4), gpus=4),
        node("d", is_cordoned=True, gpus=4),
        node("e", pod(gpus=4, ends_at=NOW), gpus=4),
        node("f", taints=RESERVED, gpus=4),
        node("g"),
    ]
    tally = Tally(FOUR_GPUS)
    for index, each in enumerate(nodes):
        tally.add(index, each)
    for index in (0, 2):
        tally.remove(index, nodes[index])
        nodes[index] = node("h", pod(gpus=4), gpus=4)
        tally.add(index, nodes[index])
    view = View(nodes=tuple(nodes))
    assert tally.room(view) == find_room(FOUR_GPUS, view)
    assert tally.room(view).next_free == NOW


@pytest.mark.parametrize("indices", [[], [0], [7, 8], [4999], [3, 3]])
def test_bits_are_those_that_were_given(indices: list[int]) -> None:
    assert bits(indices) == sum(1 << index for index in set(indices))


def test_amounts_are_exact_and_what_cannot_be_read_is_none() -> None:
    assert amount_of((("cpu", "100m"), ("memory", "1Gi"), (GPU, "2"), ("ephemeral-storage", "1Gi"))) == Amount(
        cpu_millis=100, memory_bytes=GIB, devices=((GPU, 2),), pods=NO_LIMIT
    )
    assert amount_of((("cpu", "many"), ("memory", "lots"), (GPU, "?"))) == Amount(devices=((GPU, 0),), pods=NO_LIMIT)
    assert amount(gpus=1).plus(amount(gpus=2)).minus(amount()) == amount(gpus=3)
    assert amount().minus(amount(gpus=1)).count_of(GPU) == -1


def test_a_node_may_have_been_promised_more_than_it_has() -> None:
    shrunk = node("a", pod(cpu=8, gpus=2), gpus=1)
    assert (room(ONE_GPU, shrunk).free, room(ONE_GPU, shrunk).devices_used) == (0, 1)
    assert facts().name == "a"
