"""The chart as Helm renders it, for tests that look at manifests and start nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.charting.generated import CHART
from deploy.cluster.layout import layout_here
from deploy.cluster.programs import run_program

LEAST = {
    "publicUrl": "https://studiolo.example.org",
    "auth": {"kind": "dummy", "dummy": {"iKnowAnybodyCanBeAnyone": True}},
    "hub": {"existingSecret": "keys", "image": {"digest": "sha256:" + "1" * 64}},
    "proxy": {"image": {"digest": "sha256:" + "2" * 64}},
    "catalogs": {"environments": "environments: {}\n", "hardware": {"hardware": {}}},
}
"""What somebody must at least say who renders without a cluster."""

Manifest = dict[str, Any]


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Values on top of others, section by section."""
    both = dict(first)
    for name, value in second.items():
        before = both.get(name)
        both[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both


HOMES = {
    "homes": {
        "nfs": {"server": "nfs.example.org", "path": "/homes"},
        "folder": "people",
        "service": {"enabled": True, "existingSecret": "homes-key"},
    }
}
CERTIFICATES = {
    "agent": {"existingSecret": "agent-certificate"},
    "broker": {"existingSecret": "broker-certificate"},
}
WITH_AGENTS = merged(merged(LEAST, HOMES), {"claims": {"enabled": True, **CERTIFICATES}})
"""What somebody must at least say who switches claims on."""


def helm_program() -> str:
    """The Helm of `make cluster`, or the one on PATH where another cluster is tested."""
    built = layout_here().bin / "helm"
    found = str(built) if built.exists() else shutil.which("helm")
    if found is None:
        pytest.fail("There is no Helm. `make cluster` builds it; for another cluster put Helm 3 on PATH.")
    return found


def render(
    values: dict[str, Any], *words: str, release: str = "studiolo", namespace: str = "lab", chart: Path = CHART
) -> list[Manifest]:
    """All objects of the chart, tests included. Raises ProgramFailedError where Helm refuses."""
    argv = ("template", release, str(chart), "--namespace", namespace, "--values", "-", "--kube-version", "1.33.0")
    text = run_program(helm_program(), *argv, *words, text=json.dumps(values))
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def find(manifests: list[Manifest], kind: str, name: str, namespace: str | None = None) -> Manifest:
    """The one object of that kind and name."""
    (found,) = (
        one
        for one in manifests
        if (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) == (kind, name, namespace)
    )
    return found


def pod_specs(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every pod that the chart makes, itself or by a controller."""
    found = {}
    for one in manifests:
        name = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Pod":
            found[name] = one["spec"]
        elif one["kind"] in {"Deployment", "DaemonSet", "Job"}:
            found[name] = one["spec"]["template"]["spec"]
    return found


def settings_in(manifests: list[Manifest], folder: Path, release: str = "studiolo") -> Path:
    """The settings file that hub and services would read."""
    path = folder / "studiolo.yaml"
    path.write_text(find(manifests, "ConfigMap", f"{release}-settings")["data"]["studiolo.yaml"])
    return path
