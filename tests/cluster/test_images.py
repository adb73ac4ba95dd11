"""The images that were built, as pods: Pod Security restricted, a user nobody knows, only home and /tmp writable."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.cluster.layout import CHECKOUT, layout_here
from deploy.images.buildah import ImageStore
from deploy.images.check import check_layout, layout_of
from deploy.images.recipe import EXPENSIVE, recipes
from studiolo.catalog import Platform, check_catalog
from tests.cluster.conftest import CATALOG
from tests.cluster.kube import Kube
from tests.cluster.pods import PORT, RESTRICTED, SERVER, TOKEN, get, pod, printed, started

ENVIRONMENTS = [each.name for each in recipes(CHECKOUT) if each.parent == "base" and each.name not in EXPENSIVE]


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
    # As people run it: ssh refuses a user whom the image does not know.
    args = ("sh", "-c", "git --version && curl --version && ssh -V 2>&1 && echo all")
    manifest = pod("tools", images["minimal"], namespace=restricted, args=args, user=1000)
    assert (await printed(kube, manifest)).endswith("all\n")


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
