"""Which node fetches which image next: most wanted first, within its disk, one at a time, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.prepull.plan import (
    ANYWHERE,
    Demand,
    NodeImages,
    Pull,
    Why,
    Wish,
    is_open,
    lacking,
    pulls,
    ranked,
    sizes_with_announced,
    wishes,
)
from spawner.pod_facts import NodeFacts
from studiolo.catalog import Environment
from studiolo.catalog_model import Catalog
from tests.hub.capacity.shapes import FOUR_GPUS, SMALL, hardware

GIB = 1024**3
NOTHING = Demand(announced={}, offered={}, rates={})
PYTHON = Environment(name="python", title="Python", image="python@sha256:1", default=True)
TORCH = Environment(name="torch", title="Torch", image="torch@sha256:1")
CATALOG = Catalog(environments=(PYTHON, TORCH), hardware=(SMALL,))


def facts(name: str = "a", **more: object) -> NodeFacts:
    room = (("cpu", "4"), ("memory", "16Gi"), ("pods", "110"))
    return NodeFacts(**{"name": name, "uid": name, "allocatable": room, "is_ready": True, **more})


def node(name: str = "a", *has: str, **more: object) -> NodeImages:
    return NodeImages(**{"name": name, "uid": name, "group": "", "has": frozenset(has), **more})


def wanted(demand: Demand = NOTHING, catalog: Catalog = CATALOG, *nodes: NodeFacts) -> dict[str, Why]:
    return {wish.image: wish.why for wish in wishes(catalog, demand, nodes or (facts(),))}


def test_an_image_is_there_though_the_catalog_names_a_tag_and_the_node_none() -> None:
    here = node("here", "host:5000/python@sha256:1")
    assert here.holds("host:5000/python:3.14@sha256:1")
    assert not here.holds("host:5000/python:3.14@sha256:2")


def test_the_default_is_wanted_and_what_nobody_starts_is_not() -> None:
    assert wanted() == {"python@sha256:1": Why.DEFAULT}


@pytest.mark.parametrize(
    ("demand", "why"),
    [
        (replace(NOTHING, rates={("torch", "gpu"): 2.0}), Why.STARTED),
        (replace(NOTHING, booked={"torch"}), Why.BOOKED),
        (replace(NOTHING, booked={"torch"}, rates={("torch", ""): 1.0}), Why.BOOKED),
        (replace(NOTHING, rates={("torch", ""): 0.0}), None),
    ],
)
def test_what_starts_and_what_is_booked_is_wanted_for_its_weightiest_reason(demand: Demand, why: Why | None) -> None:
    assert wanted(demand).get("torch@sha256:1") == why


def test_what_is_announced_is_wanted_beside_what_is_offered_but_only_where_either_is_wanted_at_all() -> None:
    demand = replace(NOTHING, announced={"python": "python@sha256:2", "torch": "torch@sha256:2"})
    assert wanted(demand) == {"python@sha256:2": Why.ANNOUNCED, "python@sha256:1": Why.DEFAULT}


def test_what_starts_is_fetched_not_what_the_catalog_names_already() -> None:
    assert wanted(replace(NOTHING, offered={"python": "python@sha256:0"})) == {"python@sha256:0": Why.DEFAULT}


def test_a_model_that_somebody_looks_at_is_wanted_last() -> None:
    assert wanted(replace(NOTHING, watched={"model@sha256:1": "torch"}))["model@sha256:1"] is Why.WATCHED


def test_software_without_an_image_is_wanted_nowhere() -> None:
    assert wanted(NOTHING, Catalog(environments=(PYTHON.model_copy(update={"image": None}),), hardware=(SMALL,))) == {}


def test_only_nodes_that_could_run_it_want_it() -> None:
    for_vision = PYTHON.model_copy(update={"teams": frozenset({"vision"})})
    gpus = FOUR_GPUS.model_copy(update={"teams": frozenset({"vision"})})
    others = hardware(teams=frozenset({"research"}))
    catalog = Catalog(environments=(for_vision,), hardware=(gpus, others))
    with_gpus = facts("g", allocatable=(("cpu", "4"), ("memory", "16Gi"), ("pods", "9"), ("nvidia.com/gpu", "4")))
    (wish,) = wishes(catalog, NOTHING, (facts(), with_gpus))
    assert wish.nodes == {"g"}


JAX, RARE = (Environment(name=name, title=name, image=f"{name}@sha256:1") for name in ("jax", "rare"))
MANY = Catalog(environments=(PYTHON, TORCH, JAX, RARE), hardware=(SMALL,))
STARTS = {
    ("python", "cpu"): 9.0,
    ("jax", "cpu"): 2.0,
    ("torch", "gpu"): 5.0,
    ("jax", "gpu"): 1.0,
    ("python", "gpu"): 0.5,
    ("rare", ""): 0.1,
    ("removed", "old"): 7.0,
}
"""`removed` is in no catalog any more: what it tells of its nodes tells nothing of others."""


def wanted_in(group: str, demand: Demand) -> list[str]:
    return [wish.image.partition("@")[0] for wish in ranked(wishes(MANY, demand, (facts(),)), group)]


@pytest.mark.parametrize(
    ("more", "group", "images"),
    [
        pytest.param({}, "gpu", ["python", "torch", "jax"], id="what starts on such nodes, the most first"),
        pytest.param({}, "cpu", ["python", "jax"], id="what starts on others alone is not wanted"),
        pytest.param({}, "new", ["python", "torch", "jax", "rare"], id="a new group: what starts anywhere"),
        pytest.param({}, "", ["python", "torch", "jax", "rare"], id="nobody knows what group: what starts anywhere"),
        pytest.param({}, "old", ["python", "torch", "jax", "rare"], id="only what is offered no more started there"),
        pytest.param({"booked": {"torch"}}, "cpu", ["torch", "python", "jax"], id="what is booked is wanted anyhow"),
        pytest.param(
            {"watched": {"model@sha256:1": "rare"}}, "cpu", ["python", "jax", "model"], id="so is what is looked at"
        ),
        pytest.param(
            {"watched": {"torch@sha256:1": "torch"}}, "cpu", ["python", "jax", "torch"], id="even what others start"
        ),
        pytest.param(
            {"announced": {"torch": "torch2@sha256:2"}},
            "gpu",
            ["torch2", "python", "torch", "jax"],
            id="what is announced is wanted where the old one is",
        ),
        pytest.param(
            {"announced": {"torch": "torch2@sha256:2"}},
            "cpu",
            ["python", "jax"],
            id="and not where nobody would find the old one",
        ),
        pytest.param(
            {"announced": {"python": "python2@sha256:2"}},
            "cpu",
            ["python2", "python", "jax"],
            id="of the default everywhere",
        ),
    ],
)
def test_nodes_want_what_starts_on_nodes_of_their_group(more: dict[str, object], group: str, images: list[str]) -> None:
    assert wanted_in(group, replace(NOTHING, rates=STARTS, **more)) == images


GROUPS = st.sampled_from(["", "cpu", "gpu", "new"])
RATES = st.integers(0, 9).map(float)


@given(st.dictionaries(st.tuples(st.sampled_from([one.name for one in MANY.environments]), GROUPS), RATES), GROUPS)
def test_a_group_with_a_history_gets_what_started_there_and_another_what_started_anywhere(
    rates: dict[tuple[str, str], float], group: str
) -> None:
    started = {key for key, rate in rates.items() if rate > 0}
    there = {name for name, where in started if where == group != ""}
    found = wanted_in(group, replace(NOTHING, rates=rates))
    assert found[0] == "python"
    assert set(found[1:]) == (there or {name for name, _ in started}) - {"python"}

    def often(name: str) -> float:
        return sum(rate for (one, where), rate in rates.items() if one == name and (not there or where == group))

    assert [often(name) for name in found[1:]] == sorted((often(name) for name in found[1:]), reverse=True)


@pytest.mark.parametrize("wrong", [{"is_ready": False}, {"is_cordoned": True}, {"is_short_of_disk": True}])
def test_a_node_that_is_silent_cordoned_or_short_of_disk_is_left_alone(wrong: dict[str, bool]) -> None:
    assert is_open(facts())
    assert not is_open(facts(**wrong))


def wish(image: str, why: Why = Why.STARTED, *, rate: float = 1.0, nodes: str = "ab") -> Wish:
    return Wish(
        image=image,
        environment=image,
        why=why,
        rates={ANYWHERE: rate},
        nodes=frozenset(nodes),
        is_everywhere=why is not Why.STARTED,
    )


def fetch(wished: list[Wish], *nodes: NodeImages, budget: int = 10, at_once: int = 9) -> list[tuple[str, str]]:
    sizes = {one.image: 4 for one in wished}
    found = pulls(wished, nodes, sizes=sizes, budget=budget, at_once=at_once)
    assert all(isinstance(one, Pull) for one in found)
    return [(one.node, one.image) for one in found]


def test_the_most_wanted_that_is_missing_comes_first_on_each_node() -> None:
    some = [wish("often", rate=5), wish("seldom", rate=1), wish("announced", Why.ANNOUNCED, rate=0)]
    assert [one.image for one in ranked(some, node().group)] == ["announced", "often", "seldom"]
    assert fetch(some, node("a"), node("b", "announced")) == [("a", "announced"), ("b", "often")]


def test_nodes_of_two_groups_fetch_each_what_starts_there() -> None:
    rates = {ANYWHERE: 3.0, "cpu": 0.0, "gpu": 3.0}
    torch = replace(wish("torch"), rates=rates)
    jax = replace(wish("jax"), rates={ANYWHERE: 2.5, "cpu": 2.0, "gpu": 0.5})
    some, there = [torch, jax], [node("a", group="cpu"), node("b", group="gpu")]
    assert fetch(some, *there) == [("a", "jax"), ("b", "torch")]
    assert fetch(some, node("a", "jax", group="cpu"), node("b", "torch", group="gpu")) == [("b", "jax")]
    sizes = {"torch": 4, "jax": 4}
    assert lacking("torch", some, there, sizes=sizes, budget=10) == ("b",)


def test_a_node_fetches_one_at_a_time_and_all_together_no_more_than_allowed() -> None:
    some = [wish("one"), wish("two")]
    assert fetch(some, node("a", fetching=True), node("b")) == [("b", "one")]
    assert fetch(some, node("a"), node("b"), at_once=1) == [("a", "one")]
    assert fetch(some, node("a", fetching=True), node("b"), at_once=1) == []


def test_what_has_no_room_in_the_budget_is_not_fetched_and_what_is_wanted_more_keeps_its_room() -> None:
    some = [wish("first", rate=3), wish("second", rate=2), wish("third", rate=1)]
    assert fetch(some, node("a", "first", "second")) == []
    assert fetch(some, node("a", "second", "third")) == [("a", "first")]
    assert fetch(some, node("a", "first", "second"), budget=12) == [("a", "third")]


def test_what_could_not_be_fetched_lately_is_passed_over() -> None:
    some = [wish("one", rate=2), wish("two")]
    assert fetch(some, node("a", not_now=frozenset({"one"}))) == [("a", "two")]


def test_what_is_still_lacking_leaves_out_nodes_that_cannot_have_it() -> None:
    some = [wish("new", Why.ANNOUNCED, rate=0), wish("old", rate=9)]

    def still(*nodes: NodeImages, budget: int = 10) -> tuple[str, ...]:
        return lacking("new", some, nodes, sizes={"new": 4, "old": 4}, budget=budget)

    assert still(node("a"), node("b", "new")) == ("a",)
    assert still(node("a", not_now=frozenset({"new"}))) == ("a",)
    assert still(node("a", gave_up=frozenset({"new"}))) == ()
    assert still(node("c")) == ()
    assert still(node("a"), budget=3) == ()


def test_a_new_image_is_taken_to_be_as_large_as_the_one_before_until_a_node_has_told() -> None:
    offered, announced = {"python": "old"}, {"python": "new", "other": "unknown"}
    assert sizes_with_announced({"old": 4}, offered, announced) == {"old": 4, "new": 4, "unknown": 0}
    assert sizes_with_announced({"old": 4, "new": 7}, offered, announced) == {"old": 4, "new": 7, "unknown": 0}
    told = {"new@sha256:2": 7, "old@sha256:1": 4}
    assert sizes_with_announced(told, {"python": "old:1@sha256:1"}, {"python": "new:2@sha256:2"}) == told


NAMES = st.sampled_from(["i1", "i2", "i3", "i4", "i5"])
WISHES = st.lists(
    st.builds(wish, NAMES, st.sampled_from(Why), rate=st.floats(0, 9), nodes=st.sampled_from(["a", "b", "ab"])),
    max_size=5,
    unique_by=lambda one: one.image,
)
NODES = st.lists(
    st.builds(node, st.sampled_from("abc"), NAMES, fetching=st.booleans(), not_now=st.frozensets(NAMES, max_size=2)),
    max_size=3,
    unique_by=lambda one: one.name,
)


@given(WISHES, NODES, st.integers(0, 20), st.integers(1, 3))
def test_nothing_is_fetched_twice_nor_beyond_any_limit(
    wished: list[Wish], nodes: list[NodeImages], budget: int, at_once: int
) -> None:
    found = pulls(wished, nodes, sizes={one.image: 4 for one in wished}, budget=budget, at_once=at_once)
    by_name = {one.name: one for one in nodes}
    assert len({one.node for one in found}) == len(found)
    assert len(found) + sum(one.fetching for one in nodes) <= max(at_once, sum(one.fetching for one in nodes))
    for one in found:
        there = by_name[one.node]
        assert one.image not in there.has | there.not_now
        assert not there.fetching
        assert budget >= 4
