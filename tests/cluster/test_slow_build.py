"""Slow builds on a real API server: what this cluster's nodes can do, and that a build is admitted and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.layout import PACKAGE_INDEX, REGISTRY
from hub.builder.slow.checking import check_result, config_digest, more_bytes_of
from hub.builder.slow.cluster import BuildCluster
from hub.builder.slow.derived_base import asked, begun
from hub.builder.slow.job import RESULT, BuildPlace, job_manifest
from hub.builder.slow.recipe import Recipe, recipe_of
from spawner.kube import Kube as OurKube
from studiolo.packaging.images import read_base
from studiolo.packaging.registry_store import RegistryStore
from studiolo.registry import ImageReference
from tests.cluster.charts import LEAST, merged, render
from tests.cluster.kube import Kube, RefusedError
from tests.cluster.model_images import PLACE
from tests.cluster.namespaces import RUN, create_namespace
from tests.cluster.test_chart_rendered import MODELS, SLOW_BUILD

IMAGE = SLOW_BUILD["models"]["slowBuild"]["image"]
RECIPE = Recipe(base=f"registry.example.org/images/python@sha256:{'a' * 64}", user="1000", apt=("g++",))
BASE = begun(
    asked(RECIPE, environment="python", base_digest="", by="alice", now=datetime.now(UTC)), now=datetime.now(UTC)
)
APT_SOURCES = f"""\
Types: deb
URIs: {PACKAGE_INDEX.removesuffix("/simple/")}/apt/deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
"""As the cluster's package index passes them through."""
MADE = ("ResourceQuota", "LimitRange", "NetworkPolicy")


def place_in(namespace: str) -> BuildPlace:
    return BuildPlace(
        namespace=namespace, release="studiolo", image=IMAGE, registry_secret="pushes", repository="example.org/bases",
        seconds=600, cpu=0.1, memory_bytes=2**26, disk_bytes=2**28, node_selector={},
    )  # fmt: skip


@pytest.fixture
async def builds(kube: Kube, _remove_namespaces: None) -> AsyncIterator[str]:
    """The namespace of builds as the chart makes it, with its quota, its limits and its policies."""
    manifests = render(merged(merged(LEAST, MODELS), SLOW_BUILD), namespace=RUN)
    (made,) = (one for one in manifests if one["kind"] == "Namespace" and one["metadata"]["name"] == f"{RUN}-builds")
    namespace = await create_namespace(kube, "builds", labels=made["metadata"]["labels"])
    here = [one for one in manifests if one["metadata"].get("namespace") == namespace and one["kind"] in MADE]
    policies = [one for one in manifests if one["metadata"]["name"] == f"studiolo-{RUN}-builds"]
    for one in policies:
        await kube.create(one)
    await in_force(kube, namespace)
    for one in here:  # after what asks for pods in vain: a quota counts those for a while that are gone
        await kube.create(one)
    yield namespace
    for one in policies:
        await kube.delete(one)
    here_no_more = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await kube.delete(here_no_more)
    await kube.until_gone(here_no_more, seconds=180)  # the next test has one of that name


async def in_force(kube: Kube, namespace: str) -> None:
    """Returns once the admission policy is asked, which an API server begins a moment after it was made."""
    probe = pod_of(namespace)
    probe["spec"]["hostUsers"] = True
    async with asyncio.timeout(60):
        while True:
            try:
                await kube.create(probe)
            except RefusedError as refused:
                if "user namespace of its own" in str(refused):
                    return
                raise
            await kube.delete(probe, grace_seconds=0)
            await kube.until_gone(probe)


async def test_this_cluster_says_that_its_nodes_cannot_build_safely(kubeconfig: Path, on_this_machine: None) -> None:
    cluster = BuildCluster(lambda: OurKube.connect(kubeconfig), place_in("nowhere"))
    try:
        why = await cluster.why_not()
    finally:
        await cluster.close()
    assert "cannot build images safely" in why
    assert "has no user namespaces for pods" in why


async def test_a_build_is_admitted_looked_at_and_removed_with_its_pod(
    kube: Kube, kubeconfig: Path, builds: str
) -> None:
    cluster = BuildCluster(lambda: OurKube.connect(kubeconfig), place_in(builds))
    try:
        for _ in range(2):  # a second process, after the first was killed
            await cluster.create(BASE, RECIPE)
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": BASE.job, "namespace": builds}}
        await kube.until(job, lambda one: bool(one.get("status", {}).get("active")))
        (pod,) = await kube.list_all("v1", "Pod", namespace=builds)
        assert pod["spec"]["hostUsers"] is False
        assert pod["metadata"]["annotations"]["studiolo.dev/containerfile"] == RECIPE.containerfile
        seen = await cluster.look(BASE.job)
        assert (seen.is_there, seen.has_ended) == (True, False)
        assert seen.phase
        await cluster.remove(BASE.job)
        await kube.until_gone(job)
        await kube.until_gone(pod)
        assert not (await cluster.look(BASE.job)).is_there
        await cluster.remove(BASE.job)
    finally:
        await cluster.close()


