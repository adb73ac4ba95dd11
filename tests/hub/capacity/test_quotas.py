"""What a ResourceQuota leaves for workspaces, read as Kubernetes counts it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.capacity.quotas import Quota, quota_of, without
from spawner.amounts import needs_of
from studiolo.catalog import Hardware
from tests.hub.capacity.shapes import ONE_GPU, SMALL, hardware


def raw(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    return {"metadata": {"name": "people"}, "spec": {"hard": hard, **spec}, "status": status}


def read(*args: Any, priority_class: str = "", **spec: Any) -> Quota:
    found = quota_of(raw(*args, **spec), priority_class=priority_class, start_cores=2)
    assert found is not None
    return found


def allows(quota: Quota, entry: Hardware = SMALL) -> bool:
    return quota.allows(entry, needs_of(entry))


@pytest.mark.parametrize("name", ["cpu", "requests.cpu", "memory", "requests.memory", "limits.memory"])
def test_cores_and_memory_are_left_or_not(name: str) -> None:
    hard, almost = ("8Gi", "5Gi") if "memory" in name else ("2", "1001m")
    assert allows(read({name: hard}))
    assert not allows(read({name: hard}, {name: almost}))


@pytest.mark.parametrize("name", ["pods", "count/pods", "secrets", "count/secrets"])
def test_each_workspace_is_one_pod_and_has_one_secret(name: str) -> None:
    assert allows(read({name: "1k"}, {name: "999"}))
    assert not allows(read({name: "1k"}, {name: "1k"}))


def test_a_server_starts_with_more_cores_than_it_keeps_and_the_quota_counts_those() -> None:
    assert allows(read({"limits.cpu": "4"}, {"limits.cpu": "2"}))
    assert not allows(read({"limits.cpu": "4"}, {"limits.cpu": "2500m"}))
    assert not allows(read({"limits.cpu": "4"}), hardware(cpu=5))


def test_devices_are_counted_each_by_its_kind() -> None:
    gpus = {"requests.nvidia.com/gpu": "4"}
    assert allows(read(gpus, {"requests.nvidia.com/gpu": "3"}), ONE_GPU)
    assert not allows(read(gpus, {"requests.nvidia.com/gpu": "4"}), ONE_GPU)
    assert allows(read(gpus, {"requests.nvidia.com/gpu": "4"}), SMALL)
    assert allows(read({"requests.other.example/gpu": "0"}), ONE_GPU)


@pytest.mark.parametrize("name", ["requests.cpu", "requests.memory", "pods", "limits.cpu", "requests.nvidia.com/gpu"])
def test_what_a_warm_pod_has_is_left_to_a_start(name: str) -> None:
    whole = {"requests.cpu": "1", "requests.memory": "4Gi", "limits.cpu": "2"}.get(name, "1")
    full = read({name: whole}, {name: whole})
    assert not allows(full, ONE_GPU)
    (left,) = without([full], [ONE_GPU])
    assert allows(left, ONE_GPU)
    assert without([full], []) == (full,)


def test_a_quota_of_other_pods_gets_nothing_back_and_one_that_is_silent_about_devices_stays_so() -> None:
    urgent = {"scopeName": "PriorityClass", "operator": "In", "values": ["urgent"]}
    other = read({"pods": "1"}, {"pods": "1"}, scopeSelector={"matchExpressions": [urgent]})
    assert without([other], [SMALL]) == (other,)
    (left,) = without([read({"pods": "1"}, {"pods": "1"})], [ONE_GPU])
    assert left.left.devices == ()


def test_what_is_no_matter_of_workspaces_or_cannot_be_read_limits_nothing() -> None:
    assert allows(read({"services": "0", "requests.storage": "0", "cpu": "many"}))
    assert allows(read({"cpu": "1"}, {"cpu": "unheard of"}))


def test_a_quota_that_was_not_counted_yet_limits_nothing() -> None:
    found = quota_of({"metadata": {"name": "new"}}, priority_class="", start_cores=2)
    assert found is not None
    assert allows(found)


@pytest.mark.parametrize("scope", ["NotTerminating", "NotBestEffort"])
def test_scopes_that_workspaces_are_in_count(scope: str) -> None:
    assert not allows(read({"pods": "0"}, scopes=[scope]))


@pytest.mark.parametrize("scope", ["Terminating", "BestEffort", "CrossNamespacePodAffinity"])
def test_a_quota_for_pods_of_other_sorts_is_none_of_ours(scope: str) -> None:
    for spec in ({"scopes": [scope]}, {"scopeSelector": {"matchExpressions": [{"scopeName": scope}]}}):
        assert quota_of(raw({"pods": "0"}, **spec), priority_class="", start_cores=2) is None


@pytest.mark.parametrize(
    ("operator", "values", "of_installation", "of_hardware", "holds"),
    [
        ("In", ["high"], "", None, False),
        ("In", ["high"], "high", None, True),
        ("In", ["high"], "high", "low", False),
        ("In", ["high"], "", "high", True),
        ("NotIn", ["high"], "", None, True),
        ("NotIn", ["high"], "high", None, False),
        ("Exists", [], "", None, False),
        ("Exists", [], "high", None, True),
        ("DoesNotExist", [], "", None, True),
        ("DoesNotExist", [], "", "high", False),
    ],
)
def test_a_quota_for_some_priority_classes_holds_for_the_hardware_that_has_one_of_them(
    operator: str, values: list[str], of_installation: str, of_hardware: str | None, holds: bool
) -> None:
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    quota = read({"pods": "0"}, priority_class=of_installation, scopeSelector=selector)
    assert allows(quota, hardware(priority_class=of_hardware)) != holds


def test_the_scope_alone_means_pods_that_have_a_class() -> None:
    assert allows(read({"pods": "0"}, scopes=["PriorityClass"]))
    assert not allows(read({"pods": "0"}, scopes=["PriorityClass"], priority_class="high"))
