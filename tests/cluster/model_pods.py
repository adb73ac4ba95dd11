"""Pods of a packaged model: one that trains and shows its result, and one that serves as a deployment would have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.cluster.pods import UNKNOWN_USER, pod

PORT = 8080


def training(image: str, settings: Mapping[str, Any], *, namespace: str, user: int = UNKNOWN_USER) -> dict[str, Any]:
    """A pod that trains with these hyperparameters, then prints what came of it."""
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    args = ("train", *words, "--output", "/tmp/result")
    manifest = pod("train", image, namespace=namespace, args=args, user=user)
    (trains,) = manifest["spec"]["containers"]
    shows = {**trains, "name": "main", "command": ["cat", "/tmp/result/result.json"], "args": []}
    manifest["spec"] |= {"initContainers": [{**trains, "name": "train"}], "containers": [shows]}
    return manifest


def serving(name: str, image: str, *, namespace: str, user: int = UNKNOWN_USER) -> dict[str, Any]:
    """A pod that serves: ready when the model is."""
    manifest = pod(name, image, namespace=namespace, args=("serve",), user=user)
    manifest["metadata"]["labels"] = {"app": name}
    manifest["spec"]["terminationGracePeriodSeconds"] = 30
    (container,) = manifest["spec"]["containers"]
    container["readinessProbe"] = {
        "httpGet": {"path": "/v2/health/ready", "port": PORT},
        "periodSeconds": 1,
        "failureThreshold": 120,
    }
    return manifest
