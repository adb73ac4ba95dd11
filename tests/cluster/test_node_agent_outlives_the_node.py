"""A home in a running pod while the node's own programs are killed and started anew: no file of 10,000 is lost.

Among the last of a run: others would miss the kubelet.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.cluster.status import component_trouble, first_trouble, nodes_trouble
from hub.node_agent.mounts import SEAT_PATH
from tests.cluster.cluster_commands import LAYOUT, cluster, eventually, held, kubectl, pid_of
from tests.cluster.node_agents import PODS, Agents, agents_for_test

pytestmark = pytest.mark.usefixtures("on_this_machine")

BACK_SECONDS = 45.0
"""Three times what a component may take to be back."""


@pytest.fixture(scope="module", autouse=True)
def _healthy_again(on_this_machine: None) -> Iterator[None]:
    cluster("up", "--nodes", "2")
    yield
    eventually("the cluster", lambda: not first_trouble(LAYOUT), seconds=BACK_SECONDS)
    eventually("the nodes", lambda: not nodes_trouble(LAYOUT, expected=1), seconds=BACK_SECONDS)


@pytest.fixture(scope="module", params=[1, 2])
def agents(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    _healthy_again: None,
    _remove_namespaces: None,
) -> Iterator[Agents]:
    folder = tmp_path_factory.mktemp("agents")
    with agents_for_test(folder, kubeconfig, images["hub"], node=request.param) as made:
        yield made


def components(agents: Agents) -> tuple[str, str]:
    suffix = "" if agents.node == 1 else f"-node{agents.node}"
    return f"kubelet{suffix}", f"containerd{suffix}"


@pytest.mark.parametrize("index", [0, 1], ids=["kubelet", "containerd"])
def test_a_program_of_the_node_that_is_killed_takes_no_home_and_no_file(agents: Agents, index: int) -> None:
    component = components(agents)[index]
    before = agents.make_home(component)
    pod = agents.make_pod(component)
    uid = pod["metadata"]["uid"]
    with agents.process():
        agents.delivered(agents.claim(pod, component))
        killed = pid_of(component)
        os.kill(killed, signal.SIGKILL)
        eventually(
            f"{component} is back",
            lambda: pid_of(component) != killed and not component_trouble(LAYOUT, component),
            seconds=BACK_SECONDS,
        )
        assert agents.mounts(uid)
        assert agents.digest(component) == before
        eventually("the pod is used again", lambda: _sees_its_home(agents, component), seconds=BACK_SECONDS)
        kubectl("-n", agents.namespace, "delete", "pod", component, "--wait=false")
        agents.until_gone(pod)
    assert agents.digest(component) == before


def test_a_pod_deleted_while_the_node_is_away_loses_no_file(agents: Agents) -> None:
    before = agents.make_home("away")
    pod = agents.make_pod("away")
    with agents.process():
        agents.delivered(agents.claim(pod, "away"))
        with held(*components(agents)):
            for component in components(agents):
                os.kill(pid_of(component), signal.SIGKILL)
            kubectl("-n", agents.namespace, "delete", "pod", "away", "--wait=false")
            assert agents.mounts(pod["metadata"]["uid"])
            assert agents.digest("away") == before
        agents.until_gone(pod)
    assert agents.digest("away") == before


def test_a_node_that_lost_its_processes_and_its_memory_comes_back_without_a_loss(agents: Agents) -> None:
    """As after its power failed: every process is dead, what was in memory is gone, and then all is started anew."""
    before = agents.make_home("lost")
    pod = agents.make_pod("lost")
    uid = pod["metadata"]["uid"]
    with agents.process():
        agents.delivered(agents.claim(pod, "lost"))
    with held(*components(agents)):
        for component in components(agents):
            os.kill(pid_of(component), signal.SIGKILL)
        for pid in _processes_of("lost"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        agents.on_node("umount", "--lazy", f"{PODS}/{uid}/{SEAT_PATH}")
        assert not agents.mounts(uid)
        assert agents.digest("lost") == before
    eventually("the node is back", lambda: not component_trouble(LAYOUT, components(agents)[0]), seconds=BACK_SECONDS)
    with agents.process():
        kubectl("-n", agents.namespace, "delete", "pod", "lost", "--wait=false")
        agents.until_gone(pod)
    assert agents.digest("lost") == before


def _sees_its_home(agents: Agents, pod: str) -> bool:
    try:
        return "link" in agents.inside(pod, "ls", "/home/jovyan")
    except Exception:  # noqa: BLE001 - a node that comes back refuses for a while, in many ways
        return False


def _processes_of(pod: str) -> list[int]:
    """Those of the containers of a pod, by the name that each has as its host's."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if f"HOSTNAME={pod}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