def pod_of(namespace: str) -> dict[str, Any]:
    job = job_manifest(BASE, RECIPE, place_in(namespace))
    template = deepcopy(job["spec"]["template"])
    template["metadata"] |= {"name": "hostile", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", **template}


async def test_what_is_no_build_is_refused_there_whoever_makes_it(kube: Kube, builds: str) -> None:
    async def refused(change: Any, why: str) -> None:
        pod = pod_of(builds)
        change(pod["spec"])
        with pytest.raises(RefusedError, match=why):
            await kube.create(pod)

    build = 1
    await refused(lambda spec: spec.pop("hostUsers"), "user namespace of its own")
    await refused(lambda spec: spec.update(hostUsers=True), "user namespace of its own")
    await refused(lambda spec: spec.update(automountServiceAccountToken=True), "no account of Kubernetes")
    await refused(lambda spec: spec["containers"][0].update(image="example.org/other:1"), "and no other")
    sees = {"name": "credentials", "mountPath": "/credentials"}
    await refused(lambda spec: spec["initContainers"][build]["volumeMounts"].append(sees), "see credentials")
    secret = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "pushes", "key": "x"}}}
    await refused(lambda spec: spec["initContainers"][build]["env"].append(secret), "see credentials")
    host = {"name": "host", "hostPath": {"path": "/"}}
    await refused(lambda spec: spec["volumes"].append(host), "baseline")
    await refused(
        lambda spec: spec["containers"][0]["securityContext"]["capabilities"]["add"].append("SYS_ADMIN"), "SYS_ADMIN"
    )


async def test_a_build_that_wants_more_than_its_limit_gets_no_pod(kube: Kube, kubeconfig: Path, builds: str) -> None:
    greedy = replace(place_in(builds), memory_bytes=2**40)
    template = job_manifest(BASE, RECIPE, greedy)["spec"]["template"]
    template["metadata"] |= {"name": "greedy", "namespace": builds}
    with pytest.raises(RefusedError, match="maximum memory usage"):
        await kube.create({"apiVersion": "v1", "kind": "Pod", **template})


async def test_what_buildah_makes_of_a_recipe_is_believed(
    images: Mapping[str, str], on_this_machine: None, tmp_path: Path
) -> None:
    """The generated form, as root and isolated by chroot; user namespaces are what this cluster's pods have not."""
    reference = ImageReference.parse(images["minimal"])
    named = f"{reference.host}/{reference.repository}@{reference.digest}"
    below, result = RegistryStore(PLACE, reference.repository), RegistryStore(PLACE, f"models/{RUN}/bases")
    try:
        manifest = await below.manifest(reference.digest or "")
        assert manifest is not None
        config = await below.get(config_digest(manifest))
        base = read_base(manifest.content, config, digest=manifest.digest, name=named)
        recipe = recipe_of(base, reference=named, apt=("sl",), lock="")
        digest = await asyncio.to_thread(build_and_push, recipe, f"{REGISTRY}/{result.repository}:1", tmp_path)
        pushed = await result.manifest(digest)
        assert pushed is not None
        told = await result.get(config_digest(pushed))
        derived = check_result(base, pushed, told, most_bytes=2**26, name="derived")
        assert 10_000 < more_bytes_of(base, derived) < 2**24
        await result.delete(digest)
    finally:
        await below.close()
        await result.close()


def build_and_push(recipe: Recipe, target: str, folder: Path) -> str:
    """The digest of what buildah makes, in a store of its own that goes again."""
    (folder / "Containerfile").write_text(recipe.containerfile)
    (folder / "context").mkdir()
    options = ("--root", f"{folder}/store", "--runroot", f"{folder}/run")

    def buildah(*words: str) -> None:
        done = subprocess.run(["buildah", *options, *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"buildah {words[0]}: {done.stdout[-1000:]}{done.stderr[-2000:]}"

    try:
        buildah("pull", "--quiet", "--tls-verify=false", recipe.base)
        buildah(
            *("build", "--isolation=chroot", "--layers=false", "--format=oci", "--pull-never"),
            *(f"--build-arg=APT_SOURCES={APT_SOURCES}", f"--tag={RESULT}"),
            *(f"--file={folder}/Containerfile", f"{folder}/context"),
        )
        buildah("push", "--quiet", "--tls-verify=false", f"--digestfile={folder}/digest", RESULT, f"docker://{target}")
        return (folder / "digest").read_text().strip()
    finally:
        buildah("rmi", "--all", "--force")
