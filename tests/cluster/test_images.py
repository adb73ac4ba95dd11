"""The images that were built, as pods: Pod Security restricted, a user nobody knows, only home and /tmp writable."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.cluster.layout import CHECKOUT, layout_here
from deploy.images.buildah import ImageStore
from deploy.images.check import check_layout, layout_of
from deploy.images.cluster_catalog import IMAGES_FILE
from deploy.images.recipe import EXPENSIVE, recipes
from studiolo.catalog import Platform, check_catalog
from tests.cluster.kube import Kube, is_ready

log = logging.getLogger(__name__)

CATALOG = layout_here().state / "catalog"
ENVIRONMENTS = [each.name for each in recipes(CHECKOUT) if each.parent == "base" and each.name not in EXPENSIVE]
PORT = 8888
TOKEN = "of-this-test"
SERVER = ("jupyter", "server", "--ip=0.0.0.0", f"--port={PORT}", f"--IdentityProvider.token={TOKEN}")
PATIENCE_SECONDS = 120.0
"""The first pod of an image waits until it is pulled."""

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def images() -> Mapping[str, str]:
    """What was pushed to the cluster's registry, by digest."""
    path = CATALOG / IMAGES_FILE
    if not path.is_file():
        pytest.fail(f"There are no images ({path} is missing). Build them: make images.")
    found: dict[str, str] = json.loads(path.read_bytes())
    return found


@pytest.fixture
async def restricted(new_namespace: Callable[..., Awaitable[str]]) -> str:
    return await new_namespace(labels=RESTRICTED)


def pod(
    name: str,
    image: str,
    *,
    namespace: str,
    args: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    port: int | None = None,
) -> dict[str, Any]:
    """A pod as the strictest platform would run it: a user that the image does not know, with the group root."""
    container: dict[str, Any] = {
        "name": "main",
        "image": image,
        "args": list(args),
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "home", "mountPath": "/home/jovyan"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    if port is not None:
        container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 120}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 12345,
                "runAsGroup": 0,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "home", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
        },
    }


async def started(kube: Kube, manifest: dict[str, Any]) -> str:
    """The address of a pod, once it is ready."""
    await kube.create(manifest)
    running = await kube.until(manifest, lambda one: is_ready(one) or has_ended(one), seconds=PATIENCE_SECONDS)
    assert not has_ended(running), await kube.log(
        manifest["metadata"]["namespace"], manifest["metadata"]["name"], "main"
    )
    address: str = running["status"]["podIP"]
    return address


async def printed(kube: Kube, manifest: dict[str, Any]) -> str:
    """What a pod printed, once it has ended."""
    await kube.create(manifest)
    ended = await kube.until(manifest, has_ended, seconds=PATIENCE_SECONDS)
    text = await kube.log(manifest["metadata"]["namespace"], manifest["metadata"]["name"], "main")
    assert ended["status"]["phase"] == "Succeeded", text
    return text


