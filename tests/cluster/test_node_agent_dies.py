"""Agents that are killed at each step, and pods that end while none runs: no file of 10,000 is lost.

Apart from `test_node_agent.py`, whose agent would do the work of those that are dead here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.cluster.cluster_commands import eventually, kubectl
from tests.cluster.node_agents import Agents, agents_for_test

pytestmark = pytest.mark.usefixtures("on_this_machine")


@pytest.fixture(scope="module")
def agents(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[Agents]:
    with agents_for_test(tmp_path_factory.mktemp("agents"), kubeconfig, images["hub"]) as made:
        yield made


HOME = "steps"


@pytest.fixture(scope="module")
def whole(agents: Agents) -> Iterator[str]:
    """What `digest` gives of the home that all agents die on; in the end every pod is gone, and it is the same."""
    before = agents.make_home(HOME)
    yield before
    with agents.process():
        agents.end_pods()
    assert agents.digest(HOME) == before


STEPS = [(name, when) for name in ("close_seat", "mount_home", "connect") for when in ("before", "after")]


@pytest.mark.parametrize(("step", "when"), [*STEPS, ("deliver", "before"), ("deliver", "after")])
def test_an_agent_killed_at_a_step_loses_no_file_and_delivers_at_most_once(
    agents: Agents, whole: str, step: str, when: str
) -> None:
    name = f"killed-{step.replace('_', '-')}-{when}"
    order = agents.claim(agents.make_pod(name), HOME)
    with agents.process(step, when) as process:
        with pytest.raises(httpx.HTTPError):
            agents.give(order)
        assert process.wait(30) == 9
    with agents.process():
        if step == "deliver":
            assert agents.refused(order) == "used"
        else:
            agents.delivered(order)
            eventually("the program has it", lambda: agents.log(name).count("claimed") == 1, seconds=30)
        kubectl("-n", agents.namespace, "delete", "pod", name, "--wait=false")
    assert agents.digest(HOME) == whole


def test_a_pod_that_ends_while_no_agent_runs_waits_for_the_next_one(agents: Agents) -> None:
    before = agents.make_home("waits")
    pod = agents.make_pod("waits")
    with agents.process():
        agents.delivered(agents.claim(pod, "waits"))
    kubectl("-n", agents.namespace, "delete", "pod", "waits", "--wait=false")
    ended = ("-n", agents.namespace, "get", "pod", "waits", "-o", "jsonpath={.status.containerStatuses[0].state}")
    eventually("its container has ended", lambda: "terminated" in kubectl(*ended), seconds=60)
    assert agents.mounts(pod["metadata"]["uid"])
    assert agents.digest("waits") == before
    with agents.process():
        agents.until_gone(pod)
    assert agents.digest("waits") == before
