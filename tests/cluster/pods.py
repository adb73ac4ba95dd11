"""Pods as the strictest platform runs them: restricted, as a user nobody knows, only home and /tmp writable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.cluster.kube import Kube, is_ready

PORT = 8888
TOKEN = "of-this-test"
SERVER = ("jupyter", "server", "--ip=0.0.0.0", f"--port={PORT}", f"--IdentityProvider.token={TOKEN}")
PATIENCE_SECONDS = 120.0
"""The first pod of an image waits until it is pulled."""

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PROBE = {"periodSeconds": 1, "failureThreshold": 120}
UNKNOWN_USER = 12345


def pod(
    name: str,
    image: str,
    *,
    namespace: str,
    args: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    user: int = UNKNOWN_USER,
) -> dict[str, Any]:
    """A pod of one container. Ready when its port accepts connections, if it has one."""
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
        container["readinessProbe"] = {"tcpSocket": {"port": port}, **PROBE}
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
                "runAsUser": user,
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
    assert not has_ended(running), await log_of(kube, manifest)
    address: str = running["status"]["podIP"]
    return address


async def printed(kube: Kube, manifest: dict[str, Any]) -> str:
    """What a pod printed, once it has ended well."""
    await kube.create(manifest)
    ended = await kube.until(manifest, has_ended, seconds=PATIENCE_SECONDS)
    text = await log_of(kube, manifest)
    assert ended["status"]["phase"] == "Succeeded", text
    return text


async def log_of(kube: Kube, manifest: Mapping[str, Any]) -> str:
    return await kube.log(manifest["metadata"]["namespace"], manifest["metadata"]["name"], "main")


def has_ended(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("status", {}).get("phase") in {"Succeeded", "Failed"}


async def get(address: str, path: str, port: int = PORT) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(retries=9)  # half a second, then twice …
    async with httpx.AsyncClient(trust_env=False, transport=transport, timeout=PATIENCE_SECONDS) as client:
        return await client.get(f"http://{address}:{port}{path}")
