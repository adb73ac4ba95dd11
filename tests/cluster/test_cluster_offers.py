"""What the cluster has beyond Kubernetes: use of resources, a site's certificate, GPUs in name, pods that answer."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

from deploy.cluster.layout import SIMULATED_LABEL
from tests.cluster.cluster_commands import LAYOUT, cluster, eventually, kubectl
from tests.cluster.kube import Kube, is_ready
from tests.cluster.pods import get, pod
from tests.cluster.test_nodes import PAUSE, is_unschedulable, waiting

pytestmark = pytest.mark.usefixtures("on_this_machine")


async def test_use_of_memory_is_known_of_nodes_and_pods(kube: Kube, namespace: str) -> None:
    await kube.create(waiting("one", namespace=namespace))
    await kube.until(waiting("one", namespace=namespace), is_ready)

    def measured(path: str) -> list[Any]:
        found: list[Any] = json.loads(kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/{path}"))["items"]
        return found

    eventually("a node was measured", lambda: bool(measured("nodes")), seconds=120)
    eventually("the pod was measured", lambda: bool(measured(f"namespaces/{namespace}/pods")), seconds=120)
    (one,) = measured(f"namespaces/{namespace}/pods")
    assert one["containers"][0]["usage"]["memory"].endswith("Ki")


@pytest.mark.parametrize("name", ["studiolo.test", "alice.studiolo.test"])
def test_the_site_s_certificate_holds_for_every_name_of_it(name: str) -> None:
    handshake(name)


@pytest.mark.parametrize("name", ["example.com", "a.b.studiolo.test"])
def test_the_site_s_certificate_holds_for_no_other_name(name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(name)


def handshake(name: str) -> None:
    """A browser that trusts the cluster's authority meets a server with the site's certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(LAYOUT.site_certificate, LAYOUT.site_certificate.with_suffix(".key"))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = ssl.create_default_context(cafile=LAYOUT.ca).wrap_bio(back, there, server_hostname=name)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(2):
        for side in (browser, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.fixture
def two_gpus() -> Iterator[None]:
    cluster("up", "--gpus", "2")
    yield
    cluster("up", "--gpus", "0")


@pytest.mark.usefixtures("two_gpus")
async def test_gpus_in_name_are_handed_out_once(kube: Kube, namespace: str) -> None:
    """Nobody has a device; scheduling and counting are real."""
    pods = []
    for number in range(3):
        manifest = waiting(f"gpu{number}", namespace=namespace)
        manifest["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": 1}}
        await kube.create(manifest)
        pods.append(manifest)
    for manifest in pods[:2]:
        await kube.until(manifest, is_ready)
    waits = await kube.until(pods[2], is_unschedulable)
    assert "Insufficient nvidia.com/gpu" in str(waits["status"]["conditions"])
    await kube.delete(pods[0], grace_seconds=0)
    await kube.until(pods[2], is_ready)


@pytest.fixture
def simulated_nodes() -> Iterator[None]:
    cluster("nodes", "3", "--gpus", "8")
    yield
    cluster("nodes", "0")


def simulated(name: str, *, namespace: str) -> dict[str, Any]:
    manifest = pod(name, PAUSE, namespace=namespace)
    manifest["spec"] |= {
        "nodeSelector": {SIMULATED_LABEL: "true"},
        "tolerations": [{"key": SIMULATED_LABEL, "operator": "Exists"}],
    }
    return manifest


@pytest.mark.usefixtures("simulated_nodes")
async def test_simulated_pods_answer_as_their_servers_would(kube: Kube, namespace: str) -> None:
    addresses = set()
    pods = [simulated(f"s{number}", namespace=namespace) for number in range(4)]
    for manifest in pods:
        manifest["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": 4}}
        await kube.create(manifest)
        running = await kube.until(manifest, lambda one: is_ready(one) and bool(one["status"].get("podIP")))
        addresses.add(running["status"]["podIP"])
    assert len(addresses) == 4
    answers = await asyncio.gather(
        *(get(address, "/user/alice/api", port) for address in addresses for port in (8888, 80))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["X-JupyterHub-Version"] for answer in answers} == {version("jupyterhub")}
    for manifest in pods:  # once their nodes are gone, nobody would end them for most of a minute
        await kube.delete(manifest, grace_seconds=0)


@pytest.mark.usefixtures("simulated_nodes")
async def test_a_second_node_leaves_simulated_pods_reachable() -> None:
    cluster("up", "--nodes", "2")
    assert (await get("10.250.0.1", "/")).status_code == 200
