"""A real build with buildah: the smallest image, once, not again, and elsewhere the same."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.images.build import KEPT_SECONDS, BuiltImage, ImageBuild
from deploy.images.buildah import ImageStore
from deploy.images.cluster_catalog import write_catalog
from deploy.images.errors import StepFailedError, UnknownImageError
from deploy.images.ingredients import Ingredient, made, run
from hub.settings import CHECKOUT
from studiolo.registry_errors import RegistryAway

needs_buildah = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="not run: building takes root; without buildah or gcc it fails (deploy/images/tools.sh)",
)

NewBuild = Callable[[str], ImageBuild]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def new_build(tmp_path: Path, said: list[str]) -> Iterator[NewBuild]:
    """A run of `make images` with a cache of its own; the image stores are taken down afterwards."""
    caches: list[Path] = []

    def make(name: str) -> ImageBuild:
        caches.append(tmp_path / name)
        store = ImageStore(cache=tmp_path / name)
        return ImageBuild(checkout=CHECKOUT, store=store, say=said.append, show=lambda _: None)

    yield make
    for cache in caches:
        store = ImageStore(cache=cache)
        if (cache / "images" / "store").exists():
            store.remove(tuple(store.tags()))
            # The store is a mount point of its own for as long as it is used.
            subprocess.run(["umount", cache / "images" / "store" / "overlay"], check=False, stderr=subprocess.DEVNULL)


def digest_of_layers(build: ImageBuild, image: BuiltImage, folder: Path) -> list[str]:
    build.store.save(image.reference, folder)
    index = json.loads((folder / "index.json").read_bytes())
    manifest = folder / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    return [layer["digest"] for layer in json.loads(manifest.read_bytes())["layers"]]


@needs_buildah
def test_what_has_not_changed_is_not_built_again_and_elsewhere_it_is_the_same(
    new_build: NewBuild, said: list[str], tmp_path: Path
) -> None:
    first, elsewhere = new_build("first"), new_build("elsewhere")
    (pause,) = first.run(("pause",))
    assert pause.was_built
    assert said[0] == "pause: building; all of it takes about 45 s more"
    said.clear()
    (again,) = first.run(("pause",))
    assert (again.was_built, again.reference, said) == (False, pause.reference, [])
    (other,) = elsewhere.run(("pause",))
    assert other.was_built
    assert digest_of_layers(first, pause, tmp_path / "1") == digest_of_layers(elsewhere, other, tmp_path / "2")


@needs_buildah
def test_images_that_nobody_asked_for_in_a_week_go(new_build: NewBuild) -> None:
    build = new_build("cache")
    images = build.run(("pause",))
    reference = images[0].reference
    noted = build.store.cache / "images" / "used" / reference.rpartition("/")[2]
    build.remove_unused(images, now=0)
    now = noted.stat().st_mtime
    build.remove_unused((), now=now + KEPT_SECONDS - 1)
    assert reference in build.store.tags()
    build.remove_unused((), now=now + KEPT_SECONDS + 1)
    assert reference not in build.store.tags()


@needs_buildah
def test_what_a_registry_lacks_is_pushed_once(new_build: NewBuild, registry: str, said: list[str]) -> None:
    build = new_build("cache")
    images = build.run(("pause",))
    (pushed,) = build.push(images, registry)
    assert pushed.pushed is not None
    assert pushed.pushed.startswith(f"{registry}/studiolo/pause:")
    assert "@sha256:" in pushed.pushed
    said.clear()
    assert build.push(images, registry) == (pushed,)
    assert said == []


def test_without_a_registry_it_says_so(new_build: NewBuild) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    image = BuiltImage(name="pause", reference="localhost/studiolo/pause:x", was_built=False)
    with pytest.raises(RegistryAway, match=f"127.0.0.1:{port} cannot be reached"):
        new_build("cache").push((image,), f"127.0.0.1:{port}")


def test_an_image_that_is_not_there_is_refused_with_the_nearest_name(new_build: NewBuild) -> None:
    with pytest.raises(UnknownImageError, match=r'There is no image "pythn"\. Perhaps you meant "python"'):
        new_build("cache").plan(("pythn",))


def test_an_ingredient_is_made_once_and_never_half(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(target: Path) -> None:
        calls.append(target)
        target.write_text("half")
        if len(calls) == 1:
            raise OSError("the power went")
        target.write_text("whole")

    ingredient = Ingredient(inputs="0123456789abcdef", make=make)
    with pytest.raises(OSError, match="the power went"):
        made("tools/x", ingredient, tmp_path)
    assert made("tools/x", ingredient, tmp_path).read_text() == "whole"
    assert made("tools/x", ingredient, tmp_path).read_text() == "whole"
    assert len(calls) == 2
    assert [path.name for path in (tmp_path / "ingredients").iterdir()] == ["tools-x-0123456789abcdef"]


def test_a_program_that_fails_is_told_with_its_last_lines() -> None:
    with pytest.raises(StepFailedError, match=r"line 40\nTrying failed with exit code 3"):
        run(["sh", "-c", "for i in $(seq 40); do echo line $i; done; exit 3"], what="Trying")


def test_the_catalog_keeps_what_was_pushed_before(tmp_path: Path) -> None:
    digest = f"sha256:{'c' * 64}"
    write_catalog(tmp_path, {"python": f"x.org/python:1@{digest}"}, checkout=CHECKOUT)
    write_catalog(tmp_path, {"hub": f"x.org/hub:1@{digest}"}, checkout=CHECKOUT)
    assert set(json.loads((tmp_path / "images.json").read_text())) == {"python", "hub"}
    text = (tmp_path / "environments.yaml").read_text()
    assert f"    image: x.org/python:1@{digest}\n" in text
    assert (tmp_path / "hardware.yaml").read_bytes() == (CHECKOUT / "hardware.yaml").read_bytes()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("docker-registry is not installed: sudo apt-get install docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    storage = f"{{filesystem: {{rootdirectory: '{tmp_path / 'registry'}'}}}}"
    settings = tmp_path / "registry.yml"
    settings.write_text(f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'}}\nstorage: {storage}\n")
    with subprocess.Popen([program, "serve", settings], stderr=subprocess.DEVNULL) as process:
        try:
            transport = httpx.HTTPTransport(retries=9)  # half a second, then twice …
            with httpx.Client(transport=transport, trust_env=False, timeout=30) as client:
                client.get(f"http://{host}/v2/").raise_for_status()
            yield host
        finally:
            process.terminate()
