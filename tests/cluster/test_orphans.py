"""A pod that no workspace knows is ended with its Secret; one of another installation in the same namespace is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from spawner.installation import KIND_LABEL, RELEASE_LABEL, WORKSPACE
from tests.cluster.kube import Kube
from tests.cluster.pods import PATIENCE_SECONDS, pod
from tests.cluster.real_hub import RealHub


@pytest.fixture
def hub(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[RealHub]:
    with RealHub(tmp_path, kubeconfig=kubeconfig, namespace=restricted, images=images) as found:
        yield found


async def left_behind(kube: Kube, hub: RealHub, images: Mapping[str, str], *, name: str, release: str) -> Any:
    """A pod that looks like a workspace's, and a Secret that belongs to it."""
    manifest = pod(name, images["pause"], namespace=hub.namespace)
    manifest["metadata"]["labels"] = {RELEASE_LABEL: release, KIND_LABEL: WORKSPACE}
    made = await kube.create(manifest)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": made["metadata"]["uid"]}
    metadata = {"name": name, "namespace": hub.namespace, "ownerReferences": [owner]}
    await kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    return manifest


async def test_only_what_nobody_knows_and_is_ours_is_ended(hub: RealHub, kube: Kube, images: Mapping[str, str]) -> None:
    theirs = await left_behind(kube, hub, images, name="ws-theirs", release="another")
    ours = await left_behind(kube, hub, images, name="ws-nobody", release=hub.release)
    await kube.until_gone(ours, seconds=PATIENCE_SECONDS)
    await kube.until_gone({**ours, "kind": "Secret"}, seconds=PATIENCE_SECONDS)
    assert "deletionTimestamp" not in (await kube.get(theirs))["metadata"]
