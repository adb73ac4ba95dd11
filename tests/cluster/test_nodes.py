"""Two real nodes: pods of two people on different ones, one volume for both, and a node that is taken out of use."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.cluster.addons import objects
from tests.cluster.cluster_commands import LAYOUT, cluster, kubectl
from tests.cluster.kube import Kube, is_ready
from tests.cluster.pods import pod, printed

pytestmark = pytest.mark.usefixtures("on_this_machine")

NODES = ("studiolo-node1", "studiolo-node2")
PAUSE = "localhost/pause:1"


@pytest.fixture(autouse=True)
def _two_nodes() -> Iterator[None]:
    cluster("up", "--nodes", "2")
    yield
    kubectl("uncordon", *NODES)


def on_node(manifest: dict[str, Any], node: str) -> dict[str, Any]:
    """Only there; unlike `nodeName`, the scheduler has its say."""
    manifest["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return manifest


def waiting(name: str, *, namespace: str) -> dict[str, Any]:
    return pod(name, PAUSE, namespace=namespace) | {
        "spec": {"containers": [{"name": "main", "image": PAUSE, "imagePullPolicy": "Never"}]}
    }


@pytest.fixture
async def homes(kube: Kube, namespace: str) -> Any:
    """A claim on a volume like the cluster's own for homes, on a folder of this test's own in it."""
    name = f"test-homes-{secrets.token_hex(3)}"
    folder = LAYOUT.homes / name
    folder.mkdir(mode=0o2770)
    os.chown(folder, 0, 1000)
    folder.chmod(0o2770)
    volume = next(one for one in objects(LAYOUT, authority=b"") if one["kind"] == "PersistentVolume")
    spec: Any = volume["spec"]
    spec |= {"hostPath": {"path": str(folder), "type": "Directory"}, "claimRef": {"namespace": namespace, "name": name}}
    await kube.create(volume | {"metadata": {"name": name}})
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": spec["storageClassName"],
            "volumeName": name,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    await kube.create(claim)
    yield name
    await kube.delete(volume | {"metadata": {"name": name}})
    assert all(path.suffix == ".txt" for path in folder.rglob("*") if path.is_file())


async def test_pods_on_different_nodes_write_into_one_volume(
    images: Mapping[str, str], kube: Kube, namespace: str, homes: str
) -> None:
    shown = []
    for number, node in enumerate(NODES):
        program = f"echo of {node} >/homes/{number}.txt; cat /homes/*.txt"
        manifest = on_node(
            pod(f"writer{number}", images["minimal"], namespace=namespace, args=("sh", "-c", program), user=1000), node
        )
        manifest["spec"]["securityContext"]["runAsGroup"] = 1000
        manifest["spec"]["containers"][0]["volumeMounts"].append(
            {"name": "homes", "mountPath": "/homes", "subPath": "users/alice"}
        )
        manifest["spec"]["volumes"].append({"name": "homes", "persistentVolumeClaim": {"claimName": homes}})
        shown.append((await printed(kube, manifest)).splitlines())
        ran = await kube.get(manifest)
        assert ran["spec"]["nodeName"] == node
    assert shown == [["of studiolo-node1"], ["of studiolo-node1", "of studiolo-node2"]]


async def test_a_pod_reaches_one_on_another_node(images: Mapping[str, str], kube: Kube, namespace: str) -> None:
    server = on_node(
        pod("server", images["minimal"], namespace=namespace, args=("python", "-m", "http.server", "8000"), port=8000),
        NODES[0],
    )
    await kube.create(server)
    address = (await kube.until(server, is_ready, seconds=120))["status"]["podIP"]
    args = ("curl", "--silent", "--max-time", "20", "--output", "/dev/null", f"http://{address}:8000/tmp/")
    client = on_node(pod("client", images["minimal"], namespace=namespace, args=args), NODES[1])
    assert not await printed(kube, client)


async def test_a_cordoned_node_gets_no_pods_and_keeps_those_it_has(kube: Kube, namespace: str) -> None:
    stays = on_node(waiting("stays", namespace=namespace), NODES[1])
    await kube.create(stays)
    await kube.until(stays, is_ready)
    kubectl("cordon", NODES[1])
    comes = on_node(waiting("comes", namespace=namespace), NODES[1])
    await kube.create(comes)
    refused = await kube.until(comes, is_unschedulable)
    assert "were unschedulable" in scheduling(refused)["message"]
    assert is_ready(await kube.get(stays))
    kubectl("uncordon", NODES[1])
    await kube.until(comes, is_ready)


async def test_draining_a_node_ends_its_pods_and_says_that_they_were_evicted(kube: Kube, namespace: str) -> None:
    """What a person is told of an ended workspace comes from this condition."""
    evicted, other = (on_node(waiting(name, namespace=namespace), node) for name, node in zip("ab", NODES, strict=True))
    for one in (evicted, other):
        one["metadata"]["labels"] = {"of": namespace}
        await kube.create(one)
        await kube.until(one, is_ready)
    drain = ("drain", NODES[0], "--force", f"--pod-selector=of={namespace}", "--timeout=60s")
    seen, _ = await asyncio.gather(
        kube.until(evicted, lambda one: bool(disruption(one))), asyncio.to_thread(kubectl, *drain)
    )
    assert disruption(seen)["reason"] == "EvictionByEvictionAPI"
    await kube.until_gone(evicted)
    assert is_ready(await kube.get(other))


def scheduling(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return condition(manifest, "PodScheduled")


def disruption(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return condition(manifest, "DisruptionTarget")


def condition(manifest: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = manifest.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def is_unschedulable(manifest: Mapping[str, Any]) -> bool:
    return scheduling(manifest).get("reason") == "Unschedulable"
