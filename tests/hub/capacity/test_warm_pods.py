"""For whom a warm pod waits: the very rule by which starts claim, and only pods that one would claim now."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from hub.capacity.board import NoWarmPods
from hub.capacity.warm_pods import ClusterWarmPods
from spawner.claim import Claims
from spawner.file_owner import FileOwner
from spawner.identity import CLAIMED, PARKED, SEAT_LABEL
from spawner.installation import Installation
from spawner.plan import Identity, LaunchPlan, Shape
from spawner.pod_facts import ContainerFacts, ContainerState, PodFacts
from spawner.warm_pod import make, warm_pod
from studiolo.catalog import Environment
from tests.hub.capacity.shapes import IMAGE, LARGE, SMALL, facts, hardware

INSTALLATION = Installation(namespace="lab", release="test", homes=None)
NOW = 100.0
PYTHON = Environment(name="python", title="Python", image=IMAGE)
SHAPE = Shape(environment=PYTHON, hardware=SMALL)
PLAN = LaunchPlan(shape=SHAPE, identity=Identity(user="alice", server="", teams=(), home="alice"))


def pod(shape: Shape = SHAPE, **more: Any) -> PodFacts:
    known: dict[str, Any] = {
        "name": "warm-1",
        "namespace": "lab",
        "uid": "uid-1",
        "resource_version": "1",
        "labels": tuple(warm_pod("warm-1", shape, INSTALLATION)["metadata"]["labels"].items()),
        "made_of": make(shape, INSTALLATION).of,
        "ip": "10.0.0.1",
        "node": "node1",
        "container": ContainerFacts(state=ContainerState.RUNNING, is_ready=True),
    }
    return PodFacts(**{**known, **more})


def parts(*pods: PodFacts, **more: Any) -> Any:
    warm: Any = SimpleNamespace(pods=lambda: pods)
    agents: Any = SimpleNamespace(is_on=lambda node: node == "node1")
    known = {"installation": INSTALLATION, "homes": "a service", "owner_of": None, "nodes": None}
    return SimpleNamespace(**{"claims": Claims(warm=warm, agents=agents), **known, **more})


def replaced(found: Any, **more: Any) -> Any:
    return SimpleNamespace(**{**vars(found), **more})


def is_awaited(found: Any, plan: LaunchPlan = PLAN) -> bool:
    return ClusterWarmPods(lambda: found, clock=lambda: NOW).look().is_for(plan)


def test_the_hardware_of_all_that_are_nobodys_is_known() -> None:
    found = parts(pod(), pod(is_deleting=True), pod(phase="Failed"), pod(container=ContainerFacts()))
    assert ClusterWarmPods(lambda: found).hardware() == ("small", "small")
    assert ClusterWarmPods(lambda: None).hardware() == ()
    assert ClusterWarmPods(lambda: replaced(found, claims=None)).hardware() == ()


def test_a_pod_of_the_shape_that_waits_is_for_whoever_would_claim_it() -> None:
    assert is_awaited(parts(pod()))
    assert not is_awaited(parts())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(pod(container=ContainerFacts(state=ContainerState.RUNNING)), id="it has not parked yet"),
        pytest.param(pod(is_deleting=True), id="it ends"),
        pytest.param(pod(node="node2"), id="no agent is on its node"),
        pytest.param(pod(labels=((SEAT_LABEL, CLAIMED),)), id="it is somebody's"),
        pytest.param(pod(Shape(environment=PYTHON, hardware=LARGE)), id="it is of another hardware"),
        pytest.param(pod(made_of="something else"), id="it is made otherwise than it says"),
        pytest.param(
            pod(Shape(environment=PYTHON.model_copy(update={"image": IMAGE.replace("aa", "bb")}), hardware=SMALL)),
            id="it is of an older image",
        ),
        pytest.param(pod(Shape(environment=PYTHON, hardware=hardware(cpu=2))), id="it is of an older catalog"),
    ],
)
def test_a_pod_that_no_start_would_claim_is_promised_to_nobody(other: PodFacts) -> None:
    assert other.label(SEAT_LABEL) in {PARKED, CLAIMED}
    assert not is_awaited(parts(other))


def test_a_pod_that_a_start_aims_at_is_promised_to_no_other() -> None:
    found = parts(pod())
    found.claims.aimed.add("uid-1")
    assert not is_awaited(found)


def test_pods_that_cannot_become_what_starts_make_are_promised_once_a_start_has_found_out_to_nobody() -> None:
    found = parts(pod())
    found.claims.unlike.add(pod().label("studiolo.dev/template"))
    assert not is_awaited(found)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(PLAN, has_empty_home=True), id="an empty home"),
        pytest.param(replace(PLAN, env=(("LANG", "C"),)), id="a variable that is read early"),
        pytest.param(replace(PLAN, data=("an entry",)), id="data"),
    ],
)
def test_who_could_not_claim_is_promised_none(plan: Any) -> None:
    found = ClusterWarmPods(lambda: parts(pod()))
    assert not found.look().is_for(plan)
    assert not found.may_claim(plan)
    assert found.may_claim(PLAN)


def test_who_has_a_user_number_of_their_own_is_promised_none_on_a_node_that_cannot_show_it() -> None:
    numbered = parts(pod(), owner_of=lambda _: None)
    assert is_awaited(numbered)
    numbered.claims.plain["node1"] = NOW + 1
    assert not is_awaited(numbered)
    assert is_awaited(replaced(numbered, owner_of=None))
    own = PLAN.owned_by(FileOwner(uid=5001, gid=5001))
    assert not is_awaited(replaced(numbered, owner_of=None), own)
    numbered.claims.plain["node1"] = NOW
    assert is_awaited(numbered)


def test_a_pod_on_a_node_that_is_emptied_is_promised_to_nobody() -> None:
    nodes = SimpleNamespace(get=lambda _: facts("node1", is_cordoned=True))
    assert not is_awaited(parts(pod(), nodes=nodes))
    assert is_awaited(parts(pod(), nodes=SimpleNamespace(get=lambda _: facts("node1"))))


@pytest.mark.parametrize("found", [None, parts(pod(), claims=None)], ids=["not connected", "claims are off"])
def test_where_no_pods_are_claimed_none_waits(found: Any) -> None:
    assert not is_awaited(found)
    assert not ClusterWarmPods(lambda: found).may_claim(PLAN)
    assert not NoWarmPods().look().is_for(PLAN)
    assert not NoWarmPods().may_claim(PLAN)
