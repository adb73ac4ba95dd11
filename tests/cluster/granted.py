"""The chart's accounts, roles and admission policies in namespaces of their own, and what Kubernetes lets them do."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.charts import LEAST, merged, render
from tests.cluster.cluster_commands import kubectl
from tests.cluster.conftest import run_apart
from tests.cluster.kube import Kube, connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.node_agents import PRIVILEGED
from tests.cluster.pods import RESTRICTED

GRANTED = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
GUARDED = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The chart's accounts, roles and rules, in namespaces of their own."""

    release: str
    ours: str
    theirs: str
    held: str
    """Of pods that hold room and fetch images."""
    nodes: str
    """Of the agents of nodes."""
    cluster_wide: tuple[dict[str, Any], ...]

    def account(self, name: str) -> str:
        """As the API server calls it."""
        namespace = self.nodes if name == "agent" else self.ours
        return f"system:serviceaccount:{namespace}:{self.release}-{name}"


async def _install(kubeconfig: Path, values: Mapping[str, Any]) -> Installed:
    async with connect(kubeconfig) as kube:
        release = f"rights-{secrets.token_hex(3)}"
        ours = await create_namespace(kube, release)
        theirs = await create_namespace(kube, f"{release}-workspaces", labels=RESTRICTED)
        held = await create_namespace(kube, f"{release}-capacity", labels=RESTRICTED)
        nodes = await create_namespace(kube, f"{release}-nodes", labels=PRIVILEGED)
        await create_namespace(kube, f"{release}-storage")
        values = merged(merged(LEAST, {"kubernetes": {"namespace": theirs}}), dict(values))
        wide = []
        for one in render(values, release=release, namespace=ours):
            if one["kind"] in GRANTED | GUARDED:
                if one["kind"].startswith(("Cluster", "Validating")):
                    wide.append(one)
                else:
                    one["metadata"].setdefault("namespace", ours)
                await kube.create(one)
        return Installed(release=release, ours=ours, theirs=theirs, held=held, nodes=nodes, cluster_wide=tuple(wide))


async def _remove(kubeconfig: Path, installed: Installed) -> None:
    async with connect(kubeconfig) as kube:
        for one in installed.cluster_wide:
            await kube.delete(one)


@contextmanager
def installed_rights(kubeconfig: Path, values: Mapping[str, Any]) -> Iterator[Installed]:
    """For one file of tests."""
    found = run_apart(_install(kubeconfig, values))
    try:
        yield found
    finally:
        run_apart(_remove(kubeconfig, found))


async def may(kube: Kube, who: str, verb: str, what: str, namespace: str) -> bool:
    """What the API server says of somebody: `may(kube, "…:hub", "create", "pods/exec", "work")`; "" is everywhere."""
    resource, _, group = what.partition(".")
    resource, _, subresource = resource.partition("/")
    groups = ["system:authenticated"]
    if who.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{who.split(':')[2]}"]
    if who == "system:anonymous":
        groups = ["system:unauthenticated"]
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {"user": who, "groups": groups, "resourceAttributes": asked},
    }
    return bool((await kube.create(review))["status"]["allowed"])


async def as_account(installed: Installed, account: str, *words: str, manifest: Mapping[str, Any] | None = None) -> str:
    who = installed.account(account)
    groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{who.split(':')[2]}")
    as_them = (f"--as={who}", *(f"--as-group={group}" for group in groups))
    text = "" if manifest is None else json.dumps(manifest)
    return await asyncio.to_thread(lambda: kubectl(*words, *as_them, text=text))


async def as_hub(installed: Installed, manifest: Mapping[str, Any]) -> str:
    return await as_account(installed, "hub", "create", "-f", "-", manifest=manifest)
