"""The stages of a start, as they are measured: each waits for something of its own."""

from __future__ import annotations

import pytest

from spawner.progress import Phase
from spawner.stages import PHASE_OF, Stage, StageClock, stage_of
from spawner.verdicts.outcomes import Running, Waiting, WaitingKind


def test_every_stage_belongs_to_a_phase_of_the_waiting_page() -> None:
    assert set(PHASE_OF) == set(Stage)
    assert set(PHASE_OF.values()) == set(Phase)


@pytest.mark.parametrize(
    ("outcome", "stage"),
    [
        (Waiting(kind=WaitingKind.SCHEDULER, phase=Phase.ROOM, detail=""), Stage.SCHEDULING),
        (Waiting(kind=WaitingKind.ROOM, phase=Phase.ROOM, detail=""), Stage.SCHEDULING),
        (Waiting(kind=WaitingKind.VOLUME, phase=Phase.ROOM, detail=""), Stage.SCHEDULING),
        (Waiting(kind=WaitingKind.PREEMPTION, phase=Phase.ROOM, detail=""), Stage.GIVING_WAY),
        (Waiting(kind=WaitingKind.AUTOSCALER, phase=Phase.ROOM, detail=""), Stage.NODE),
        (Waiting(kind=WaitingKind.NODE, phase=Phase.ROOM, detail=""), Stage.NODE),
        (Waiting(kind=WaitingKind.IMAGE, phase=Phase.SOFTWARE, detail=""), Stage.PULL),
        (Waiting(kind=WaitingKind.REGISTRY, phase=Phase.SOFTWARE, detail=""), Stage.PULL),
        (Waiting(kind=WaitingKind.CONTAINER, phase=Phase.SOFTWARE, detail=""), Stage.CONTAINERS),
        (Waiting(kind=WaitingKind.VOLUME, phase=Phase.SERVER, detail=""), Stage.CONTAINERS),
        (Running(is_ready=False), Stage.SERVER),
    ],
)
def test_a_start_is_in_the_stage_whose_end_it_waits_for(outcome: Waiting | Running, stage: Stage) -> None:
    assert stage_of(outcome) is stage


def test_each_stage_takes_the_time_until_the_next_begins() -> None:
    clock = StageClock().enter(Stage.SCHEDULING, 10).enter(Stage.SCHEDULING, 11).enter(Stage.PULL, 12)
    assert clock.measured(15) == {Stage.SCHEDULING: 2, Stage.PULL: 3}
    assert clock.end(16).measured(99) == {Stage.SCHEDULING: 2, Stage.PULL: 4}


def test_a_stage_that_comes_back_goes_on_where_it_was() -> None:
    clock = StageClock().enter(Stage.PULL, 0).enter(Stage.CONTAINERS, 4).enter(Stage.PULL, 5).end(7)
    assert clock.measured(7) == {Stage.PULL: 6, Stage.CONTAINERS: 1}


def test_a_clock_that_was_set_back_takes_nothing_away() -> None:
    assert StageClock().enter(Stage.PULL, 10).end(3).measured(3) == {Stage.PULL: 0}


def test_a_start_that_never_began_has_measured_nothing() -> None:
    assert StageClock().end(1).measured(1) == {}
