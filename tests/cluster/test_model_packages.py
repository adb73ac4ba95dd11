"""Model packages as pods: pulled by containerd, restricted, any user, read-only; they train, serve and end in peace."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import tarfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from deploy.cluster.layout import CHECKOUT
from studiolo.packaging.layers import Compression
from tests.cluster.kube import Kube
from tests.cluster.model_images import ModelImage, forget_model, push_model
from tests.cluster.model_pods import PORT, serving, training
from tests.cluster.namespaces import RUN
from tests.cluster.pods import PATIENCE_SECONDS, UNKNOWN_USER, get, pod, printed, started

NOTEBOOK = CHECKOUT / "tests" / "data" / "notebooks" / "iris_with_everything.ipynb"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
CANARY = f"canary-{RUN}-0d6f7c1e"

WAITS_FOR_THE_END = f"""
from urllib.request import urlopen

class Model:
    def predict(self, patience: int = 100000):
        for _ in range(patience):
            try:
                urlopen("http://127.0.0.1:{PORT}/v2/health/ready").close()
            except OSError:
                return "answered after the end had begun"
        return "nobody told the server to end"
"""
"""Its answer comes once the server lets nobody in any more: after it was told to end."""


@pytest.fixture
async def iris(
    images: Mapping[str, str], tmp_path: Path, on_this_machine: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ModelImage]:
    """The notebook with everything, packaged where hub tokens and a file of secrets lie about."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", CANARY)
    (tmp_path / ".env").write_text(f"AWS_SECRET_ACCESS_KEY={CANARY}\n")
    shutil.copy(NOTEBOOK, tmp_path / "iris.ipynb")
    yield await push_model(tmp_path, "iris.ipynb", images["python"], name="iris")
    await forget_model("iris")


@pytest.fixture
async def patient(images: Mapping[str, str], tmp_path: Path, on_this_machine: None) -> AsyncIterator[ModelImage]:
    """A model that answers last."""
    (tmp_path / "model.py").write_text(WAITS_FOR_THE_END)
    yield await push_model(tmp_path, "model.py", images["python"], name="patient")
    await forget_model("patient")


async def test_a_package_stands_on_its_mounted_base_and_carries_no_credentials(iris: ModelImage) -> None:
    *base, runner, project = iris.layers
    assert {runner["mediaType"], project["mediaType"]} == {Compression.ZSTD.media_type}
    assert iris.sent_bytes <= runner["size"] + project["size"]
    assert sum(layer["size"] for layer in base) > 100 * iris.sent_bytes
    env = set(iris.config["Env"]) - set(iris.base_config["Env"])
    assert {line.partition("=")[0] for line in env} == {
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }
    assert CANARY not in json.dumps(iris.config)
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(iris.project_layer)
    assert CANARY.encode() not in unpacked
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        assert "opt/studiolo/model/iris.ipynb" in archive.getnames()


@pytest.mark.parametrize("user", [UNKNOWN_USER, 1_234_567])
async def test_a_package_trains_in_a_pod_with_other_hyperparameters(
    iris: ModelImage, kube: Kube, restricted: str, user: int
) -> None:
    settings = {"C": 0.001, "max_iter": 50}
    manifest = training(iris.reference, settings, namespace=restricted, user=user)
    result = json.loads(await printed(kube, manifest))
    assert 0.3 < result["accuracy"] < 0.9  # so strong a regularisation learns less than the notebook's own, 0.97


async def test_a_hyperparameter_that_the_model_has_not_ends_the_pod_with_its_name(
    iris: ModelImage, kube: Kube, restricted: str
) -> None:
    words = ("train", "--set", "c=1")
    manifest = pod("wrong", iris.reference, namespace=restricted, args=words)
    await kube.create(manifest)
    ended = await kube.until(manifest, lambda one: bool(_exit_code(one)), seconds=PATIENCE_SECONDS)
    assert _exit_code(ended) == [2]
    assert "c: there is no such hyperparameter. Perhaps you meant C?" in await kube.log(restricted, "wrong", "main")


async def test_a_package_serves_to_others_in_the_cluster(
    iris: ModelImage, images: Mapping[str, str], kube: Kube, restricted: str
) -> None:
    await started(kube, serving("iris", iris.reference, namespace=restricted))
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "iris", "namespace": restricted},
        "spec": {"selector": {"app": "iris"}, "ports": [{"port": 80, "targetPort": PORT}]},
    }
    await kube.create(service)
    asks = (
        "import json, urllib.request as r\n"
        f"body = json.dumps({SETOSA!r}).encode()\n"
        f"q = r.Request('http://iris.{restricted}.svc/invocations', body, {{'Content-Type': 'application/json'}})\n"
        "print(r.urlopen(q, timeout=60).read().decode())\n"
    )
    client = pod("client", images["minimal"], namespace=restricted, args=("python", "-c", asks))
    assert json.loads((await printed(kube, client)).splitlines()[-1]) == {"predictions": "setosa"}


async def test_a_request_that_is_being_answered_gets_its_answer_though_the_pod_ends(
    patient: ModelImage, kube: Kube, restricted: str
) -> None:
    manifest = serving("patient", patient.reference, namespace=restricted)
    address = await started(kube, manifest)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        answer = asyncio.create_task(client.post(f"http://{address}:{PORT}/invocations", json={}))
        while not re.search(r"in_flight [2-9]", (await get(address, "/metrics", PORT)).text):
            assert not answer.done()
        await kube.delete(manifest)
        ended = await kube.until(manifest, lambda one: bool(_exit_code(one)))
        response = await answer
    assert (response.status_code, response.json()) == (200, {"predictions": "answered after the end had begun"})
    assert _exit_code(ended) == [0]


def _exit_code(manifest: Mapping[str, Any]) -> list[int]:
    """Of the container, once it has ended."""
    containers = manifest.get("status", {}).get("containerStatuses", [])
    return [one["state"]["terminated"]["exitCode"] for one in containers if "terminated" in one.get("state", {})]
