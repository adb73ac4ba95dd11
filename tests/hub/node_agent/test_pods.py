"""What an agent reads of a pod: an answer with holes allows nothing, and ends nothing."""

from __future__ import annotations

from typing import Any

import pytest

from hub.node_agent.pods import seat_pod
from tests.hub.node_agent.samples import order, raw_pod

TERMINATED = {"state": {"terminated": {"exitCode": 0}}}
RUNNING = {"state": {"running": {}}}
WAITING = {"state": {"waiting": {}}}

ENDS: dict[str, tuple[dict[str, Any], bool, bool, bool]] = {
    # status, is being deleted, starts again, has ended
    "it runs": ({}, False, False, False),
    "it runs and is being deleted": ({}, True, False, False),
    "its container ended": ({"containerStatuses": [TERMINATED]}, False, False, True),
    "one of two ended": ({"containerStatuses": [TERMINATED, RUNNING]}, False, False, False),
    "one of two waits": ({"containerStatuses": [TERMINATED, WAITING]}, False, False, False),
    "its container ended and starts again": ({"containerStatuses": [TERMINATED]}, False, True, False),
    "its container ended, would start again, and is being deleted": (
        {"containerStatuses": [TERMINATED]},
        True,
        True,
        True,
    ),
    "it was evicted": ({"phase": "Failed", "containerStatuses": []}, False, False, True),
    "it failed, says the phase, and runs": ({"phase": "Failed"}, False, False, False),
    "an init container runs": ({"phase": "Failed", "initContainerStatuses": [RUNNING]}, False, False, False),
    "nothing is told": ({"phase": None, "containerStatuses": None}, True, False, False),
    "a container of which nothing is told": ({"containerStatuses": [{}]}, True, False, False),
}


@pytest.mark.parametrize(("status", "is_deleted", "starts_again", "has_ended"), ENDS.values(), ids=ENDS.keys())
def test_a_pod_has_ended_when_none_of_its_containers_can_run(
    status: dict[str, Any], is_deleted: bool, starts_again: bool, has_ended: bool
) -> None:
    raw = raw_pod(order(), **status)
    if is_deleted:
        raw["metadata"]["deletionTimestamp"] = "2026-11-27T06:30:00Z"
    if starts_again:
        raw["spec"]["restartPolicy"] = "Always"
    assert seat_pod(raw).has_ended is has_ended


def test_an_answer_with_holes_allows_nothing_and_ends_nothing() -> None:
    pod = seat_pod({})
    assert not pod.is_claimed
    assert not pod.has_seat_in_memory
    assert pod.starts_again
    assert pod.runs_as == (None, None)
    assert not pod.has_ended


@pytest.mark.parametrize(
    "volumes",
    [
        [],
        [{"name": "seat", "emptyDir": {}}],
        [{"name": "seat", "hostPath": {"path": "/"}}],
        [{"name": "other", "emptyDir": {"medium": "Memory"}}],
    ],
)
def test_only_an_empty_folder_in_memory_is_a_seat(volumes: list[dict[str, Any]]) -> None:
    raw = raw_pod()
    assert seat_pod(raw).has_seat_in_memory
    raw["spec"]["volumes"] = volumes
    assert not seat_pod(raw).has_seat_in_memory


def test_its_files_about_accounts_are_where_the_kubelet_counts_the_mounts_of_its_container() -> None:
    raw = raw_pod()
    assert seat_pod(raw).accounts == ()
    raw["metadata"]["annotations"] |= {"studiolo.dev/passwd": "root:x:0", "studiolo.dev/group": "root:x:1"}
    raw["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "seat", "mountPath": "/home"},
        {"name": "account", "mountPath": "/etc/passwd", "subPath": "passwd"},
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "account", "mountPath": "/etc/group", "subPath": "group"},
        {"name": "account", "mountPath": "/etc/shadow", "subPath": "../shadow"},
    ]
    assert seat_pod(raw).accounts == (
        ("volume-subpaths/account/notebook/1", "root:x:0"),
        ("volume-subpaths/account/notebook/3", "root:x:1"),
    )


def test_a_container_with_a_number_of_its_own_runs_as_nobody_known() -> None:
    raw = raw_pod()
    assert seat_pod(raw).runs_as == (1000, 1000)
    raw["spec"]["containers"][0]["securityContext"] = {"runAsUser": 0}
    assert seat_pod(raw).runs_as == (None, 1000)