def has_ended(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("status", {}).get("phase") in {"Succeeded", "Failed"}


async def get(address: str, path: str, port: int = PORT) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(retries=9)  # half a second, then twice …
    async with httpx.AsyncClient(trust_env=False, transport=transport, timeout=PATIENCE_SECONDS) as client:
        return await client.get(f"http://{address}:{port}{path}")


@pytest.mark.parametrize("name", ENVIRONMENTS)
async def test_an_environment_answers_under_pod_security_restricted(
    name: str, images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    address = await started(kube, pod(name, images[name], namespace=restricted, args=SERVER, port=PORT))
    answer = await get(address, f"/api/kernelspecs?token={TOKEN}")
    assert answer.status_code == 200
    assert set(answer.json()["kernelspecs"]) == ({"python3", "ir"} if name == "r" else {"python3"})


IMPORTS = {
    "minimal": "import jupyterlab, jupyterhub",
    "python": "import numpy, pandas, matplotlib, sklearn",
    "deep-learning": "import jax, flax, optax, tensorboard",
}


@pytest.mark.parametrize("name", IMPORTS)
async def test_an_environment_has_what_its_card_says(
    name: str, images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    program = f"{IMPORTS[name]}; print('imported')"
    manifest = pod(name, images[name], namespace=restricted, args=("python", "-c", program))
    assert (await printed(kube, manifest)).endswith("imported\n")


async def test_every_environment_has_the_tools_of_the_base(
    images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    args = ("sh", "-c", "git --version && curl --version && command -v ssh && echo all")
    assert (await printed(kube, pod("tools", images["minimal"], namespace=restricted, args=args))).endswith("all\n")


async def test_r_runs(images: Mapping[str, str], kube: Kube, restricted: str) -> None:
    args = ("Rscript", "-e", "library(IRkernel); cat(mean(c(1, 2, 6)))")
    assert (await printed(kube, pod("r", images["r"], namespace=restricted, args=args))).strip() == "3"


async def test_a_pod_behind_default_deny_cannot_reach_a_workspace_and_another_can(
    images: Mapping[str, str], kube: Kube, new_namespace: Callable[..., Awaitable[str]]
) -> None:
    open_one, closed_one = await new_namespace(labels=RESTRICTED), await new_namespace(labels=RESTRICTED)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": closed_one},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    await kube.create(policy)
    address = await started(kube, pod("server", images["python"], namespace=open_one, args=SERVER, port=PORT))
    # The policy holds once the pod's address is known: it tries until it is refused, or gives up and says so.
    program = f"""
import socket, time
def reached():
    try:
        socket.create_connection(("{address}", {PORT}), 5).close()
    except OSError:
        return False
    return True
end = time.monotonic() + ENDURANCE
while reached() and time.monotonic() < end:
    time.sleep(0.1)
print("reached" if reached() else "refused")
"""
    outcomes = {}
    for namespace, endurance in ((open_one, 0), (closed_one, 60)):
        args = ("python", "-c", program.replace("ENDURANCE", str(endurance)))
        manifest = pod("client", images["python"], namespace=namespace, args=args)
        outcomes[namespace] = (await printed(kube, manifest)).strip()
    assert outcomes == {open_one: "reached", closed_one: "refused"}


async def test_the_proxy_answers(images: Mapping[str, str], kube: Kube, restricted: str) -> None:
    args, env = ("--ip=0.0.0.0", "--port=8000", "--api-ip=127.0.0.1"), {"CONFIGPROXY_AUTH_TOKEN": TOKEN}
    manifest = pod("proxy", images["proxy"], namespace=restricted, args=args, env=env, port=8000)
    answer = await get(await started(kube, manifest), "/", port=8000)
    assert answer.status_code == 404, "a proxy without routes"


async def test_the_hub_image_has_the_tree_and_what_it_imports(
    images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    program = "import hub.app, spawner.local, studiolo.catalog, jupyterhub, kubespawner; print(jupyterhub.__version__)"
    manifest = pod("hub", images["hub"], namespace=restricted, args=("python", "-P", "-c", program))
    assert (await printed(kube, manifest)).strip().endswith(version("jupyterhub"))


async def test_a_placeholder_waits_and_ends_when_it_is_told(
    images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    manifest = pod("pause", images["pause"], namespace=restricted)
    await started(kube, manifest)
    await kube.delete(manifest, grace_seconds=30)
    await kube.until_gone(manifest, seconds=25)  # earlier than the kill: it obeyed


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_rule_holds_in_an_environment(name: str, images: Mapping[str, str]) -> None:
    assert shutil.which("skopeo"), "skopeo reads images from the registry: make images installs it"
    store = ImageStore(cache=layout_here().cache)
    with layout_of(images[name], store=store, plain_http=True) as layout:
        assert check_layout(layout, hub_version=version("jupyterhub")) == ()


def test_the_cluster_s_catalog_can_be_used_on_kubernetes(images: Mapping[str, str]) -> None:
    result = check_catalog(Path(CATALOG), platform=Platform.KUBERNETES)
    assert result.catalog is not None, result.problems
    offered = {entry.name: entry.image for entry in result.catalog.environments}
    assert offered == {name: images[name] for name in offered}
    assert set(offered) >= set(ENVIRONMENTS)
