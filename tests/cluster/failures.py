"""What is kept of a failed test, before its namespaces are removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.kube import Kube, RefusedError, connect
from tests.cluster.namespaces import namespaces_of_this_run

KEPT_KINDS = (
    ("v1", "Pod"),
    ("v1", "Event"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)
"""What is written down of a namespace when a test fails. Never Secrets: the folder may be an artefact of a CI."""


async def keep(kubeconfig: Path, folder: Path) -> int:
    """Write every object, event and log of this run's namespaces below a folder; how many objects there were."""
    count = 0
    async with connect(kubeconfig) as kube:
        for one in await namespaces_of_this_run(kube):
            name = one["metadata"]["name"]
            kept = folder / name
            kept.mkdir(parents=True, exist_ok=True)
            for api_version, kind in KEPT_KINDS:
                found = await kube.list_all(api_version, kind, namespace=name)
                count += len(found)
                if found:
                    (kept / f"{kind.lower()}s.yaml").write_text(yaml.safe_dump_all(found), encoding="utf-8")
                if kind == "Pod":
                    await _keep_logs(kube, found, kept)
    return count


async def _keep_logs(kube: Kube, pods: list[dict[str, Any]], folder: Path) -> None:
    for pod in pods:
        name = pod["metadata"]["name"]
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            try:
                text = await kube.log(pod["metadata"]["namespace"], name, container["name"])
            except RefusedError as refused:
                text = f"no log: {refused}\n"
            (folder / f"{name}.{container['name']}.log").write_text(text, encoding="utf-8")
