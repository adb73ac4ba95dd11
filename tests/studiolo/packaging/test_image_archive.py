"""An image that comes as one file is kept whole, or not at all."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.image_archive import keep_archive
from studiolo.packaging.images import MANIFEST, as_bytes, digest_of
from studiolo.packaging.layout_store import LayoutStore

LAYER = b"layer"
MANIFEST_BYTES = as_bytes({"config": {}, "layers": [{"digest": digest_of(LAYER), "size": 5, "mediaType": "x"}]})
INDEX = as_bytes(
    {
        "manifests": [
            {
                "digest": digest_of(MANIFEST_BYTES),
                "mediaType": MANIFEST,
                "annotations": {"org.opencontainers.image.ref.name": "1.0"},
            }
        ]
    }
)


def path_of(content: bytes) -> str:
    return f"blobs/{digest_of(content).replace(':', '/')}"


def archive(*files: tuple[str, bytes]) -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as members:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            members.addfile(info, io.BytesIO(content))
    target.seek(0)
    return target


WHOLE = (("index.json", INDEX), (path_of(MANIFEST_BYTES), MANIFEST_BYTES), (path_of(LAYER), LAYER))


async def test_it_has_its_tag_its_digest_and_its_layers(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path, "models/alice/iris")
    assert await keep_archive(archive(*WHOLE), store) == digest_of(MANIFEST_BYTES)
    assert await store.tags() == ("1.0",)
    assert await store.get(digest_of(LAYER)) == LAYER


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param((*WHOLE[:2], (path_of(LAYER), b"other")), "other bytes", id="a layer with other bytes"),
        pytest.param((WHOLE[0], (path_of(MANIFEST_BYTES), b"{}")), "other bytes", id="a manifest with other bytes"),
        pytest.param((WHOLE[0],), "no image", id="no manifest"),
        pytest.param(WHOLE[1:], "no image", id="no index"),
        pytest.param((("index.json", b"[1]"),), "no image", id="an index that is none"),
    ],
)
async def test_what_is_not_whole_is_named_nowhere(
    tmp_path: Path, files: tuple[tuple[str, bytes], ...], why: str
) -> None:
    store = LayoutStore(tmp_path, "models/alice/iris")
    with pytest.raises(StoreRefused, match=why):
        await keep_archive(archive(*files), store)
    assert await store.tags() == ()


async def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="no image in an archive"):
        await keep_archive(io.BytesIO(b"x" * 2000), LayoutStore(tmp_path, "x"))
