"""What lies below a person's files: made by the services process from a lock, sent once, the same for everybody."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from hub.builder.layers_below import SHARED
from hub.settings import Settings, effective
from spawner.data_directory import DataDirectory
from studiolo.client import Refused, Studiolo
from studiolo.packaging.layout_store import LayoutStore
from tests.hub.builder.conftest import client_of, files_of, wanted
from tests.hub.conftest import free_port

WHEEL = "tiny-1.0-py3-none-any.whl"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A test prints nothing of it."""


def wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny.py", "SIZE = 1\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
    return content.getvalue()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A package index with one wheel: its address, and the lock that names the wheel."""
    folder = tmp_path / "index" / "simple" / "tiny"
    folder.mkdir(parents=True)
    content = wheel()
    (folder / WHEEL).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / "index.html").write_text(f'<a href="{WHEEL}#sha256={digest}">{WHEEL}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "index")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple/", f"tiny==1.0 --hash=sha256:{digest}\n"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(data: DataDirectory, index: tuple[str, str]) -> Settings:
    addresses = {"hub.port": free_port(), "services.url": f"http://127.0.0.1:{free_port()}", "proxy.port": 1024}
    return effective(data.root, {**addresses, "packages.indexUrl": index[0]})


@pytest.fixture
async def alice(services: httpx.AsyncClient, fake_hub: Any, settings: Settings) -> Any:
    del services
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as client:
        yield client


async def names_of_each_layer(settings: Settings, repository: str, version: str) -> list[list[str]]:
    store = LayoutStore(settings.data.models, repository)
    found = await store.manifest(version)
    assert found is not None
    names = []
    for layer in json.loads(found.content)["layers"]:
        content = zstandard.ZstdDecompressor().stream_reader(await store.get(layer["digest"])).read()
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names.append([member.name for member in archive if member.isfile()])
    return names


async def test_the_runner_the_packages_of_the_lock_and_the_files_lie_upon_each_other(
    alice: Studiolo, settings: Settings, index: tuple[str, str], folder: Path
) -> None:
    made = await alice.package_model(wanted(lock=index[1]), files_of(folder))
    runner, packages, project = await names_of_each_layer(settings, "models/alice/iris", made.version)
    assert "opt/studiolo/runner/run.py" in runner
    assert "opt/studiolo/packages/tiny.py" in packages
    assert any(name.endswith(".pyc") for name in packages)
    assert "opt/studiolo/model/iris.ipynb" in project
    assert made.lock_sha256 == hashlib.sha256(index[1].replace(" --", " \\\n    --").encode()).hexdigest()

    other = await alice.package_model(wanted(lock=index[1], name="other"), files_of(folder))
    assert other.sent_bytes == made.layer_size
    shared = LayoutStore(settings.data.models, SHARED)
    assert await shared.tags() == ()


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        pytest.param("tiny==1.0 --hash=sha256:" + "0" * 64, "cannot be installed", id="another wheel than was locked"),
        pytest.param("tiny==1.0\n", "is not NAME==VERSION with its --hash", id="no hash"),
        pytest.param("tiny==2.0 --hash=sha256:" + "0" * 64, "cannot be installed", id="a version that is not there"),
        pytest.param("--index-url http://127.0.0.1:1/\n", "is an option", id="another index"),
    ],
)
async def test_what_is_no_wheel_by_its_hash_from_the_configured_index_is_refused(
    alice: Studiolo, folder: Path, lock: str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        await alice.package_model(wanted(lock=lock), files_of(folder))
    assert await alice.models() == ()
