"""Homes in running pods of a real node: there when they should be, harmless, and whole whatever happens to anybody.

Each home has 10,000 files. A small program takes the identity in place of a parked server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.cluster_commands import eventually, kubectl
from tests.cluster.node_agents import Agents, agents_for_test, asking_pod

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


@pytest.fixture(scope="module")
def in_pod(agents: Agents) -> Iterator[Agents]:
    """The agent as the chart runs it."""
    with agents.pod():
        yield agents


def test_a_home_appears_in_a_running_pod_with_its_team_and_without_what_is_dangerous(in_pod: Agents) -> None:
    before = in_pod.make_home("alice")
    pod = in_pod.make_pod("alice")
    answer = in_pod.delivered(order := in_pod.claim(pod, "alice"))
    assert answer.left_out == ()
    assert in_pod.delivered(order).order == order.id  # asked again, answered again
    eventually("the program has it", lambda: "claimed" in in_pod.log("alice"), seconds=30)
    assert (
        len(in_pod.inside("alice", "sh", "-c", "cd /home/jovyan && find . -name '*.txt' | grep -v shared").split())
        == 10_000
    )
    assert in_pod.inside("alice", "cat", "/home/jovyan/shared/vision/plan.txt") == "of vision"
    mounts = in_pod.inside("alice", "cat", "/proc/self/mounts").splitlines()
    options = {one.split()[1]: one.split()[3].split(",") for one in mounts}
    for place in ("/home/jovyan", "/home/jovyan/shared/vision"):
        assert {"nosuid", "nodev"} <= set(options[place])
    # The top folder is nobody's to change, and holds nothing that tells of the order.
    outcome = in_pod.inside(
        "alice", "sh", "-c", "touch /home/x; mv /home/jovyan /home/y; cat /home/.order; ls /home; :"
    )
    assert outcome.split() == ["jovyan"]
    kubectl("-n", in_pod.namespace, "delete", "pod", "alice", "--wait=false")
    in_pod.until_gone(pod)
    assert in_pod.digest("alice") == before


def test_what_is_written_until_the_last_moment_is_kept(in_pod: Agents) -> None:
    in_pod.make_home("writer", files=10)
    pod = in_pod.make_pod("writer")
    in_pod.delivered(in_pod.claim(pod, "writer"))
    in_pod.inside("writer", "sh", "-c", "echo last > /home/jovyan/last.txt")
    kubectl("-n", in_pod.namespace, "delete", "pod", "writer", "--wait=false")
    in_pod.until_gone(pod)
    assert (in_pod.homes / "writer" / "last.txt").read_text() == "last\n"


def test_a_pod_deleted_by_force_loses_no_file(in_pod: Agents) -> None:
    before = in_pod.make_home("forced")
    pod = in_pod.make_pod("forced")
    in_pod.delivered(in_pod.claim(pod, "forced"))
    kubectl("-n", in_pod.namespace, "delete", "pod", "forced", "--grace-period=0", "--force", "--wait=false")
    in_pod.until_gone(pod)
    assert in_pod.digest("forced") == before


def test_a_container_that_crashes_loses_no_file_and_its_home_is_taken_away(in_pod: Agents) -> None:
    before = in_pod.make_home("crashed")
    pod = in_pod.make_pod("crashed")
    in_pod.delivered(in_pod.claim(pod, "crashed"))
    with suppress(Exception):  # the program that is run inside dies with it
        in_pod.inside("crashed", "sh", "-c", "kill -USR1 1")
    eventually("its home is gone from the pod", lambda: not in_pod.mounts(pod["metadata"]["uid"]), seconds=60)
    assert in_pod.digest("crashed") == before
    kubectl("-n", in_pod.namespace, "delete", "pod", "crashed", "--wait=false")
    in_pod.until_gone(pod)
    assert in_pod.digest("crashed") == before


def test_an_order_for_another_pod_or_person_than_the_api_server_shows_is_refused(in_pod: Agents) -> None:
    in_pod.make_home("bob", files=10)
    in_pod.make_home("mallory", files=10)
    bobs, mallorys = in_pod.make_pod("bob"), in_pod.make_pod("mallory")
    bob, mallory = in_pod.claim(bobs, "bob"), in_pod.claim(mallorys, "mallory")
    other = {"pod": mallory.pod, "pod_uid": mallory.pod_uid}
    assert in_pod.refused(bob.model_copy(update=other)) == "not_claimed"
    assert in_pod.refused(mallory.model_copy(update={"home": bob.home})) == "not_claimed"
    assert in_pod.refused(mallory.model_copy(update={"id": "0" * 32})) == "not_claimed"
    assert not in_pod.mounts(mallory.pod_uid)
    in_pod.delivered(bob)
    kubectl("-n", in_pod.namespace, "delete", "pod", "bob", "mallory", "--wait=false")
    in_pod.until_gone(bobs)
    in_pod.until_gone(mallorys)


def test_only_a_token_of_the_hub_for_agents_opens_the_agent(in_pod: Agents) -> None:
    for token in (
        in_pod.token_of("somebody"),
        in_pod.token_of("hub", audience=""),
        in_pod.token_of("hub", audience="another"),
        in_pod.token[:-4] + "AAAA",
        "",
    ):
        assert in_pod.give(b"{}", token=token or "nothing").status_code == 403
    assert in_pod.give(b"{}").status_code == 400


def test_from_a_pod_that_is_not_the_hubs_no_agent_is_reached(in_pod: Agents) -> None:
    """The same connection, by the chart's own policies: the hub's pod has it, and a workspace has not."""
    theirs = {"app.kubernetes.io/name": "studiolo", "app.kubernetes.io/instance": "studiolo"}
    asking = {
        "hub": theirs | {"app.kubernetes.io/component": "hub"},
        "workspace": {"studiolo.dev/release": "studiolo", "studiolo.dev/kind": "workspace"},
    }
    for name, labels in asking.items():
        pod = asking_pod(name, namespace=in_pod.namespace, image=in_pod.image, labels=labels)
        kubectl("create", "-f", "-", text=json.dumps(pod))
    kubectl("-n", in_pod.namespace, "wait", "--for=condition=Ready", "pod", *asking, "--timeout=90s")
    host, port = in_pod.url.removeprefix("https://").split(":")
    connects = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5); print('reached')\n"
        "except OSError as error: print('not', type(error).__name__)\n"
    )
    eventually(
        "the hub reaches it",
        lambda: in_pod.inside("hub", "python", "-c", connects, host, port).strip() == "reached",
        seconds=30,
    )
    assert in_pod.inside("workspace", "python", "-c", connects, host, port).startswith("not")


def test_a_link_planted_in_the_seat_before_the_claim_brings_nothing_on_the_node(in_pod: Agents) -> None:
    in_pod.make_home("planter", files=10)
    pod = in_pod.make_pod("planter")
    in_pod.inside("planter", "ln", "-s", "/etc", "/home/jovyan")
    assert in_pod.refused(in_pod.claim(pod, "planter")) == "seat"
    assert not in_pod.mounts(pod["metadata"]["uid"])
    assert not mounted_on_etc(in_pod)
    kubectl("-n", in_pod.namespace, "delete", "pod", "planter", "--wait=false")
    in_pod.until_gone(pod)


def test_a_race_of_renames_in_the_seat_brings_nothing_on_the_node(in_pod: Agents) -> None:
    """While orders come, the pod's own program swaps folders and links in its seat as fast as it can."""
    in_pod.make_home("racer", files=10)
    swaps = (
        "import os\nos.chdir('/home')\nwhile True:\n"
        " for step in (lambda: os.mkdir('jovyan'), lambda: os.rename('jovyan', 'a'), lambda: os.rmdir('a'),\n"
        "              lambda: os.symlink('/etc', 'jovyan'), lambda: os.unlink('jovyan')):\n"
        "  try: step()\n  except OSError: pass\n"
    )
    for number in range(3):
        pod = in_pod.make_pod(f"racer-{number}")
        in_pod.inside(f"racer-{number}", "sh", "-c", f'python -c "{swaps}" >/dev/null 2>&1 & :')
        answer = in_pod.give(in_pod.claim(pod, "racer"))
        assert answer.status_code in {200, 409}, answer.text
        mounted = in_pod.mounts(pod["metadata"]["uid"])
        assert all("/seat/jovyan" in one for one in mounted)
        in_etc = [
            line for line in in_pod.on_node("cat", "/proc/self/mountinfo").splitlines() if line.split()[4] == "/etc"
        ]
        assert in_etc == []
        kubectl("-n", in_pod.namespace, "delete", "pod", f"racer-{number}", "--wait=false")
        in_pod.until_gone(pod)
    assert (in_pod.homes / "racer" / "00" / "0.txt").exists()


def mounted_on_etc(agents: Agents) -> list[str]:
    """What the links of these tests lead to."""
    return [line for line in agents.on_node("cat", "/proc/self/mountinfo").splitlines() if line.split()[4] == "/etc"]
