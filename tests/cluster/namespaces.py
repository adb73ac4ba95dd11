"""The namespaces of one run: two runs on one cluster never meet, and a run leaves nothing behind."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from tests.cluster.kube import Kube, connect

RUN_LABEL = "studiolo-test-run"
RUN = f"test-{secrets.token_hex(3)}"
"""Begins the names of this run's namespaces and labels them."""


async def namespaces_of_this_run(kube: Kube) -> list[dict[str, Any]]:
    """Those that are there, also the ones that are being deleted."""
    return await kube.list_all("v1", "Namespace", labels=f"{RUN_LABEL}={RUN}")


async def create_namespace(kube: Kube, name: str, *, labels: dict[str, str] | None = None) -> str:
    """A namespace of this run in which pods can be created at once; returns its whole name."""
    whole_name = f"{RUN}-{name}"
    metadata = {"name": whole_name, "labels": {RUN_LABEL: RUN, **(labels or {})}}
    await kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    # Without its account a pod is refused; a controller makes it a moment later.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": whole_name}}
    await kube.until(account, lambda _: True)
    return whole_name


async def delete_namespaces(kubeconfig: Path) -> None:
    """Delete every namespace of this run, and wait until they are gone."""
    async with connect(kubeconfig) as kube:
        ours = await namespaces_of_this_run(kube)
        for one in ours:
            await kube.delete(one)
        for one in ours:
            await kube.until_gone(one, seconds=180)
