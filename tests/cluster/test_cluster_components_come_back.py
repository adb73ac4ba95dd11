"""A component that is killed is back within seconds, and pods do not notice."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from deploy.cluster.status import component_trouble, first_trouble, nodes_trouble
from tests.cluster.cluster_commands import LAYOUT, cluster, eventually, held, kubectl, pid_of
from tests.cluster.conftest import Namespaces

pytestmark = pytest.mark.usefixtures("on_this_machine")

BACK_SECONDS = 15.0
"""What the issue promises; a test on a loaded machine waits three times that long."""


@pytest.fixture
async def pods(new_namespace: Namespaces) -> str:
    """A namespace with one running pod on each real node."""
    cluster("up", "--nodes", "2")
    namespace = await new_namespace()
    for number in (1, 2):
        pinned = json.dumps({"spec": {"nodeName": f"studiolo-node{number}"}})
        name = f"steady{number}"
        kubectl("-n", namespace, "run", name, "--image=localhost/pause:1", "--restart=Never", f"--overrides={pinned}")
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s")
    return namespace


@pytest.fixture(autouse=True)
def _healthy_again() -> Iterator[None]:
    yield
    eventually("the cluster", lambda: not first_trouble(LAYOUT), seconds=3 * BACK_SECONDS)
    eventually("the nodes", lambda: not nodes_trouble(LAYOUT, expected=1), seconds=3 * BACK_SECONDS)


def _containers(namespace: str) -> list[str]:
    found = json.loads(kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return sorted(pod["status"]["containerStatuses"][0]["containerID"] for pod in found)


@pytest.mark.parametrize(
    "component", ["kubelet", "containerd", "kube-apiserver", "etcd", "kube-proxy", "coredns", "kube-scheduler"]
)
def test_a_killed_component_is_back_and_pods_go_on(pods: str, component: str) -> None:
    containers = _containers(pods)
    before = pid_of(component)
    os.kill(before, signal.SIGKILL)
    eventually(
        f"{component} is back",
        lambda: pid_of(component) != before and not component_trouble(LAYOUT, component),
        seconds=3 * BACK_SECONDS,
    )
    eventually("the API answers", lambda: not component_trouble(LAYOUT, "kube-apiserver"), seconds=3 * BACK_SECONDS)
    assert _containers(pods) == containers


def test_a_held_component_stays_away_until_it_is_released() -> None:
    with held("kube-scheduler"):
        before = pid_of("kube-scheduler")
        cluster("hold", "kube-scheduler", "--signal", "KILL")
        eventually("it ended", lambda: component_trouble(LAYOUT, "kube-scheduler") == "does not run", seconds=10)
        assert pid_of("kube-scheduler") == before
        cluster("release", "kube-scheduler")
        eventually("it is back", lambda: not component_trouble(LAYOUT, "kube-scheduler"), seconds=3 * BACK_SECONDS)


def test_a_node_that_was_lost_returns_with_its_pods(pods: str) -> None:
    containers = _containers(pods)
    with held("kubelet-node2", "containerd-node2"):
        for name in ("kubelet-node2", "containerd-node2"):
            os.kill(pid_of(name), signal.SIGKILL)
        eventually("the node is lost", lambda: _ready("studiolo-node2") == "Unknown", seconds=180)
    eventually("the node is back", lambda: _ready("studiolo-node2") == "True", seconds=90)
    assert _containers(pods) == containers


def _ready(node: str) -> str:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "node", node, "-o", f"jsonpath={path}")
