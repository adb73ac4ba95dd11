"""The cluster goes and leaves the machine as it was. Ends the cluster of this machine and brings it up again."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.cluster.layout import KEPT
from deploy.cluster.snapshot import take_snapshot
from deploy.cluster.state import supervisor_process
from tests.cluster.cluster_commands import LAYOUT, cluster, eventually, kubectl

pytestmark = pytest.mark.usefixtures("on_this_machine")


def _run_a_pod() -> None:
    eventually("the namespace's account", lambda: "default" in kubectl("get", "serviceaccounts"), seconds=60)
    kubectl("run", "trace", "--image=localhost/pause:1", "--restart=Never")
    kubectl("wait", "--for=condition=Ready", "pod/trace", "--timeout=90s")


def test_down_removes_what_up_made_and_nothing_else() -> None:
    cluster("down")
    before = take_snapshot()
    try:
        cluster("up", "--nodes", "2")
        _run_a_pod()
        cluster("down")
        assert before.differences(take_snapshot()) == ()
        assert {path.name for path in LAYOUT.state.iterdir()} <= KEPT
    finally:
        cluster("up")


def test_what_a_killed_supervisor_left_is_cleared_away_by_the_next_up() -> None:
    cluster("up")
    process = supervisor_process(LAYOUT)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert "Clearing away" in cluster("up")
    _run_a_pod()
    kubectl("delete", "pod", "trace", "--now")


def test_up_is_quick_when_all_is_up() -> None:
    cluster("up")
    supervisor = supervisor_process(LAYOUT)
    assert "The cluster is up" in cluster("up")
    assert supervisor_process(LAYOUT) == supervisor
