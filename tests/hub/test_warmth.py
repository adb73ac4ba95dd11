"""What hub and services open where claims are switched on; nothing of it where they are not."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub.capacity.wiring import Capacity
from hub.settings import Settings
from hub.settings_claims import ClaimsSettings
from hub.warmth import Warmth
from spawner.installation import Installation
from tests.authorities import Authority

ON: dict[str, Any] = {"enabled": True, "agentsNamespace": "lab-nodes"}
IMAGE = "example.org/python@sha256:" + "0" * 64
KUBE: Any = SimpleNamespace()


def settings_with(folder: Path, **claims: Any) -> Settings:
    (folder / "environments.yaml").write_text(f"environments: {{python: {{title: Python, image: '{IMAGE}'}}}}\n")
    (folder / "hardware.yaml").write_text("hardware: {small: {title: Small, cpu: 2, memory: 4Gi}}\n")
    return Settings.model_validate(
        {
            "dataDirectory": str(folder),
            "catalogDirectory": str(folder),
            "kubernetes": {"namespace": "lab-workspaces", "release": "lab", "homes": {"claim": "homes"}},
            "homes": {"service": {"url": "http://homes.example.org:8084"}},
            "capacity": {"namespace": "lab-capacity", "images": {"enabled": False}},
            "claims": claims,
        }
    )


@pytest.mark.parametrize(
    ("claims", "has_pool"),
    [
        pytest.param(ON, True, id="switched on"),
        pytest.param({}, False, id="off"),
        pytest.param({"enabled": True}, False, id="without agents"),
    ],
)
def test_warm_pods_are_kept_where_claims_are_switched_on(
    tmp_path: Path, claims: dict[str, Any], has_pool: bool
) -> None:
    settings = settings_with(tmp_path, **claims)
    assert settings.kubernetes is not None
    capacity = Capacity(settings, settings.kubernetes, KUBE, SimpleNamespace())  # type: ignore[arg-type]
    assert ("Keeping warm pods" in capacity.loops()) is has_pool


async def test_the_hub_watches_what_waits_and_the_agents_and_no_events(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "ca.crt").write_bytes(authority.file.read_bytes())
    settings = ClaimsSettings.model_validate({**ON, "agentDirectory": str(tmp_path)})
    installation = Installation(namespace="lab-workspaces", release="lab", homes=None)
    warmth = Warmth(KUBE, installation, settings, log=logging.getLogger(__name__))
    assert warmth.claims.warm.namespace == "lab-workspaces"
    assert set(warmth.watched()) == {
        "Watching the warm pods",
        "Watching the agents of nodes",
        "Keeping near to the agents of nodes",
    }
    await warmth.close()
