"""What will come of a click: how long, for which reason, or why not, and what else could be had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.capacity.forecast import (
    Asked,
    Forecast,
    Kind,
    Place,
    Room,
    Why,
    best_offers,
    cluster_room,
    forecast,
    normal_stages,
    with_offers,
)
from hub.capacity.forecast_words import wait_of, words_of
from hub.capacity.quotas import Quota
from hub.capacity.stage_times import PRIORS, Measured, StageTimes, sum_up
from hub.capacity.tally import find_room
from hub.capacity.view import NodeRoom, View
from spawner.amounts import needs_of
from spawner.stages import Stage
from studiolo.catalog import Hardware
from tests.hub.capacity.shapes import (
    FOUR_GPUS,
    GPU,
    IMAGE,
    LARGE,
    NOW,
    ONE_GPU,
    SMALL,
    amount,
    hardware,
    node,
    placeholder,
    pod,
)

BERLIN = ZoneInfo("Europe/Berlin")
OFFERED = (SMALL, LARGE, ONE_GPU, FOUR_GPUS)

MEASURED = sum_up(
    [
        Measured(
            at=NOW,
            environment="python",
            digest=IMAGE,
            hardware=entry.name,
            group="",
            stages={
                Stage.SCHEDULING: 0.2,
                Stage.GIVING_WAY: 1.0,
                Stage.PULL: 170.0,
                Stage.CONTAINERS: 0.8,
                Stage.SERVER: 2.5,
                Stage.LAB: 0.3,
            },
        )
        for entry in OFFERED
        for _ in range(5)
    ],
    now=NOW,
)

KNOWS_NODES = sum_up(
    [
        Measured(at=NOW, environment="python", digest=IMAGE, hardware="large", group="", stages={Stage.NODE: 360.0})
        for _ in range(5)
    ],
    now=NOW,
)


def asked(entry: Hardware = SMALL, *, is_install: bool = False) -> Asked:
    return Asked(environment="python", digest=IMAGE, hardware=entry, needs=needs_of(entry), is_install=is_install)


def on(*nodes: NodeRoom, entry: Hardware = SMALL, times: StageTimes = MEASURED) -> Room:
    view = View(nodes=nodes)
    return cluster_room(entry, find_room(entry, view), with_image=view.with_image(IMAGE), times=times)


def said(found: Forecast) -> str:
    return words_of(found, now=NOW, zone=BERLIN)


def of(*nodes: NodeRoom, entry: Hardware = SMALL, times: StageTimes = MEASURED) -> str:
    return said(forecast(asked(entry), on(*nodes, entry=entry, times=times), times))


HAS = (IMAGE,)


@pytest.mark.parametrize(
    ("nodes", "entry", "words"),
    [
        pytest.param([node(images=HAS)], SMALL, "ready in about 4 s", id="room and image"),
        pytest.param([node("a", placeholder(cpu=4), images=HAS)], SMALL, "ready in about 5 s", id="placeholder"),
        pytest.param([node()], SMALL, "about 3 min (the image must be pulled)", id="no image"),
        pytest.param([node(images=HAS), node()], SMALL, "ready in about 4 s", id="half of them have the image"),
        pytest.param([node(images=HAS), node(), node()], SMALL, "about 3 min (the image must be pulled)", id="few"),
        pytest.param(
            [node("a", pod(cpu=4), images=HAS), node()],
            SMALL,
            "about 3 min (the image must be pulled)",
            id="where full",
        ),
        pytest.param([node("a", pod(gpus=2), gpus=2)], ONE_GPU, "not now: 2 of 2 GPUs in use", id="GPUs in use"),
        pytest.param([node("a", pod(gpus=1), gpus=1)], ONE_GPU, "not now: 1 of 1 GPU in use", id="the one GPU"),
        pytest.param(
            [node("a", pod(gpus=2), gpus=4), node("b", pod(gpus=3), gpus=4)],
            FOUR_GPUS,
            "not now: 5 of 8 GPUs in use, and no machine has 4 free",
            id="not together",
        ),
        pytest.param(
            [node("a", pod(gpus=2, ends_at=NOW + timedelta(minutes=20)), gpus=2)],
            ONE_GPU,
            "not now: 2 of 2 GPUs in use, next likely free at 14:20",
            id="with the time",
        ),
        pytest.param(
            [node("a", pod(gpus=2, ends_at=NOW + timedelta(days=1)), gpus=2)],
            ONE_GPU,
            "not now: 2 of 2 GPUs in use, next likely free on Sat 28 Nov, 14:00",
            id="tomorrow",
        ),
        pytest.param(
            [node("a", pod(gpus=2, ends_at=NOW - timedelta(minutes=1)), gpus=2)],
            ONE_GPU,
            "not now: 2 of 2 GPUs in use",
            id="it should have ended",
        ),
        pytest.param(
            [node("a", pod(cpu=4))], SMALL, "not now: every machine that could hold it is full", id="no GPUs asked"
        ),
        pytest.param(
            [node(is_cordoned=True)],
            SMALL,
            "not now: the machines that could hold it are out of use",
            id="cordoned",
        ),
        pytest.param(
            [node()], hardware(memory=99), "never: no machine is large enough and of the kind", id="too large"
        ),
    ],
)
def test_a_card_says_in_one_line_what_will_come_of_a_click(nodes: list[NodeRoom], entry: Hardware, words: str) -> None:
    assert of(*nodes, entry=entry) == words


def test_a_new_node_is_promised_where_one_has_come_before() -> None:
    full = node("a", pod(cpu=4))
    assert of(full, entry=LARGE, times=KNOWS_NODES) == "about 8 min (a new node)"
    assert of(entry=LARGE, times=KNOWS_NODES) == "about 8 min (a new node)"
    assert of(full, entry=SMALL, times=KNOWS_NODES) == "not now: every machine that could hold it is full"


def test_where_nobody_may_look_at_nodes_a_start_takes_what_it_always_took() -> None:
    assert said(forecast(asked(), Room(place=Place.UNKNOWN), MEASURED)) == "ready in about 4 s"


def test_before_any_history_there_is_a_forecast_that_says_it_is_not_measured() -> None:
    found = forecast(asked(), on(node(images=HAS), times=StageTimes()), StageTimes())
    assert not found.is_measured
    assert found.seconds == sum(
        PRIORS[stage].usual for stage in (Stage.SCHEDULING, Stage.CONTAINERS, Stage.SERVER, Stage.LAB)
    )
    assert forecast(asked(), on(node(images=HAS)), MEASURED).is_measured


def test_every_stage_has_its_own_estimate() -> None:
    found = forecast(asked(), on(node()), MEASURED)
    assert [entry.stage for entry in found.stages] == [
        *(Stage.SCHEDULING, Stage.PULL, Stage.CONTAINERS, Stage.SERVER, Stage.LAB)
    ]
    assert found.seconds == pytest.approx(173.8)


@pytest.mark.parametrize(
    "room",
    [
        pytest.param(on(node(images=HAS)), id="also where there is room"),
        pytest.param(on(node("a", pod(cpu=4))), id="on nodes that are full"),
        pytest.param(Room(place=Place.UNKNOWN), id="where nobody may look at nodes"),
    ],
)
def test_who_has_a_warm_pod_waiting_is_ready_in_a_second(room: Room) -> None:
    spent = Quota(title='the quota "people"', left=amount(cpu=0, memory=0))
    found = forecast(asked(), room, MEASURED, quotas=(spent,), is_awaited=True)  # it has its part of the quota
    assert said(found) == "ready in about 1 s"
    assert (found.is_claim, found.is_room_known, found.is_measured) == (True, True, False)
    assert [entry.stage for entry in found.stages] == [Stage.CLAIM, Stage.LAB]


def test_a_claim_takes_what_claims_of_that_shape_took() -> None:
    claims = [
        Measured(at=NOW, environment="python", digest=IMAGE, hardware=name, group="", stages=stages)
        for name, seconds in (("small", 0.2), ("large", 6.0))
        for stages in [{Stage.CLAIM: seconds, Stage.LAB: 0.1}] * 5
    ]
    times = sum_up(claims, now=NOW)
    seconds = [forecast(asked(entry), on(), times, is_awaited=True).seconds for entry in (SMALL, LARGE)]
    assert seconds == pytest.approx([0.3, 6.1])
    assert forecast(asked(), on(), times, is_awaited=True).is_measured


def test_what_does_not_start_has_stages_all_the_same_for_who_tries() -> None:
    assert [stage for stage, _ in normal_stages(asked(), on(node("a", pod(cpu=4))), MEASURED)] == [
        *(Stage.SCHEDULING, Stage.CONTAINERS, Stage.SERVER, Stage.LAB)
    ]


def test_on_one_machine_software_is_installed() -> None:
    found = forecast(asked(is_install=True), Room(place=Place.FREE, has_software=False), MEASURED)
    assert said(found) == "about 3 min (the software must be installed)"
    assert Stage.CONTAINERS not in [entry.stage for entry in found.stages]


def test_one_machine_says_in_its_own_words_what_is_short() -> None:
    full = Room(place=Place.FULL, said="needs 4 GPUs, 1 of 4 is free")
    assert said(forecast(asked(), full, MEASURED)) == "not now: needs 4 GPUs, 1 of 4 is free"
    never = Room(place=Place.TOO_LARGE, said="needs 4 GPUs, this machine has no GPU")
    assert said(forecast(asked(), never, MEASURED)) == "never: needs 4 GPUs, this machine has no GPU"


QUOTA = Quota(title="your team's quota", left=amount(cpu=2, memory=8))


@pytest.mark.parametrize(
    ("left", "entry", "is_allowed"),
    [
        pytest.param(amount(cpu=2, memory=8), SMALL, True, id="enough is left"),
        pytest.param(amount(cpu=0.5, memory=8), SMALL, False, id="no cores"),
        pytest.param(amount(cpu=2, memory=2), SMALL, False, id="no memory"),
        pytest.param(replace(amount(), pods=0), SMALL, False, id="no workspace"),
        pytest.param(amount(), ONE_GPU, True, id="nothing is said of GPUs"),
        pytest.param(replace(amount(), devices=((GPU, 0),)), ONE_GPU, False, id="no GPU"),
    ],
)
def test_a_quota_that_is_used_up_is_no_matter_of_waiting(left: object, entry: Hardware, is_allowed: bool) -> None:
    quota = Quota(title="your team's quota", left=left)  # type: ignore[arg-type]
    found = forecast(asked(entry), on(node(images=HAS, gpus=1), entry=entry), MEASURED, quotas=(quota,))
    assert (found.kind is Kind.READY) == is_allowed
    if not is_allowed:
        assert (said(found), found.why) == ("never: your team's quota is used up", Why.QUOTA)


def entry(hardware_name: str, seconds: float | None, *, environment: str = "python") -> Forecast:
    kind = Kind.NOT_NOW if seconds is None else Kind.READY
    return Forecast(environment=environment, hardware=hardware_name, kind=kind, seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "offers"),
    [
        pytest.param({"small": 4, "large": 4}, ("small", "large"), id="both at once: the nearest in size"),
        pytest.param({"small": 200, "large": 4}, ("large", "small"), id="one much sooner"),
        pytest.param({"small": 25, "large": 4}, ("small", "large"), id="both soon"),
        pytest.param({"small": 500, "large": 300}, ("small", "large"), id="both late: the nearest in size"),
        pytest.param({"small": 900, "large": 300, "gpus": 700}, ("large", "gpus", "small"), id="the soonest first"),
        pytest.param({"small": None, "large": None}, (), id="nothing starts"),
        pytest.param({"of no catalog": 4}, (), id="what is not on offer"),
    ],
)
def test_the_best_offer_is_the_nearest_of_those_that_start_about_as_soon(
    seconds: dict[str, float | None], offers: tuple[str, ...]
) -> None:
    forecasts = [entry("gpu", None), *(entry(name, value) for name, value in seconds.items())]
    assert best_offers("python", "gpu", forecasts, OFFERED) == offers


def test_an_offer_is_for_the_same_software() -> None:
    forecasts = [entry("gpu", None), entry("small", 4, environment="pytorch")]
    assert best_offers("python", "gpu", forecasts, OFFERED) == ()
    assert best_offers("python", "of no catalog", [entry("small", 4)], OFFERED) == ()


def test_only_what_does_not_start_gets_an_offer() -> None:
    found = with_offers([entry("gpu", None), entry("small", 4), entry("gpu", None, environment="r")], OFFERED)
    assert [each.instead for each in found] == ["small", "", ""]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (3.6, "about 4 s"),
        (59, "about 59 s"),
        (61, "about 1 min"),
        (106, "about 1 min 50 s"),
        (170, "about 3 min"),
        (200, "about 3 min 30 s"),
        (515, "about 9 min"),
        (4000, "about 1 h 7 min"),
    ],
)
def test_a_wait_is_as_exact_as_anybody_can_know(seconds: float, words: str) -> None:
    assert wait_of(entry("small", seconds)) == words
    assert wait_of(entry("small", None)) == ""
