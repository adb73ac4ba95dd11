"""What takes minutes: Kubernetes' own tests, images made twice, the largest image, components that keep dying."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deploy.cluster.conformance import RESULTS
from deploy.cluster.layout import CHECKOUT, layout_here
from deploy.cluster.status import component_trouble, first_trouble, nodes_trouble
from deploy.images.build import ImageBuild
from deploy.images.buildah import ImageStore
from deploy.images.check import check_layout, layout_of
from tests.cluster.cluster_commands import LAYOUT, cluster, eventually, kubectl, pid_of
from tests.cluster.kube import Kube, is_ready
from tests.cluster.test_nodes import on_node, waiting

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("on_this_machine")]

SOAK_SECONDS = 300.0
KILLED = ("kubelet", "containerd", "kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "coredns")


def test_kubernetes_own_tests_of_network_policies_pass() -> None:
    cluster("conformance")
    suite = ET.parse(next(RESULTS.glob("junit*.xml"))).getroot().find("testsuite")
    assert suite is not None
    ran = int(suite.get("tests", "0")) - int(suite.get("skipped", "0")) - int(suite.get("disabled", "0"))
    assert ran >= 45
    assert suite.get("failures") == suite.get("errors") == "0"


@pytest.fixture
def two_stores(tmp_path: Path) -> Iterator[tuple[ImageStore, ImageStore]]:
    """Two machines that have built nothing yet; downloads are theirs too."""
    first, second = (ImageStore(cache=tmp_path / name) for name in ("first", "second"))
    yield first, second
    for store in (first, second):
        store.remove(tuple(sorted(store.tags())))


def test_two_machines_build_the_same_layers(two_stores: tuple[ImageStore, ImageStore], tmp_path: Path) -> None:
    layers = []
    for number, store in enumerate(two_stores):
        build = ImageBuild(checkout=CHECKOUT, store=store, say=lambda _: None, show=lambda _: None)
        built = build.run(("minimal", "proxy", "pause"))
        found = {}
        for image in built:
            layout = tmp_path / f"layout-{number}-{image.name}"
            store.save(image.reference, layout)
            found[image.name] = layers_of(layout)
        layers.append(found)
    assert layers[0] == layers[1]


def layers_of(layout: Path) -> list[str]:
    """The digests of an image's layers, uncompressed."""

    def blob(descriptor: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
        read: dict[str, list[dict[str, str]]] = json.loads(
            (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        )
        return read

    (manifest,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return [layer["digest"] for layer in blob(manifest)["layers"]]


def test_every_rule_holds_in_the_largest_environment() -> None:
    store = ImageStore(cache=layout_here().cache)
    build = ImageBuild(checkout=CHECKOUT, store=store, say=lambda _: None, show=lambda _: None)
    image = next(one for one in build.run(("pytorch",)) if one.name == "pytorch")
    with layout_of(image.reference, store=store, plain_http=True) as layout:
        assert check_layout(layout, hub_version=version("jupyterhub")) == ()


async def test_pods_outlive_components_that_keep_dying(kube: Kube, namespace: str) -> None:
    cluster("up", "--nodes", "2")
    pods = [on_node(waiting(f"p{number}", namespace=namespace), f"studiolo-node{number}") for number in (1, 2)]
    for one in pods:
        await kube.create(one)
        await kube.until(one, is_ready)
    before = containers(namespace)
    chosen = random.Random(4)  # the same order at each run
    end = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < end:
        name = chosen.choice((*KILLED, "kubelet-node2", "containerd-node2"))
        pid = pid_of(name)
        with suppress(ProcessLookupError):  # a controller ends by itself when the API server goes
            os.kill(pid, signal.SIGKILL)
        eventually(
            f"{name} is back",
            lambda name=name, pid=pid: pid_of(name) != pid and not component_trouble(LAYOUT, name),
            seconds=45,
        )
    eventually("all is healthy", lambda: not first_trouble(LAYOUT), seconds=60)
    eventually("the nodes are ready", lambda: not nodes_trouble(LAYOUT, expected=2), seconds=60)
    assert containers(namespace) == before


def containers(namespace: str) -> list[str]:
    found = json.loads(kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return sorted(pod["status"]["containerStatuses"][0]["containerID"] for pod in found)
