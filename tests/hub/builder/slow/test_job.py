"""A slow build as a Job: as little as it needs, and no credentials where a stranger's code runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.builder.slow.derived_base import asked, begun
from hub.builder.slow.job import (
    BUILD,
    CAPABILITIES,
    CONTAINERFILE,
    FETCH,
    PUSH,
    BuildPlace,
    job_manifest,
    without_user_namespaces,
)
from hub.builder.slow.observed import observe
from hub.builder.slow.recipe import Recipe

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PLACE = BuildPlace(
    namespace="lab-builds",
    release="studiolo",
    image=f"registry.example.org/buildah@sha256:{'e' * 64}",
    registry_secret="pushes-bases",
    repository="registry.example.org:5000/lab/models/bases",
    seconds=1800,
    cpu=1.5,
    memory_bytes=4 * 2**30,
    disk_bytes=20 * 2**30,
    apt_sources="Types: deb\nURIs: http://debian.example.org/debian\n",
    index_url="https://packages.example.org/simple",
    seccomp_profile="buildah.json",
    ca_config_map="authority",
    node_selector={"pool": "builds"},
)
RECIPE = Recipe(base=f"registry.example.org:5000/images/python@sha256:{'a' * 64}", user="1000", apt=("g++",))
BASE = begun(asked(RECIPE, environment="python", base_digest=f"sha256:{'a' * 64}", by="alice", now=NOW), now=NOW)
DIGEST = f"sha256:{'d' * 64}"

Json = dict[str, Any]


def manifest(**changes: Any) -> Json:
    return job_manifest(BASE, RECIPE, replace(PLACE, **changes))


def pod_of(job: Json) -> Json:
    found: Json = job["spec"]["template"]["spec"]
    return found


def steps(job: Json) -> dict[str, Json]:
    pod = pod_of(job)
    return {one["name"]: one for one in [*pod["initContainers"], *pod["containers"]]}


def test_a_job_is_what_the_golden_file_says(golden: Callable[[str, Any], None]) -> None:
    golden("build_job", manifest())


def test_the_least_job_is_what_the_golden_file_says(golden: Callable[[str, Any], None]) -> None:
    least = manifest(
        apt_sources="", index_url="", seccomp_profile="", ca_config_map="", node_selector={}, allow_http=True
    )
    golden("build_job_least", least)


def test_the_pod_is_nobody_on_its_node_and_has_no_account() -> None:
    pod = pod_of(manifest())
    assert (pod["hostUsers"], pod["automountServiceAccountToken"], pod["restartPolicy"]) == (False, False, "Never")
    for step in steps(manifest()).values():
        context = step["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"], "add": list(CAPABILITIES)}
        assert "SYS_ADMIN" not in CAPABILITIES


def test_what_runs_a_stranger_s_code_sees_no_credentials() -> None:
    mounts = {name: {one["name"] for one in step["volumeMounts"]} for name, step in steps(manifest()).items()}
    assert mounts == {
        FETCH: {"work", "credentials", "authority"},
        BUILD: {"work", "recipe"},
        PUSH: {"work", "credentials", "authority"},
    }
    assert "secretKeyRef" not in json.dumps(manifest())


def test_nothing_of_the_recipe_is_in_a_command_or_a_variable() -> None:
    hostile = replace(RECIPE, apt=("liba", "g++"))
    job = job_manifest(BASE, hostile, PLACE)
    assert job["spec"]["template"]["metadata"]["annotations"][CONTAINERFILE] == hostile.containerfile
    assert "liba" not in json.dumps(pod_of(job))


def test_it_ends_and_goes_by_itself() -> None:
    spec = manifest()["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 1800, 3600)


def node(name: str, *, has: bool | None, unschedulable: bool = False, pool: str = "builds") -> Json:
    handlers = [{"name": "gvisor", "features": {"userNamespaces": True}}]
    if has is not None:
        handlers.append({"name": "", "features": {"userNamespaces": has}})
    return {
        "metadata": {"name": name, "labels": {"pool": pool}},
        "spec": {"unschedulable": unschedulable},
        "status": {"runtimeHandlers": handlers},
    }


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("a", has=True)], ""),
        ([node("a", has=True), node("b", has=False, pool="others")], ""),
        ([node("a", has=True), node("b", has=False, unschedulable=True)], ""),
        ([node("a", has=True), node("b", has=None)], "cannot build images safely: b has no user namespaces"),
        ([node("a", has=False), node("b", has=None)], "cannot build images safely: a and 1 more has no"),
        ([{"metadata": {"name": "c", "labels": {"pool": "builds"}}}], "safely: c has no user namespaces"),
        ([node("b", has=True, pool="others")], "no node that builds may run on"),
        ([{"metadata": {"name": "d"}}], "no node that builds may run on"),
        ([], "no node that builds may run on"),
    ],
)
def test_a_build_is_begun_only_where_each_node_has_user_namespaces(nodes: list[Json], why: str) -> None:
    found = without_user_namespaces(nodes, {"pool": "builds"})
    assert (why in found) if why else not found


def state(name: str, **state: Any) -> Json:
    return {"name": name, "state": state}


def pod(*, init: tuple[Json, ...] = (), main: tuple[Json, ...] = (), made: str = "1", **status: Any) -> Json:
    status |= {"initContainerStatuses": list(init), "containerStatuses": list(main)}
    return {"metadata": {"name": f"pod-{made}", "creationTimestamp": made}, "status": status}


def ended(name: str, code: int = 0, **more: Any) -> Json:
    return state(name, terminated={"exitCode": code, **more})


def job(kind: str = "", **more: Any) -> Json:
    return {"status": {"conditions": [{"type": kind, "status": "True", **more}] if kind else None}}


RUNNING: Json = {"running": {}}


@pytest.mark.parametrize(
    ("pods", "phase"),
    [
        ([], "waiting for a pod"),
        ([pod(conditions=[{"type": "PodScheduled", "status": "False"}])], "waiting for a node with room"),
        ([pod(init=(state(FETCH, waiting={"reason": "PodInitializing"}),))], "starting"),
        ([pod(init=(state(FETCH, waiting={"reason": "ErrImagePull"}),))], "waiting for the builder's own image"),
        ([pod(init=(state(FETCH, **RUNNING),))], "fetching the base"),
        ([pod(init=(ended(FETCH), state(BUILD, **RUNNING)))], "installing the packages"),
        ([pod(init=(ended(FETCH), ended(BUILD)), main=(state(PUSH, **RUNNING),))], "pushing the image"),
        ([pod(init=(state("sidecar", **RUNNING),))], "building"),
        ([pod(init=(state(FETCH, **RUNNING),)), pod(made="2")], "starting"),
    ],
)
def test_what_a_build_does_is_told_in_words(pods: list[Json], phase: str) -> None:
    seen = observe(job(), pods, PLACE).seen
    assert not seen.has_ended
    assert phase in seen.phase
    assert seen.phase


def test_a_build_that_ended_well_says_its_digest() -> None:
    found = observe(job("Complete"), [pod(main=(ended(PUSH, message=f"{DIGEST}\n"),))], PLACE)
    assert (found.seen.digest, found.seen.has_ended) == (DIGEST, True)


@pytest.mark.parametrize(
    "pods", [[], [pod()], [pod(main=(ended(PUSH, message="sha256:x"),))], [pod(main=(ended(PUSH),))]]
)
def test_a_build_that_does_not_say_what_it_pushed_has_failed(pods: list[Json]) -> None:
    found = observe(job("Complete"), pods, PLACE).seen
    assert (found.digest, found.has_ended) == ("", True)
    assert "which image" in found.reason


@pytest.mark.parametrize(
    ("condition", "pods", "why", "step"),
    [
        ({}, [pod(init=(ended(FETCH, 125),))], "could not be fetched by the builder", FETCH),
        ({}, [pod(init=(ended(FETCH), ended(BUILD, 100)))], "end of the log says which", BUILD),
        ({}, [pod(init=(ended(FETCH), ended(BUILD)), main=(ended(PUSH, 1),))], "could not be pushed", PUSH),
        ({}, [pod(init=(ended(FETCH), ended(BUILD, 137, reason="OOMKilled")))], "more than 4 GiB of memory", BUILD),
        ({}, [pod(reason="Evicted")], "more than 20 GiB of disk", ""),
        ({"reason": "DeadlineExceeded"}, [], "longer than 30 min", ""),
        ({}, [], "ended by the cluster", ""),
    ],
)
def test_a_build_that_failed_says_why_in_a_sentence(condition: Json, pods: list[Json], why: str, step: str) -> None:
    found = observe(job("Failed", **condition), pods, PLACE)
    assert why in found.seen.reason
    assert (found.seen.digest, found.seen.has_ended, found.step) == ("", True, step)
