"""A real hub process on this machine whose workspaces are pods of the cluster under test, with its own proxy.

The hub may be killed, started again, and told lies by what stands between it and Kubernetes: a test says which
kubeconfig it reads. Methods of `ThrowawayHub` wait by sleeping; call them by `asyncio.to_thread`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.cluster.layout import NODE_ADDRESS
from deploy.local.ports import free_port
from deploy.local.throwaway import ThrowawayHub

SMALL = {"environment": "minimal", "hardware": "small"}


def write_catalog(folder: Path, images: Mapping[str, str]) -> Path:
    """Two environments, one of them for the team vision alone, and hardware that two cores have room for."""
    folder.mkdir(parents=True)
    environments = {
        "minimal": {"title": "Minimal", "image": images["minimal"], "default": True},
        "secret-lab": {"title": "Secret lab", "image": images["minimal"], "teams": ["vision"]},
    }
    hardware = {
        "small": {"title": "Small", "cpu": {"request": "50m", "limit": "200m"}, "memory": "1Gi", "default": True},
        "enormous": {"title": "Enormous", "cpu": 64, "memory": "512Gi"},
    }
    (folder / "environments.yaml").write_text(yaml.safe_dump({"environments": environments}))
    (folder / "hardware.yaml").write_text(yaml.safe_dump({"hardware": hardware}))
    return folder


class RealHub(ThrowawayHub):
    """Proxy and hub, and the services process where a test asks for it."""

    def __init__(
        self,
        root: Path,
        *,
        kubeconfig: Path,
        namespace: str,
        images: Mapping[str, str],
        overrides: Mapping[str, Any] | None = None,
        services: bool = False,
    ) -> None:
        """`overrides` are settings by their dotted names, on top of what a hub of the cluster needs."""
        port = free_port()
        self.namespace = namespace
        self.release = f"test-{secrets.token_hex(3)}"
        settings = {
            "catalogDirectory": write_catalog(root / "catalog", images),
            "hub.host": NODE_ADDRESS,
            "hub.port": port,
            "hub.connectUrl": f"http://{NODE_ADDRESS}:{port}",
            "kubernetes.kubeconfig": kubeconfig,
            "kubernetes.namespace": namespace,
            "kubernetes.release": self.release,
            "kubernetes.stopSeconds": 3,
            "kubernetes.lookForOrphansEvery": "2s",
            "workspaces.startTimeout": "5m",
        }
        super().__init__(root, {**settings, **(overrides or {})}, services=services)
