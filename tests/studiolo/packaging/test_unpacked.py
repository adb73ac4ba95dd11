"""A package is laid out as our writer wrote it; a layer that holds anything else ends it, and nothing is left."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from studiolo.packaging.assemble import ReadyLayer, assemble
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import Base, digest_of
from studiolo.packaging.layers import Layer
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.runner_layer import runner_layer
from studiolo.packaging.unpacked import unpack
from tests.studiolo.packaging.conftest import put_base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from studiolo.packaging.plan import Plan


async def test_what_is_laid_out_is_the_packages_own_and_not_the_bases(
    folder: Path, tmp_path: Path, plan_of: Callable[[Path], Plan]
) -> None:
    store = LayoutStore(tmp_path / "images", "models/alice/iris")
    base = await put_base(LayoutStore(tmp_path / "images", "base"))
    done = await assemble(plan_of(folder), store, base, tag="1", below=[runner_layer()], base_repository="base")
    place = await unpack(store, done.digest, folder=tmp_path / "runs")
    files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert {"entry/contract.json", "entry/model.py", "model/rows.csv", "runner/run.py"} <= files
    assert not any(name.startswith("usr") for name in files)
    assert await unpack(store, done.digest, folder=tmp_path / "runs") == place


def hostile(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "") -> ReadyLayer:
    """A layer that none of ours would be."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info, io.BytesIO())
    content = zstandard.ZstdCompressor().compress(plain.getvalue())
    layer = Layer(
        digest=digest_of(content),
        size=len(content),
        diff_id=digest_of(plain.getvalue()),
        media_type="application/vnd.oci.image.layer.v1.tar+zstd",
    )
    return ReadyLayer(layer=layer, opened=lambda: io.BytesIO(content))


LAYERS = {
    "a path to elsewhere": hostile("../../etc/cron.d/x"),
    "a path from the root": hostile("/etc/passwd"),
    "another folder of the image": hostile("usr/bin/python3"),
    "a way out below": hostile("opt/studiolo/model/../../../x"),
    "a link": hostile("opt/studiolo/model/x", kind=tarfile.SYMTYPE, target="/etc"),
    "a hard link": hostile("opt/studiolo/model/x", kind=tarfile.LNKTYPE, target="/etc/passwd"),
    "a device": hostile("opt/studiolo/model/x", kind=tarfile.CHRTYPE),
    "a pipe": hostile("opt/studiolo/model/x", kind=tarfile.FIFOTYPE),
    "a whiteout": hostile("opt/studiolo/runner/.wh.run.py"),
}


@pytest.mark.parametrize("case", LAYERS, ids=str)
async def test_a_layer_that_is_none_of_ours_ends_it(
    folder: Path, tmp_path: Path, plan_of: Callable[[Path], Plan], case: str
) -> None:
    store = LayoutStore(tmp_path / "images", "models/alice/iris")
    done = await assemble(plan_of(folder), store, Base(digest=""), tag="1", below=[LAYERS[case]])
    with pytest.raises(StoreRefused, match="package"):
        await unpack(store, done.digest, folder=tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


async def test_an_image_that_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "images", "base")
    base = await put_base(store)
    with pytest.raises(StoreRefused, match="is no packaged model"):
        await unpack(store, base.digest, folder=tmp_path / "runs")
