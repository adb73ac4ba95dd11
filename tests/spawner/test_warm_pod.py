"""A warm pod is the workspace that it may become, less its person; what differs is written out here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from spawner.claim_rules import can_become, variables_in
from spawner.installation import Installation
from spawner.plan import Shape
from spawner.warm_pod import template, warm_pod
from tests.spawner.test_manifest import ENVIRONMENT, HARDWARE, INSTALLATION, plan, render

SHAPES = {name: Shape(environment=ENVIRONMENT, hardware=HARDWARE[name]) for name in ("small", "gpu")}


@pytest.mark.parametrize("hardware", SHAPES)
def test_a_warm_pod_is_what_the_golden_file_says(hardware: str, golden: Callable[[str, Any], None]) -> None:
    golden(f"warm_{hardware}", warm_pod("warm-1", SHAPES[hardware], INSTALLATION))


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names and value not in ([], {})}


@pytest.mark.parametrize("hardware", SHAPES)
async def test_only_home_variables_and_program_differ_from_the_pod_of_a_person(
    hardware: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = json.loads(json.dumps((await render(plan(hardware), INSTALLATION, monkeypatch))["spec"]))
    warm = json.loads(json.dumps(warm_pod("warm-1", SHAPES[hardware], INSTALLATION)["spec"]))
    assert without(warm, "containers", "volumes") == without(normal, "containers", "volumes")
    [mine], [theirs] = warm["containers"], normal["containers"]
    own = ("env", "args", "workingDir", "startupProbe", "volumeMounts")
    assert without(mine, *own, "ports") == without(theirs, *own, "ports")
    brought_later = {"seat", "credentials"}
    assert [one for one in warm["volumes"] if one["name"] not in brought_later] == [
        one for one in normal["volumes"] if one["name"] != "home"
    ]
    assert [one for one in mine["volumeMounts"] if one["name"] not in brought_later] == [
        one for one in theirs["volumeMounts"] if one["name"] != "home"
    ]


@pytest.mark.parametrize(
    ("mebibytes", "parks", "has_kernel"), [(512, True, True), (511, True, False), (512, False, False)]
)
def test_a_kernel_waits_where_it_is_wanted_and_memory_allows(mebibytes: int, parks: bool, has_kernel: bool) -> None:
    hardware = HARDWARE["small"].model_copy(update={"memory_bytes": mebibytes << 20})
    shape = Shape(environment=ENVIRONMENT, hardware=hardware)
    [container] = warm_pod("warm-1", shape, replace(INSTALLATION, parks_kernels=parks))["spec"]["containers"]
    assert ({"name": "STUDIOLO_PARK_KERNEL", "value": "1"} in container["env"]) is has_kernel


def test_nothing_of_anybody_and_no_secret_is_in_it() -> None:
    text = json.dumps(warm_pod("warm-1", SHAPES["small"], INSTALLATION))
    assert not any(word in text for word in ("ecretKeyRef", "persistentVolumeClaim", "JUPYTERHUB", "username", '"ada'))


def test_the_seat_is_in_memory_and_shows_what_the_node_mounts_in_it() -> None:
    spec = warm_pod("warm-1", SHAPES["small"], INSTALLATION)["spec"]
    assert [one["emptyDir"]["medium"] for one in spec["volumes"] if one["name"] == "seat"] == ["Memory"]
    [mount] = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "seat"]
    assert mount == {"name": "seat", "mountPath": "/home", "mountPropagation": "HostToContainer"}


CHANGES: dict[str, tuple[Shape, Installation]] = {
    "another image": (
        replace(SHAPES["small"], environment=ENVIRONMENT.model_copy(update={"image": "x@sha256:1"})),
        INSTALLATION,
    ),
    "other hardware": (SHAPES["gpu"], INSTALLATION),
    "another user number": (SHAPES["small"], replace(INSTALLATION, uid=2000)),
    "another time to save": (SHAPES["small"], replace(INSTALLATION, stop_seconds=7)),
    "a kernel beside it": (SHAPES["small"], replace(INSTALLATION, parks_kernels=True)),
    "another priority": (SHAPES["small"], replace(INSTALLATION, priority_class="higher")),
}


@pytest.mark.parametrize(("shape", "installation"), CHANGES.values(), ids=CHANGES)
def test_what_is_made_of_something_else_is_told_by_its_label(shape: Shape, installation: Installation) -> None:
    assert template(shape, installation) != template(SHAPES["small"], INSTALLATION)
    assert template(SHAPES["small"], INSTALLATION) == template(SHAPES["small"], INSTALLATION)


def changed(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Pods of starts that have something that no warm pod has."""
    [container] = spec["containers"]
    mounts = container["volumeMounts"]
    pods = {
        "another image": {"containers": [{**container, "image": "other"}]},
        "another user": {"containers": [{**container, "securityContext": {"runAsUser": 7}}]},
        "arguments": {"containers": [{**container, "args": ["--debug"]}]},
        "one container more": {"containers": [container, {"name": "sidecar", "image": "x"}]},
        "a container before it": {"initContainers": [{"name": "first", "image": "x"}]},
        "a volume": {"volumes": [*spec["volumes"], {"name": "extra", "emptyDir": {}}]},
        "a mount": {"containers": [{**container, "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/x"}]}]},
        "another account": {"serviceAccountName": "special"},
    }
    return {name: {**spec, **change} for name, change in pods.items()}


@pytest.mark.parametrize("hardware", SHAPES)
async def test_it_can_become_the_pod_of_a_start_unless_that_has_something_that_it_lacks(
    hardware: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = warm_pod("warm-1", SHAPES[hardware], INSTALLATION)
    normal = await render(plan(hardware), INSTALLATION, monkeypatch)
    assert can_become(warm, normal)
    for name, spec in changed(normal["spec"]).items():
        assert not can_become(warm, {"spec": spec}), name


async def test_its_server_is_sent_the_variables_of_that_pod_with_the_values_of_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    normal = await render(plan(env=(("PRICE", "$5 $(HOME) $$"),)), INSTALLATION, monkeypatch)
    found = variables_in(normal, {"JUPYTERHUB_API_TOKEN": "a-token"})
    assert found["PRICE"] == "$5 $(HOME) $$"
    assert found["JUPYTERHUB_API_TOKEN"] == "a-token"
    assert "JPY_API_TOKEN" not in found  # nobody knows its value
    assert found["HOME"] == "/home/jovyan"
