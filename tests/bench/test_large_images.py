"""Images for the benchmarks: made of random bytes on a base that stays where it is, and served by a slow registry."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bench.large_images import LargeImage, LargeImages, chain_ids, digest_of, registry
from bench.node_images import names_of
from tests.fakes.image_registry import image_registry

SIZE = 3_000
FAST = 1e12


@pytest.fixture
def images(tmp_path: Path) -> Iterator[LargeImages]:
    with image_registry("127.0.0.1") as (host, _):
        yield LargeImages(tmp_path / "images", f"{host}/no-program:1@sha256:0")


def content(images: LargeImages, digest: str) -> bytes:
    read = (images.folder / digest).read_bytes()
    assert digest_of(read) == digest
    return read


def test_an_image_has_its_base_s_layers_and_then_its_own(images: LargeImages) -> None:
    layers = images.layers(SIZE)
    image = images.image(layers, mark="one")
    manifest = json.loads(content(images, image.digest))
    config = json.loads(content(images, image.config))
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 2
    assert manifest["layers"][-1]["digest"] == config["rootfs"]["diff_ids"][-1] == image.layers[0]
    with tarfile.open(fileobj=io.BytesIO(content(images, image.layers[0]))) as archive:
        assert [member.size for member in archive.getmembers()] == [SIZE]


def test_another_mark_is_another_digest_of_the_same_layers(images: LargeImages) -> None:
    layers = images.layers(SIZE)
    one, other = images.image(layers, mark="one"), images.image(layers, mark="other")
    assert (one.digest != other.digest, one.config != other.config) == (True, True)
    assert (one.layers, one.chains) == (other.layers, other.chains)


def test_no_two_images_share_random_bytes(images: LargeImages) -> None:
    assert images.layers(SIZE) != images.layers(SIZE)


def test_unpacked_layers_are_called_as_the_specification_says() -> None:
    assert chain_ids(("sha256:a", "sha256:b")) == ("sha256:a", digest_of(b"sha256:a sha256:b"))


async def test_the_registry_has_manifests_and_its_own_layers_and_names_where_the_others_are(
    images: LargeImages,
) -> None:
    image: LargeImage = images.image(images.layers(SIZE), mark="one")
    async with TestClient(TestServer(registry(images.folder, FAST))) as client:
        manifest = await (await client.get(f"/v2/bench/large/manifests/{image.digest}")).read()
        assert digest_of(manifest) == image.digest
        layer = await client.get(f"/v2/bench/large/blobs/{image.layers[0]}")
        assert digest_of(await layer.read()) == image.layers[0]
        below = json.loads(manifest)["layers"][0]["digest"]
        other = await client.get(f"/v2/bench/large/blobs/{below}", allow_redirects=False)
        assert (other.status, other.headers["Location"]) == (307, f"{images.base}/blobs/{below}")
        assert digest_of(await (await client.get(f"/v2/bench/large/blobs/{below}")).read()) == below


async def test_the_registry_has_no_manifest_that_nobody_made(images: LargeImages) -> None:
    async with TestClient(TestServer(registry(images.folder, FAST))) as client:
        assert (await client.get("/v2/bench/large/manifests/sha256:0")).status == 404


def test_what_came_from_a_registry_is_forgotten_under_each_of_its_names() -> None:
    listed = (
        "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
        "10.0.0.1:1/bench/large@sha256:a oci sha256:a 1 MiB linux -\n"
        "10.0.0.1:2/bench/large@sha256:b oci sha256:b 1 MiB linux -\n"
        "sha256:about-a oci sha256:a 1 MiB linux -\n"
        "sha256:about-b oci sha256:b 1 MiB linux -\n"
    )
    assert names_of(listed, "10.0.0.1:1") == ["10.0.0.1:1/bench/large@sha256:a", "sha256:about-a"]
