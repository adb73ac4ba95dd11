"""A registry of models whose certificate is by an authority of its owner's: the node pulls once it is told of it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.layout import CHECKOUT, NODE_ADDRESS
from studiolo.packaging.assemble import copy_image
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from studiolo.registry import ImageReference
from tests.authorities import Authority
from tests.cluster.cluster_commands import LAYOUT
from tests.cluster.kube import Kube
from tests.cluster.model_images import PLACE
from tests.cluster.pods import PATIENCE_SECONDS, pod
from tests.real_registry import RealRegistry

NODE = {"kubernetes.io/hostname": LAYOUT.node(1).name}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def registry(authority: Authority, tmp_path: Path, on_this_machine: None) -> Iterator[RealRegistry]:
    certificate = authority.certificate(NODE_ADDRESS)
    with RealRegistry(tmp_path, certificate=certificate, address=NODE_ADDRESS) as running:
        yield running


@pytest.fixture
async def image(registry: RealRegistry, authority: Authority, images: Mapping[str, str]) -> AsyncIterator[str]:
    """The smallest image there is, in that registry."""
    reference = ImageReference.parse(images["pause"])
    source = RegistryStore(PLACE, reference.repository)
    place = RegistryPlace(host=registry.host, credentials=lambda _: None, ca_file=authority.file)
    target = RegistryStore(place, "models/pause")
    digest = await copy_image(reference.digest or "", source, target, tag="1")
    yield f"{registry.host}/models/pause@{digest}"
    await source.close()
    await target.close()


@pytest.fixture
def told(registry: RealRegistry) -> Iterator[Path]:
    """The node's folder for what it is told of this registry: containerd's `/etc/containerd/certs.d/HOST`."""
    folder = LAYOUT.node(1).conf / "certs.d" / registry.host
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def hosts_file(host: str, folder: Path) -> str:
    """As docs/kubernetes.md has it, with this registry's name and place."""
    text = (CHECKOUT / "docs" / "kubernetes.md").read_text()
    example = text.partition("nothing restarts\n")[2].partition("```")[0]
    assert 'ca = "/etc/containerd/certs.d/registry.example.org:5000/ca.crt"' in example
    here = example.replace("/etc/containerd/certs.d/registry.example.org:5000", str(folder))
    return here.replace("registry.example.org:5000", host)


def on_the_node(name: str, image: str, *, namespace: str) -> dict[str, Any]:
    manifest = pod(name, image, namespace=namespace)
    manifest["spec"]["nodeSelector"] = NODE
    return manifest


def waits_for(one: Mapping[str, Any]) -> str:
    """Why its container waits; "" where it does not."""
    (status,) = one.get("status", {}).get("containerStatuses") or [{}]
    message: str = status.get("state", {}).get("waiting", {}).get("message", "")
    return message


async def test_a_node_pulls_once_it_is_told_of_the_authority_as_the_docs_say(
    *,
    image: str,
    registry: RealRegistry,
    authority: Authority,
    told: Path,
    kube: Kube,
    restricted: str,
) -> None:
    stranger = on_the_node("stranger", image, namespace=restricted)
    await kube.create(stranger)
    await kube.until(stranger, lambda one: "x509" in waits_for(one), seconds=PATIENCE_SECONDS)
    tell(told, hosts_file(registry.host, told), authority)
    friend = on_the_node("friend", image, namespace=restricted)
    await kube.create(friend)
    await kube.until(friend, lambda one: one.get("status", {}).get("phase") == "Running", seconds=PATIENCE_SECONDS)


def tell(folder: Path, hosts: str, authority: Authority) -> None:
    (folder / "ca.crt").write_bytes(authority.file.read_bytes())
    (folder / "hosts.toml").write_text(hosts)
