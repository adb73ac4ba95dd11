"""Forecasts for pages, for a start and for a failed one, on a cluster and on one machine."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hub.capacity.board import ForecastBoard
from hub.capacity.forecast import Forecast, Kind
from hub.capacity.quotas import Quota
from hub.capacity.rooms import FRESH_SECONDS, ClusterRooms, MachineRooms
from hub.capacity.spreads import as_spreads, from_spreads
from hub.capacity.stage_times import Measured, StageTimes, sum_up
from hub.capacity.tally import find_room
from hub.capacity.view import NodeRoom, View
from spawner.admission import Capacity, Held, MachineState
from spawner.environments import BuildFailed
from spawner.plan import Identity, LaunchPlan, Shape
from spawner.stages import Stage
from studiolo.catalog import Catalog, Environment
from studiolo.wire import StageSpread
from tests.hub.capacity.shapes import GIB, IMAGE, LARGE, NOW, ONE_GPU, SMALL, amount, node, pod

PYTHON = Environment(name="python", title="Python", image=IMAGE)
CATALOG = Catalog(environments=(PYTHON,), hardware=(SMALL, LARGE, ONE_GPU))
HOLDERS: Any = SimpleNamespace(current=CATALOG)


class FakePicture:
    """Nodes that a test sets."""

    def __init__(self, *nodes: NodeRoom) -> None:
        self.nodes = nodes
        self.looks = 0
        self.is_known = True

    def view(self) -> View | None:
        self.looks += 1
        return View(nodes=self.nodes) if self.is_known else None

    def room_for(self, entry: Any, view: View) -> Any:
        return find_room(entry, view)

    def with_image(self, image: str, view: View) -> int:
        return view.with_image(image)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def cluster(picture: Any, clock: Callable[[], float] = lambda: 0.0, times: StageTimes | None = None) -> ForecastBoard:
    rooms = ClusterRooms(lambda: picture, clock=clock)
    return ForecastBoard(rooms, catalogs=HOLDERS, times=lambda: times or StageTimes(), wall=lambda: NOW)


def plan(hardware: Any = SMALL, environment: Environment = PYTHON) -> LaunchPlan:
    identity = Identity(user="alice", server="", teams=(), home="alice")
    return LaunchPlan(shape=Shape(environment=environment, hardware=hardware), identity=identity)


class FakeWarm:
    """One pod waits, of python on small, for everybody but bob."""

    is_there = True

    def look(self) -> FakeWarm:
        return self

    def is_for(self, plan: LaunchPlan) -> bool:
        return self.is_there and plan.shape.hardware is SMALL and self.may_claim(plan)

    def may_claim(self, plan: LaunchPlan) -> bool:
        return plan.identity.user != "bob"


def kinds(forecasts: tuple[Forecast, ...]) -> dict[str, Kind]:
    return {each.hardware: each.kind for each in forecasts}


def test_every_choice_on_offer_has_its_forecast_and_what_cannot_start_the_best_of_the_others() -> None:
    found = cluster(FakePicture(node("a", pod(gpus=1), cpu=8, memory=32, gpus=1, images=(IMAGE,)))).forecasts(())
    assert kinds(found) == {"small": Kind.READY, "large": Kind.READY, "gpu": Kind.NOT_NOW}
    assert [each.instead for each in found] == ["", "", "small"]


@pytest.mark.parametrize("picture", [None, FakePicture()], ids=["not connected", "nodes may not be seen"])
def test_where_nobody_knows_nodes_a_start_takes_what_it_always_took_and_nothing_is_offered_instead(
    picture: Any,
) -> None:
    if picture is not None:
        picture.is_known = False
    board = cluster(picture)
    assert set(kinds(board.forecasts(())).values()) == {Kind.READY}
    assert board.instead(plan(ONE_GPU)) == ()


def test_one_look_at_the_nodes_serves_everybody_for_two_seconds() -> None:
    picture, clock = FakePicture(node()), Clock()
    board = cluster(picture, clock)
    for _ in range(5):
        board.forecasts(())
    assert picture.looks == 1
    picture.nodes = ()
    clock.now += FRESH_SECONDS
    assert kinds(board.forecasts(()))["small"] is Kind.NEVER
    assert picture.looks == 2


def test_at_the_click_a_start_is_told_its_stages_and_how_long_any_stage_takes() -> None:
    told = cluster(FakePicture(node("a"))).at_click(plan())
    assert told.kind == "pull"
    assert [stage for stage, _ in told.stages][:2] == [Stage.SCHEDULING, Stage.PULL]
    assert set(told.spreads) == set(Stage)


def test_a_start_is_told_of_the_very_image_that_it_is_to_run_whatever_the_catalog_names_by_now() -> None:
    board = cluster(FakePicture(node(images=(IMAGE,))))
    older = Environment(name="python", title="Python", image=IMAGE.replace("aa", "bb"))
    assert [board.at_click(plan(environment=each)).kind for each in (PYTHON, older)] == ["ready", "pull"]


def test_who_claims_a_warm_pod_is_promised_a_second_and_all_others_what_a_normal_start_takes() -> None:
    warm = FakeWarm()
    rooms = ClusterRooms(lambda: FakePicture(node(images=(IMAGE,))), clock=lambda: 0.0)  # type: ignore[arg-type,return-value]  # made up
    board = ForecastBoard(rooms, catalogs=HOLDERS, times=StageTimes, warm=warm, wall=lambda: NOW)

    def claims(user: str) -> list[str]:
        identity = Identity(user=user, server="", teams=(), home=user)
        found = board.forecasts((), lambda shape: LaunchPlan(shape=shape, identity=identity))
        return [each.hardware for each in found if each.is_claim]

    assert (claims("alice"), claims("bob")) == (["small"], [])
    assert not any(each.is_claim for each in board.forecasts(()))
    told, normal = board.at_click(plan()), board.at_click(plan(LARGE))
    assert [stage for stage, _ in told.stages] == [Stage.CLAIM, Stage.LAB]
    assert (told.otherwise, normal.otherwise) == (normal.stages, ())
    assert board.may_claim(plan())
    warm.is_there = False  # somebody took the last, and at once the normal forecast holds
    assert claims("alice") == []
    assert not board.at_click(plan()).is_claim


def test_where_every_node_is_full_the_hardware_of_a_warm_pod_is_offered_instead() -> None:
    rooms = ClusterRooms(lambda: FakePicture(node("a", pod(cpu=4))), clock=lambda: 0.0)  # type: ignore[arg-type,return-value]  # made up
    board = ForecastBoard(rooms, catalogs=HOLDERS, times=StageTimes, warm=FakeWarm(), wall=lambda: NOW)
    assert board.instead(plan(LARGE)) == (SMALL,)


def test_what_a_quota_refuses_is_told_before_the_click_and_at_it_and_is_nobody_s_best_offer() -> None:
    quota = Quota(title='the quota "people"', left=amount(cpu=1, memory=4))
    rooms = ClusterRooms(lambda: FakePicture(node(gpus=1, images=(IMAGE,))), clock=lambda: 0.0)  # type: ignore[arg-type,return-value]  # made up
    board = ForecastBoard(rooms, catalogs=HOLDERS, times=StageTimes, quotas=lambda: (quota,), wall=lambda: NOW)
    large = next(each for each in board.forecasts(()) if each.hardware == "large")
    assert (large.kind, large.quota, large.instead) == (Kind.NEVER, 'the quota "people"', "small")
    assert board.at_click(plan(LARGE)).kind == "never"
    assert board.instead(plan(ONE_GPU)) == (SMALL,)


def parts(state: MachineState, **store: Any) -> Any:
    known = {
        "missing_programs": lambda _: (),
        "identify": lambda _: SimpleNamespace(digest="lock"),
        "is_ready": lambda _: True,
        **store,
    }
    return SimpleNamespace(machine=SimpleNamespace(state=lambda: state), environments=SimpleNamespace(**known))


def machine(state: MachineState, ends: dict[str, Any] | None = None, **store: Any) -> ForecastBoard:
    rooms = MachineRooms(parts(state, **store), likely_ends=lambda: ends or {})
    return ForecastBoard(rooms, catalogs=HOLDERS, times=StageTimes, wall=lambda: NOW)


def held(key: str, *, memory: int = 0, gpus: tuple[str, ...] = ()) -> Held:
    return Held(key=key, memory_bytes=memory * GIB, cpu_cores=0, gpus=gpus)


HERE = Capacity(memory_bytes=18 * GIB, cpu_cores=8, gpus=("GPU-a",))


def of(board: ForecastBoard, name: str) -> Forecast:
    return next(each for each in board.forecasts(()) if each.hardware == name)


def test_one_machine_says_by_its_own_admission_what_starts_and_when_the_next_likely_does() -> None:
    state = MachineState(capacity=HERE, held=(held("x", memory=2), held("y", memory=2, gpus=("GPU-a",))))
    board = machine(state, {"y": NOW, "x": NOW})
    assert of(board, "small").kind is Kind.READY
    assert (of(board, "large").kind, of(board, "large").said) == (
        Kind.NOT_NOW,
        "needs 16 GiB of memory, 14 GiB is free",
    )
    gpu = of(board, "gpu")
    assert (gpu.kind, gpu.next_free, gpu.instead, (gpu.used, gpu.total)) == (Kind.NOT_NOW, NOW, "small", (1, 1))
    assert of(machine(state), "gpu").next_free is None
    assert of(machine(state, {"x": NOW}), "gpu").next_free is None


def test_one_machine_knows_what_would_not_fit_it_empty() -> None:
    small = MachineState(capacity=Capacity(memory_bytes=4 * GIB, cpu_cores=1))
    assert (of(machine(small), "gpu").kind, of(machine(small), "gpu").said) == (
        Kind.NEVER,
        "needs 1 GPU, this machine has no GPU",
    )


def test_software_that_is_not_there_yet_is_installed_and_what_cannot_be_says_why() -> None:
    state = MachineState(capacity=HERE)
    assert of(machine(state, is_ready=lambda _: False), "small").kind is Kind.PULL
    assert of(machine(state, missing_programs=lambda _: ("gcc",)), "small").said == "Python needs gcc on this machine"

    def fail(_: Any) -> Any:
        raise BuildFailed("the lock cannot be read", ())

    assert of(machine(state, identify=fail), "small").kind is Kind.NEVER


def test_what_is_known_of_stages_crosses_the_wire_unchanged() -> None:
    times = sum_up(
        [
            Measured(
                at=NOW, environment="python", digest=IMAGE, hardware="small", group="pool", stages={Stage.SERVER: 2.5}
            )
        ],
        now=NOW,
    )
    assert from_spreads(as_spreads(times)) == times
    newer = StageSpread(stage="of-a-later-version", usual=1, slow=1, slowest=1, weight=1)
    assert from_spreads((newer,)) == StageTimes()
