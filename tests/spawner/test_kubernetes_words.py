"""What schedulers, kubelets, runtimes and registries say is taken apart, in their own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawner.verdicts.image_text import PullProblem, PullText, SettingText, read_fault, read_pull, read_setting
from spawner.verdicts.outcomes import (
    RegistryTrouble,
    SettingKind,
)
from spawner.verdicts.scheduling_text import NodeCounts, Room, SchedulingText, read_scheduling

REF = "10.199.0.1:5000/hub/other:1"

NOT_HELPFUL = (
    " no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)
FULL = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: "
    "0/1 nodes are available: 1 No preemption victims found for incoming pod."
)
TOO_SMALL = f"0/1 nodes are available: 1 Insufficient memory.{NOT_HELPFUL}"
NO_CLAIM = '0/1 nodes are available: persistentvolumeclaim "missing" not found. not found'

RESOLVE = f'failed to pull and unpack image "{REF}": failed to resolve reference "{REF}": '
NOT_FOUND = f'Failed to pull image "{REF}": rpc error: code = NotFound desc = {RESOLVE}{REF}: not found'
HEAD = 'failed to do request: Head "https://10.199.0.1:5000/v2/hub/manifests/other": '
REFUSED_CONNECTION = (
    f'Failed to pull image "{REF}": {RESOLVE}{HEAD}dial tcp 10.199.0.1:5000: connect: connection refused'
)
STRANGE = f'Failed to pull image "{REF}": failed to extract layer: no space left on device'


@pytest.mark.parametrize(
    ("message", "room", "counts"),
    [
        pytest.param(
            "0/9 nodes are available: 1 Too many pods, 1 node(s) were unschedulable, 2 Insufficient cpu, 2 "
            "Insufficient memory, 2 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't "
            "tolerate, 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had volume node affinity conflict, 3 "
            "node(s) didn't match Pod's node affinity/selector. preemption: 0/9 nodes are available: 4 No preemption "
            "victims found for incoming pod, 5 Preemption is not helpful for scheduling.",
            Room.FULL,
            NodeCounts(
                nodes=9,
                tainted=2,
                cordoned=1,
                of_another_kind=3,
                short=(("pods", 1), ("cpu", 2), ("memory", 2)),
                without_volume=1,
                other=1,
                full=4,
                hopeless=5,
            ),
            id="everything at once",
        ),
        pytest.param(
            "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, "
            "preemption: not eligible due to preemptionPolicy=Never.",
            Room.FULL,
            NodeCounts(nodes=1, short=(("memory", 1),)),
            id="a pod that may not preempt is told less",
        ),
        pytest.param(
            "0/2 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity], 1 node(s) had untolerated "
            "taint(s). preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            Room.NEVER,
            NodeCounts(nodes=2, tainted=1, of_another_kind=1, hopeless=2),
            id="nodes that were not even looked at",
        ),
        pytest.param(
            "0/1 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) of mystery. preemption: "
            "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            Room.UNKNOWN,
            NodeCounts(nodes=1, tainted=1, other=1, hopeless=1),
            id="a taint and something unknown",
        ),
        pytest.param(
            "0/2 nodes are available: 2 node(s) exceed max volume count. preemption: 0/2 nodes are available: "
            "2 No preemption victims found for incoming pod.",
            Room.FULL,
            NodeCounts(nodes=2, without_volume=2, full=2),
            id="too many volumes is a matter of room",
        ),
        pytest.param(
            "0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, "
            "1 node(s) didn't match Pod's node affinity/selector.",
            Room.FULL,
            NodeCounts(nodes=2, of_another_kind=1, other=1),
            id="nothing about preemption: it was found, and the pod's status will say so",
        ),
        pytest.param("", Room.UNKNOWN, NodeCounts(), id="nothing"),
    ],
)
def test_the_scheduler_s_sentence_is_taken_apart(message: str, room: Room, counts: NodeCounts) -> None:
    assert read_scheduling(message) == SchedulingText(room=room, counts=counts)


@pytest.mark.parametrize(
    ("words", "problem", "trouble"),
    [
        ("pull access denied, repository does not exist or may require authorization", PullProblem.REFUSED, None),
        ("unauthorized: authentication required", PullProblem.REFUSED, None),
        ("no basic auth credentials", PullProblem.REFUSED, None),
        ("failed with status code [manifests 1]: 403 Forbidden", PullProblem.REFUSED, None),
        ("manifest unknown", PullProblem.NOT_FOUND, None),
        ("dial tcp 10.199.0.77:5000: connect: no route to host", PullProblem.AWAY, RegistryTrouble.NO_ANSWER),
        ("dial tcp 10.0.0.1:443: i/o timeout", PullProblem.AWAY, RegistryTrouble.NO_ANSWER),
        ("dial tcp: lookup r.example on 10.0.0.1:53: no such host", PullProblem.AWAY, RegistryTrouble.UNKNOWN_NAME),
        ("x509: certificate signed by unknown authority", PullProblem.AWAY, RegistryTrouble.CERTIFICATE),
        ("tls: first record does not look like a TLS handshake", PullProblem.AWAY, RegistryTrouble.CERTIFICATE),
        ("http: server gave HTTP response to HTTPS client", PullProblem.AWAY, RegistryTrouble.CERTIFICATE),
        ("429 Too Many Requests - toomanyrequests: unauthenticated pull rate", PullProblem.AWAY, RegistryTrouble.BUSY),
        ("failed with status code [manifests 1]: 503 Service Unavailable", PullProblem.AWAY, RegistryTrouble.BROKEN),
        ("no match for platform in manifest: not found", PullProblem.WRONG_PLATFORM, None),
        ("failed to extract layer: no space left on device", PullProblem.UNKNOWN, None),
    ],
)
def test_a_registry_s_words_are_told_apart(words: str, problem: PullProblem, trouble: RegistryTrouble | None) -> None:
    expected = PullText(problem=problem, image=REF, trouble=trouble)
    assert read_pull(f'Failed to pull image "{REF}": {RESOLVE}{words}') == expected


def test_what_an_image_is_called_decides_nothing() -> None:
    name = "denied.example.org/unauthorized/timeout:1"
    text = (
        f'Failed to pull image "{name}": failed to do request: Head "https://denied.example.org/v2/": {name}: not found'
    )
    assert read_pull(text) == PullText(problem=PullProblem.NOT_FOUND, image=name)


def test_a_key_that_a_volume_names_and_a_secret_lacks() -> None:
    text = 'MountVolume.SetUp failed for volume "v" : references non-existent secret key: value'
    assert read_setting(text) == SettingText(of=SettingKind.SECRET, name="", key="value")
    text = text.replace("secret key", "config key")
    assert read_setting(f"configmap {text}") == SettingText(of=SettingKind.CONFIG_MAP, name="", key="value")


@given(
    text=st.sampled_from([NOT_FOUND, REFUSED_CONNECTION, STRANGE, TOO_SMALL, FULL, NO_CLAIM]) | st.text(max_size=80),
    cut=st.integers(0, 300),
    more=st.text(max_size=20),
)
def test_reading_never_fails(text: str, cut: int, more: str) -> None:
    said = text[:cut] + more
    assert read_scheduling(said).room in Room
    assert read_pull(said).problem in PullProblem
    read_setting(said)
    read_fault(said)
