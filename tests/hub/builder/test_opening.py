"""What is given of a package to whoever opens it as a workspace: its files, and what it stands on."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from hub.builder.model_package import Lineage, ModelPackage
from hub.builder.opening import project_of
from hub.credentials.credential import Owner
from hub.keys import Keys
from hub.settings import Settings
from studiolo.client import NotAllowed, NotFound, Studiolo
from studiolo.packaging.errors import StoreRefused
from studiolo.packaging.images import CONFIG, MANIFEST, Blob, as_bytes
from studiolo.packaging.layers import Compression, LayerFile, write_layer
from studiolo.packaging.layout_store import LayoutStore
from tests.hub.builder.conftest import client_of, files_of, wanted

ZSTD = Compression.ZSTD.media_type


@pytest.fixture
async def alice(services: httpx.AsyncClient, fake_hub: Any, settings: Settings) -> AsyncIterator[Studiolo]:
    async with client_of(settings.services.url, fake_hub.knows_for_test("alice")) as client:
        yield client


@pytest.fixture
async def bob(services: httpx.AsyncClient, fake_hub: Any, settings: Settings) -> AsyncIterator[Studiolo]:
    async with client_of(settings.services.url, fake_hub.knows_for_test("bob")) as client:
        yield client


@pytest.fixture
async def hub(services: httpx.AsyncClient, keys: Keys, settings: Settings) -> AsyncIterator[Studiolo]:
    async with Studiolo(settings.services.url, keys.hub_token) as client:
        yield client


async def files(client: Studiolo, version: str, *, team: str = "") -> dict[str, bytes]:
    saved = io.BytesIO()
    size = await client.save_model_files("iris", version, saved, team=team)
    assert size == len(saved.getvalue())
    return read(saved)


def read(archive: io.BytesIO) -> dict[str, bytes]:
    archive.seek(0)
    with tarfile.open(fileobj=archive) as opened:
        members = opened.getmembers()
        assert all(member.isreg() for member in members)
        return {member.name: opened.extractfile(member).read() for member in members}  # type: ignore[union-attr]


async def test_the_files_are_those_that_went_in_without_outputs_and_nothing_of_ours(
    alice: Studiolo, folder: Path
) -> None:
    (folder / ("deep/" * 20)).mkdir(parents=True)
    (folder / ("deep/" * 20) / "größe.txt").write_text("long")
    made = await alice.package_model(wanted(), files_of(folder))
    found = await files(alice, made.version)
    assert sorted(found) == ["deep/" * 20 + "größe.txt", "features/scale.py", "iris.ipynb", "rows.csv"]
    assert found["rows.csv"] == b"a,b\n1,2\n"
    assert [cell["outputs"] for cell in json.loads(found["iris.ipynb"])["cells"]] == [[], []]


async def test_nobody_else_gets_them_and_nobody_learns_that_there_are_any(
    alice: Studiolo, bob: Studiolo, hub: Studiolo, folder: Path, fake_hub: Any
) -> None:
    made = await alice.package_model(wanted(), files_of(folder))
    with pytest.raises(NotFound) as of_hers:
        await files(bob, made.version)
    with pytest.raises(NotFound) as of_none:
        await bob.save_model_files("rose", made.version, io.BytesIO())
    assert str(of_hers.value) == str(of_none.value).replace("rose", "iris")
    fake_hub.team_for_test("vision", "alice")
    await alice.package_model(wanted(team="vision"), files_of(folder))
    assert "iris.ipynb" in await files(alice, made.version, team="vision")
    with pytest.raises(NotFound):
        await files(bob, made.version, team="vision")


async def test_the_hub_learns_what_a_package_stands_on_and_nobody_else_may_ask(
    alice: Studiolo, hub: Studiolo, folder: Path, fake_hub: Any
) -> None:
    made = await alice.package_model(wanted(version="1.0"), files_of(folder))
    origin = await hub.package_origin("alice", "iris", "1.0")
    assert (origin.digest, origin.environment, origin.source) == (made.digest, "python", "iris.ipynb")
    assert len(origin.environment_sha256) == 64
    assert not origin.has_lock
    for asking in (
        hub.package_origin("bob", "iris", "1.0"),
        hub.package_origin("alice", "iris", "2.0"),
        hub.package_origin("alice", "iris", "1.0", team="vision"),
    ):
        with pytest.raises(NotFound):
            await asking
    with pytest.raises(NotAllowed):
        await alice.package_origin("alice", "iris", "1.0")


async def test_a_package_whose_image_is_gone_says_so(alice: Studiolo, folder: Path, settings: Settings) -> None:
    made = await alice.package_model(wanted(), files_of(folder))
    await LayoutStore(settings.data.models, "models/alice/iris").delete(made.digest)
    with pytest.raises(Exception, match="not where it was kept"):
        await files(alice, made.version)


# Of layers that nobody of ours has written


def package(digest: str) -> ModelPackage:
    return ModelPackage(
        owner=Owner.person("alice"),
        name="iris",
        version="1.0",
        digest=digest,
        place="models/alice/iris",
        by="alice",
        made=datetime(2026, 11, 27, tzinfo=UTC),
        lineage=Lineage(source="iris.ipynb", source_sha256="", tree_sha256="", environment="python"),
        contract={},
    )


async def keep(store: LayoutStore, content: bytes, media_type: str) -> Blob:
    blob = Blob(digest=f"sha256:{hashlib.sha256(content).hexdigest()}", size=len(content), media_type=media_type)
    await store.put(blob, lambda: io.BytesIO(content))
    return blob


async def image(store: LayoutStore, layer: bytes, media_type: str) -> ModelPackage:
    config = await keep(store, as_bytes({"config": {"Labels": {"dev.studiolo.model.layers": "1"}}}), CONFIG)
    kept = await keep(store, layer, media_type)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": [kept.descriptor()]}
    return package(await store.put_manifest(as_bytes(manifest), media_type=MANIFEST))


def hostile(members: Iterable[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return zstandard.ZstdCompressor().compress(made.getvalue())


async def opened(found: ModelPackage, store: LayoutStore, most: int = 2**20) -> dict[str, bytes]:
    async with project_of(found, store, most_bytes=most) as archive:
        return read(io.BytesIO(b"".join([piece async for piece in archive.pieces()])))


@pytest.mark.parametrize("compression", list(Compression))
async def test_both_kinds_of_layers_are_read(tmp_path: Path, compression: Compression) -> None:
    store, layer = LayoutStore(tmp_path, "x"), io.BytesIO()
    of_the_model = LayerFile(path="opt/studiolo/model/a.txt", size=1, read=lambda: b"a")
    of_ours = LayerFile(path="opt/studiolo/entry/contract.json", size=2, read=lambda: b"{}")
    write_layer((of_the_model, of_ours), layer, compression=compression)
    assert await opened(await image(store, layer.getvalue(), compression.media_type), store) == {"a.txt": b"a"}


async def test_links_and_what_lies_elsewhere_are_left_out(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path, "x")
    layer = hostile(
        (
            ("opt/studiolo/model/link", tarfile.SYMTYPE),
            ("opt/studiolo/model/hard", tarfile.LNKTYPE),
            ("etc/passwd", tarfile.REGTYPE),
            ("opt/studiolo/model/fine", tarfile.REGTYPE),
        )
    )
    assert await opened(await image(store, layer, ZSTD), store) == {"fine": b""}


@pytest.mark.parametrize(
    ("layer", "media_type", "words"),
    [
        (b"no archive", ZSTD, "cannot be read"),
        (zstandard.ZstdCompressor().compress(b"x" * 4096), ZSTD, "cannot be read"),
        (b"no gzip", Compression.GZIP.media_type, "cannot be read"),
        (b"", "application/x-other", "none of ours"),
    ],
)
async def test_a_layer_that_is_none_is_refused(tmp_path: Path, layer: bytes, media_type: str, words: str) -> None:
    store = LayoutStore(tmp_path, "x")
    with pytest.raises(StoreRefused, match=words):
        await opened(await image(store, layer, media_type), store)


async def test_no_more_is_unpacked_than_a_package_may_have(tmp_path: Path) -> None:
    store, layer = LayoutStore(tmp_path, "x"), io.BytesIO()
    large = LayerFile(path="opt/studiolo/model/large", size=5000, read=lambda: b"x" * 5000)
    write_layer((large,), layer, compression=Compression.ZSTD)
    found = await image(store, layer.getvalue(), ZSTD)
    assert list(await opened(found, store, 5000)) == ["large"]
    with pytest.raises(StoreRefused, match="more than any model"):
        await opened(found, store, 4999)
