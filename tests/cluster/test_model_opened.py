"""A package is opened as a pod on the very image that it stands on, though the catalog has moved on, with its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.cluster.layout import NODE_ADDRESS
from deploy.local.plans import HUB
from deploy.local.ports import free_port
from studiolo.client import Studiolo
from studiolo.names import pod_name
from studiolo.packaging.project import collect
from studiolo.wire_models import ModelPackageView, NewModelPackage
from tests.cluster.cluster_commands import kubectl
from tests.cluster.real_hub import RealHub
from tests.hub.builder.conftest import notebook_of

ALICE = "alice"
START_SECONDS = 120
MODEL = "class Model:\n    def train(self, rounds: int = 3):\n        return rounds\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Alice, in an installation whose catalog somebody edits."""

    hub: RealHub
    token: str
    catalog: Path
    images: Mapping[str, str]

    def package(self, folder: Path) -> ModelPackageView:
        """A notebook, as version 1.0 of iris."""
        folder.mkdir()
        (folder / "iris.ipynb").write_text(notebook_of(MODEL))
        new = NewModelPackage(source="iris.ipynb", environment="minimal", version="1.0")

        async def send() -> ModelPackageView:
            async with Studiolo(self.hub.base_url, self.token) as client:
                return await client.package_model(new, collect(folder))

        return asyncio.run(send())

    def move_on(self) -> None:
        """The catalog's minimal has another image from now on; the hub has read that."""
        path = self.catalog / "environments.yaml"
        path.write_text(path.read_text().replace(self.images["minimal"], self.images["python"]))
        read = "The catalog was changed and is served from now on."
        self.hub.until(lambda: read in self.hub.log(HUB), what="the hub has read the catalog")

    def start(self, server: str, **options: str) -> dict[str, str]:
        """The container of a workspace that is ready."""
        self.hub.start_workspace(self.token, ALICE, server, hardware="small", **options)
        pod = kubectl("-n", self.hub.namespace, "get", "pod", pod_name(ALICE, server), "--output=json")
        (container,) = json.loads(pod)["spec"]["containers"]
        found: dict[str, str] = container
        return found

    def told(self, server: str, words: str) -> None:
        """Waits until a notice says so."""
        address = f"{self.hub.base_url}/user/{ALICE}/{server}/studiolo/notices"
        headers = {"Authorization": f"token {self.token}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            said = lambda: words in client.get(address).text  # noqa: E731 - the one question
            self.hub.until(said, what=f"a notice: {words}", seconds=START_SECONDS)

    def in_pod(self, server: str, *argv: str) -> str:
        """What a program in a workspace prints."""
        return kubectl("-n", self.hub.namespace, "exec", pod_name(ALICE, server), "--", *argv)


@pytest.fixture
def place(tmp_path: Path, kubeconfig: Path, restricted: str, images: Mapping[str, str]) -> Iterator[Place]:
    root = tmp_path / "hub"
    settings = {
        "services.url": f"http://{NODE_ADDRESS}:{free_port()}",  # where a pod reaches it
        "models.folder": str(tmp_path / "models"),
        "models.registry.allowHttp": True,
    }
    hub = RealHub(root, kubeconfig=kubeconfig, namespace=restricted, images=images, overrides=settings, services=True)
    with hub:
        token = hub.token(ALICE, hub.add_user(ALICE))
        yield Place(hub=hub, token=token, catalog=root / "catalog", images=images)


def test_a_pod_has_the_image_of_then_and_the_files_and_one_without_the_package_has_the_image_of_now(
    place: Place, tmp_path: Path
) -> None:
    made = place.package(tmp_path / "project")
    assert made.base_digest
    assert place.images["minimal"].endswith(made.base_digest)
    place.move_on()
    assert place.start("now", environment="minimal")["image"] == place.images["python"]
    then = place.start("then", model="iris:1.0")
    assert then["image"] == place.images["minimal"]
    place.told("then", "Minimal is as it was when iris 1.0 was packaged")
    place.told("then", "The files of iris 1.0 are in ~/models/iris-1.0.")
    (cell,) = json.loads(place.in_pod("then", "cat", "/home/jovyan/models/iris-1.0/iris.ipynb"))["cells"]
    assert (cell["source"], cell["outputs"]) == (MODEL, [])
    for server in ("now", "then"):
        place.hub.stop_workspace(place.token, ALICE, server)
