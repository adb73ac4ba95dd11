"""A slot as a pod: exactly the room of a workspace, for whoever needs it; and what leads from some slots to others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hub.capacity.placeholder import Changes, Held, SlotPod, changes, counted, slot_pod
from hub.capacity.plan import Because, Slots
from spawner.installation import Installation
from studiolo.catalog_model import Affinity, NodePreference, NodeRule, Toleration
from tests.hub.capacity.shapes import GPU, ONE_GPU, SMALL, hardware

HELD = Held(
    installation=Installation(namespace="lab", release="studiolo", homes=None),
    namespace="lab-capacity",
    image="registry.test/pause@sha256:aa",
    priority_class="studiolo-placeholder",
)


def pod_of(entry: Any, number: int = 0, **more: Any) -> SlotPod:
    found = slot_pod({**HELD.manifest(entry, number), "status": {"phase": "Running"}})
    return SlotPod(**{**{name: getattr(found, name) for name in SlotPod.__slots__}, "node": "a", "uid": "1", **more})


def slots(name: str, target: int) -> Slots:
    return Slots(hardware=name, wanted=target, because=Because.CATALOG, target=target, present=0)


def todo(target: int, *pods: SlotPod) -> Changes:
    return changes([slots("small", target)], pods, {"small": SMALL, "gpu": ONE_GPU}, HELD)


def names(found: Changes) -> tuple[list[str], list[str]]:
    return [one["metadata"]["name"] for one in found.create], [pod.name for pod in found.delete]


def test_a_slot_asks_for_what_a_workspace_asks_for_and_waits_under_everybody() -> None:
    spec = HELD.manifest(ONE_GPU, 0)["spec"]
    (container,) = spec["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "1.0", "memory": str(4 * 2**30), "ephemeral-storage": str(10 * 2**30), GPU: "1"},
        "limits": {GPU: "1"},
    }
    assert spec["priorityClassName"] == "studiolo-placeholder"
    assert spec["terminationGracePeriodSeconds"] == 0


def test_a_slot_goes_where_the_workspace_would_go() -> None:
    entry = hardware(
        node_selector=(("zone", "1"),),
        tolerations=(Toleration(key="gpu", operator="Exists"),),
        affinity=Affinity(
            required=(NodeRule(key="arch", operator="In", values=("amd64",)),),
            preferred=(NodePreference(weight=5, rule=NodeRule(key="disk", operator="Exists")),),
        ),
    )
    spec = HELD.manifest(entry, 0)["spec"]
    assert spec["nodeSelector"] == {"zone": "1"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    terms = spec["affinity"]["nodeAffinity"]
    assert terms["requiredDuringSchedulingIgnoredDuringExecution"] == {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "arch", "operator": "In", "values": ["amd64"]}]}]
    }
    assert terms["preferredDuringSchedulingIgnoredDuringExecution"][0]["weight"] == 5
    assert "affinity" not in HELD.manifest(SMALL, 0)["spec"]


def test_a_slot_fetches_its_program_with_the_secrets_of_a_private_registry() -> None:
    private = replace(HELD, installation=replace(HELD.installation, image_pull_secrets=("registry", "mirror")))
    assert private.manifest(SMALL, 0)["spec"]["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
    # Where none is asked for, slots of the version before stay as they are: their shape is the same.
    assert "imagePullSecrets" not in HELD.manifest(SMALL, 0)["spec"]
    assert private.shape(SMALL) != HELD.shape(SMALL)


def test_a_slot_keeps_no_node_from_being_removed() -> None:
    annotations = HELD.manifest(SMALL, 0)["metadata"]["annotations"]
    assert annotations == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}


def test_a_slot_is_nobody_and_has_nothing() -> None:
    spec = HELD.manifest(SMALL, 0)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert "volumes" not in spec
    assert "env" not in spec["containers"][0]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "TOKEN" not in json.dumps(spec)


@pytest.mark.parametrize(
    ("target", "pods", "create", "delete"),
    [
        pytest.param(2, [], ["slot-small-0", "slot-small-1"], [], id="none is there"),
        pytest.param(2, [pod_of(SMALL, 1)], ["slot-small-0"], [], id="the first free name"),
        pytest.param(1, [pod_of(SMALL, 0), pod_of(SMALL, 1)], [], ["slot-small-1"], id="one too many"),
        pytest.param(
            1, [pod_of(SMALL, 0, node=""), pod_of(SMALL, 1)], [], ["slot-small-0"], id="what waits goes first"
        ),
        pytest.param(0, [pod_of(SMALL, 0)], [], ["slot-small-0"], id="none is wanted"),
        pytest.param(
            1, [pod_of(SMALL, 0, is_ended=True)], ["slot-small-1"], ["slot-small-0"], id="one gave way: it is replaced"
        ),
        pytest.param(1, [pod_of(SMALL, 0, is_ending=True)], ["slot-small-1"], [], id="one is about to end"),
        pytest.param(1, [pod_of(SMALL, 0, shape="old")], ["slot-small-1"], ["slot-small-0"], id="one of another shape"),
        pytest.param(0, [pod_of(SMALL, 0, hardware="gone")], [], ["slot-small-0"], id="one of no hardware"),
    ],
)
def test_what_is_there_becomes_what_is_planned(
    target: int, pods: list[SlotPod], create: list[str], delete: list[str]
) -> None:
    assert names(todo(target, *pods)) == (create, delete)


def test_hardware_that_is_in_no_plan_keeps_no_slot() -> None:
    assert names(todo(0, pod_of(ONE_GPU))) == ([], ["slot-gpu-0"])


def test_slots_that_ended_or_are_about_to_hold_nothing() -> None:
    pods = [pod_of(SMALL), pod_of(SMALL, 1, is_ended=True), pod_of(SMALL, 2, is_ending=True), pod_of(ONE_GPU)]
    assert counted(pods) == {"small": 1, "gpu": 1}


def test_a_pod_that_is_none_of_ours_is_read_all_the_same() -> None:
    assert slot_pod({}) == SlotPod(name="", uid="", hardware="", shape="")
