"""A home stays as long as anything in its pod may run, and goes for certain after that."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub.node_agent.pods import SeatPod, seat_pod
from hub.node_agent.reconcile import GONE_SECONDS, look
from tests.hub.node_agent.samples import order, raw_pod

RUNNING = seat_pod(raw_pod(order()))
ENDED = replace(RUNNING, has_ended=True)
UID = RUNNING.uid


def test_a_home_stays_in_a_pod_that_runs_also_while_its_end_was_asked_for() -> None:
    for pod in (RUNNING, replace(RUNNING, is_ending=True), replace(RUNNING, is_claimed=False)):
        assert look({UID}, {UID: pod}, {}, now=0).unmount == ()


def test_it_goes_once_the_containers_have_ended() -> None:
    assert look({UID}, {UID: ENDED}, {}, now=0).unmount == (UID,)


def test_nothing_is_done_for_a_pod_without_a_home() -> None:
    assert look((), {UID: ENDED}, {}, now=0).unmount == ()


def test_it_goes_from_a_pod_that_nobody_knows_only_after_its_server_had_time_to_save() -> None:
    first = look({UID}, {}, {}, now=100)
    assert first.unmount == ()
    assert look({UID}, {}, first.missing, now=100 + GONE_SECONDS - 1).unmount == ()
    assert look({UID}, {}, first.missing, now=100 + GONE_SECONDS).unmount == (UID,)


def test_a_pod_that_is_seen_again_was_never_missing() -> None:
    first = look({UID}, {}, {}, now=100)
    back = look({UID}, {UID: RUNNING}, first.missing, now=100 + GONE_SECONDS)
    assert (back.unmount, back.missing) == ((), {})
    assert look({UID}, {}, back.missing, now=101 + GONE_SECONDS).unmount == ()


UIDS = st.sampled_from(["a", "b", "c"])
PODS = st.dictionaries(UIDS, st.sampled_from([RUNNING, ENDED]))


@given(looks=st.lists(st.tuples(st.sets(UIDS), PODS, st.floats(0, GONE_SECONDS * 2)), max_size=8))
def test_whatever_happened_no_running_pod_loses_its_home_and_no_ended_one_keeps_it(
    looks: list[tuple[set[str], dict[str, SeatPod], float]],
) -> None:
    now, missing = 0.0, {}
    for mounted, pods, passed in looks:
        now += passed
        decided = look(mounted, pods, missing, now=now)
        missing = dict(decided.missing)
        assert set(decided.unmount) <= mounted
        for uid in mounted & pods.keys():
            assert (uid in decided.unmount) == pods[uid].has_ended
        for uid in mounted - pods.keys():
            assert (uid in decided.unmount) == (now - missing[uid] >= GONE_SECONDS)
