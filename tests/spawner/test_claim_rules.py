"""Which warm pod a start claims, and that whatever it is told, a person's token is never in two pods that live."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.claim_rules import (
    MOST_TRIES,
    OLDEST_FEW,
    Answer,
    Do,
    Miss,
    after,
    answer_of,
    choose,
    claim_patch,
    in_the_way,
    may_be_claimed,
    nodes_to_ask,
    seen,
    why_normal,
)
from spawner.credentials import CredentialKind, MountedCredential
from spawner.file_owner import FileOwner
from spawner.identity import CLAIMED, ORDER_ANNOTATION, PARKED, SEAT_LABEL, USER_LABEL, Why
from spawner.installation import KIND_LABEL
from spawner.made_of import Make
from spawner.plan import LaunchPlan, make_plan
from spawner.pod_facts import ContainerFacts, ContainerState, PodFacts
from spawner.warm_pod import HARDWARE_LABEL, TEMPLATE_LABEL
from studiolo.choice import Choice
from tests.hub.node_agent.samples import order
from tests.spawner.claim_world import World

if TYPE_CHECKING:
    from studiolo.catalog import Catalog

MAKE = Make(template="new", of="what it should be")
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
SEEDS = st.integers(min_value=0, max_value=2**32)


def parked(number: int = 1, **changed: object) -> PodFacts:
    pod = PodFacts(
        name=f"warm-{number}",
        namespace="workspaces",
        uid=f"uid-{number}",
        resource_version=f"{100 + number}",
        labels=((SEAT_LABEL, PARKED), (TEMPLATE_LABEL, "new")),
        made_of="what it should be",
        phase="Running",
        ip="10.1.2.3",
        node="node-1",
        created_at=NOW - timedelta(minutes=number),
        container=ContainerFacts(state=ContainerState.RUNNING, is_ready=True),
    )
    return replace(pod, **changed)  # type: ignore[arg-type]  # by name


def ready(*, is_ready: bool, state: ContainerState = ContainerState.RUNNING) -> ContainerFacts:
    return ContainerFacts(state=state, is_ready=is_ready)


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(parked(labels=((SEAT_LABEL, CLAIMED), (TEMPLATE_LABEL, "new"))), id="somebody's"),
        pytest.param(parked(labels=((TEMPLATE_LABEL, "new"),)), id="no seat"),
        pytest.param(parked(labels=((SEAT_LABEL, PARKED), (TEMPLATE_LABEL, "old"))), id="of an older image"),
        pytest.param(parked(made_of="something else"), id="made of something else"),
        pytest.param(parked(is_deleting=True), id="ending"),
        pytest.param(parked(phase="Failed"), id="ended"),
        pytest.param(parked(container=ready(is_ready=False)), id="not parked yet"),
        pytest.param(parked(container=ready(is_ready=True, state=ContainerState.WAITING)), id="not started yet"),
        pytest.param(parked(node=""), id="without a node"),
        pytest.param(parked(ip=""), id="without an address"),
        pytest.param(parked(resource_version=""), id="of no version"),
    ],
)
def test_a_pod_that_is_not_nobodys_and_waiting_is_never_claimed(pod: PodFacts) -> None:
    assert may_be_claimed(parked(), MAKE)
    assert not may_be_claimed(pod, MAKE)
    assert choose([pod], MAKE, tried=(), draw=0) is None


@given(draw=SEEDS)
def test_one_of_the_oldest_few_is_drawn(draw: int) -> None:
    pods = [parked(number) for number in range(1, 10)]
    found = choose(pods, MAKE, tried={"uid-9"}, draw=draw)
    assert found is not None
    assert found.uid in {f"uid-{8 - place}" for place in range(OLDEST_FEW)}


def test_a_start_asks_at_few_nodes_those_of_the_oldest_first_and_each_once() -> None:
    pods = [replace(parked(number), node=f"node-{number // 2}") for number in range(1, 20)]
    assert nodes_to_ask(pods, MAKE, tried={"uid-19"}) == ("node-9", "node-8", "node-7", "node-6")
    assert nodes_to_ask(pods[:2], MAKE, tried={"uid-1"}) == ("node-1",)
    assert nodes_to_ask([parked(made_of="something else")], MAKE, tried=()) == ()


def test_the_patch_holds_only_for_the_pod_as_it_was_seen_and_makes_it_a_workspace_at_once() -> None:
    given_order = order()
    patch = claim_patch(parked(), given_order, labels={"a": "b", SEAT_LABEL: PARKED}, annotations={"c": "d"})
    metadata = patch["metadata"]
    assert (metadata["uid"], metadata["resourceVersion"]) == ("uid-1", "101")
    assert metadata["labels"] == {
        "a": "b",
        KIND_LABEL: "workspace",
        SEAT_LABEL: CLAIMED,
        USER_LABEL: given_order.user,
    }
    assert metadata["annotations"] == {"c": "d", **given_order.marks()}


def plan(catalog: Catalog) -> LaunchPlan:
    choice = Choice(environment="pytorch", hardware="small")
    return make_plan(choice, catalog=catalog, user="ada", server="", teams=("vision",))


def test_what_no_running_pod_can_be_given_starts_the_normal_way(sample_catalog: Catalog) -> None:
    usual = plan(sample_catalog)
    assert why_normal(usual, keeps_homes=True) is None
    assert why_normal(usual, keeps_homes=False) is Miss.NO_HOME
    assert why_normal(replace(usual, has_empty_home=True), keeps_homes=True) is Miss.NO_HOME
    assert why_normal(replace(usual, env=(("LC_ALL", "C"),)), keeps_homes=True) is Miss.EARLY_VARIABLE
    assert why_normal(replace(usual, env=(("WORD", "x"),)), keeps_homes=True) is None
    for variable, miss in (("LC_TIME", Miss.EARLY_VARIABLE), ("HF_TOKEN", None)):
        kept = MountedCredential(name="kept", kind=CredentialKind.ENV, env=(variable,))
        assert why_normal(usual.with_credentials((kept,)), keeps_homes=True) is miss
    assert why_normal(usual.owned_by(FileOwner(uid=1234, gid=1234)), keeps_homes=True) is None
    scratch = usual.shape.hardware.model_copy(update={"scratch_bytes": 1})
    with_scratch = replace(usual, shape=replace(usual.shape, hardware=scratch))
    assert why_normal(with_scratch, keeps_homes=True) is Miss.SCRATCH


def test_a_look_says_whose_the_pod_is() -> None:
    ours = parked(labels=((SEAT_LABEL, CLAIMED),), annotations=((ORDER_ANNOTATION, "o"),))
    assert seen(ours, parked(), "o") is Answer.CLAIMED
    assert seen(ours, parked(), "another") is Answer.NOT_CLAIMED
    assert seen(parked(), parked(), "o") is Answer.STILL_PARKED
    assert seen(None, parked(), "o") is Answer.NOT_CLAIMED
    assert seen(replace(ours, uid="uid-7"), parked(), "o") is Answer.NOT_CLAIMED


@pytest.mark.parametrize("answer", Answer)
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("tries", [1, MOST_TRIES])
def test_nothing_else_gets_the_identity_before_a_pod_that_may_have_it_is_gone(
    answer: Answer, is_late: bool, tries: int
) -> None:
    step = after(answer, tries=tries, is_late=is_late)
    may_have_it = answer in {Answer.DELIVERED, Answer.UNSURE, Answer.SILENT, Answer.SERVES}
    if may_have_it and step.do in {Do.NORMAL, Do.AIM}:
        assert step.ends
        assert step.waits
    if not may_have_it:
        assert not step.waits
    assert (step.miss is not None) == (step.do is Do.NORMAL)


@pytest.mark.parametrize("answer", [Answer.NOT_CLAIMED, Answer.STILL_PARKED, Answer.CHANGED, Answer.NO_ANSWER])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_pod_that_may_be_anothers_is_never_ended_by_its_uid_alone(answer: Answer, is_late: bool) -> None:
    assert not after(answer, tries=1, is_late=is_late).ends


def test_a_refusal_is_unsure_unless_it_comes_before_the_sending() -> None:
    unsure = {why for why in Why if answer_of(why) is Answer.UNSURE}
    assert unsure == {Why.USED}
    assert answer_of(None) is Answer.REFUSED
    assert answer_of(Why.CREDENTIALS) is Answer.NO_CREDENTIALS
    assert after(Answer.NO_CREDENTIALS, tries=1, is_late=False).miss is Miss.CREDENTIALS


def test_a_claim_that_takes_too_long_aims_at_no_other_pod_and_keeps_the_one_that_it_has() -> None:
    assert after(Answer.CLAIMED, tries=1, is_late=True).do is Do.ORDER
    assert after(Answer.NOT_CLAIMED, tries=1, is_late=True).miss is Miss.LATE
    assert after(Answer.NOT_CLAIMED, tries=MOST_TRIES, is_late=False).miss is Miss.LOST
    assert after(Answer.NOT_CLAIMED, tries=1, is_late=False).do is Do.AIM


@given(seed=SEEDS)
def test_a_hundred_people_and_fifty_pods_no_pod_twice_and_nobody_fails(seed: int) -> None:
    world = World(Random(seed), pods=50, people=100)
    world.run()
    assert len(world.served) == 100
    assert len(set(world.served.values())) == 100
    assert all(world.owner_of(pod) == person for person, pod in world.served.items())


@given(seed=SEEDS)
def test_whatever_is_lost_or_dies_no_identity_is_in_two_pods_that_live(seed: int) -> None:
    world = World(Random(seed), pods=5, people=8, faults=0.3)
    world.run()  # looks after each step
    assert len(world.served) == 8
    assert world.left_over() == set()


def on(number: int, hardware: str, **changed: object) -> PodFacts:
    return parked(number, labels=((SEAT_LABEL, PARKED), (HARDWARE_LABEL, hardware)), **changed)


def test_pods_of_a_starts_own_hardware_that_have_not_parked_go_first_where_a_quota_is_used_up() -> None:
    pods = [on(1, "large"), on(2, "small"), on(3, "small", container=ready(is_ready=False))]
    found = in_the_way(pods, "small", ["requests.memory", "count/pods"], aimed=())
    assert [pod.uid for pod in found] == ["uid-3", "uid-2", "uid-1"]


def test_a_device_is_given_back_by_pods_of_the_same_hardware_alone() -> None:
    found = in_the_way([on(1, "large"), on(2, "gpu")], "gpu", ["requests.nvidia.com/gpu"], aimed=())
    assert [pod.uid for pod in found] == ["uid-2"]


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(parked(labels=((SEAT_LABEL, CLAIMED),)), id="somebody's"),
        pytest.param(parked(is_deleting=True), id="ending"),
        pytest.param(parked(phase="Failed"), id="ended"),
        pytest.param(parked(9), id="about to be claimed"),
    ],
)
def test_what_is_not_nobodys_gives_way_to_no_quota(pod: PodFacts) -> None:
    assert in_the_way([pod], "", ["pods"], aimed={"uid-9"}) == []
