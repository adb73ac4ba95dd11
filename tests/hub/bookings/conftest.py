"""A services process that holds room on an API server in memory, for two teams and who leads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from tests.fakes.fake_kubernetes import FakeKubernetes
from tests.hub.conftest import FakeHub, free_port

IMAGE = "registry.test/python@sha256:" + "a" * 64


@pytest.fixture
async def kubernetes() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as running:
        yield running


@pytest.fixture
def settings(data: DataDirectory, kubernetes: FakeKubernetes, tmp_path: Path) -> Settings:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    environments = {"python": {"title": "Python", "image": IMAGE}}
    shape = {"cpu": 1, "memory": "4Gi", "price_per_hour": 0.5}
    hardware = {
        "small": {"title": "Small", **shape, "warm": {"slots": 1, "at_most": 8}},
        "secret": {"title": "Secret", **shape, "warm": {"slots": 1, "at_most": 8}, "teams": ["research"]},
        "plain": {"title": "Plain", **shape},
    }
    (catalog / "environments.yaml").write_text(yaml.safe_dump({"environments": environments}))
    (catalog / "hardware.yaml").write_text(
        yaml.safe_dump({"hardware": hardware, "currency": "EUR", "timezone": "Europe/Berlin"})
    )
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "one",
                "clusters": [{"name": "one", "cluster": {"server": kubernetes.url}}],
                "users": [{"name": "one", "user": {"token": "x"}}],
                "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
            }
        )
    )
    return effective(
        data.root,
        {
            "hub.port": free_port(),
            "services.url": f"http://127.0.0.1:{free_port()}",
            "proxy.port": 1024,
            "catalogDirectory": catalog,
            "kubernetes": {"namespace": "lab", "release": "studiolo", "kubeconfig": str(kubeconfig)},
            "capacity.namespace": "lab-capacity",
            "capacity.priorityClass": "studiolo-placeholder",
        },
    )


@pytest.fixture
def teams(fake_hub: FakeHub) -> FakeHub:
    """Lena leads vision, with mara in it; rita leads research; adam is the administrator."""
    fake_hub.team_for_test("vision", "lena", "mara", leads=("lena", "former"))
    fake_hub.team_for_test("research", "rita", leads=("rita",))
    fake_hub.admins.add("adam")
    return fake_hub
