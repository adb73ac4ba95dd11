"""A registry and a folder do the same with images: asked of both, and of the fake that other tests use."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import httpx
import pytest

from studiolo.packaging.errors import StoreAway, StoreConflict, StoreRefused
from studiolo.packaging.images import CONFIG, MANIFEST, as_bytes, blob_of
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.fakes.registry import FakeRegistry, Oddities
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from studiolo.packaging.images import Blob
    from studiolo.packaging.stores import Store

Stores = "Callable[[str], Store]"


@pytest.fixture(params=["layout", "real registry", "fake registry"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[str], Store]]:
    """One place with as many repositories as a test asks for."""
    opened: list[Store] = []

    def keep(store: Store) -> Store:
        opened.append(store)
        return store

    match request.param:
        case "layout":
            yield lambda repository: keep(LayoutStore(tmp_path / "images", repository))
        case "real registry":
            with RealRegistry(tmp_path) as real:
                place = RegistryPlace(host=real.host, allow_http=True)
                yield lambda repository: keep(RegistryStore(place, repository, chunk_bytes=100_000))
        case _:
            fake = FakeRegistry()
            yield lambda repository: keep(fake_store(fake, repository))
    for store in opened:
        await store.close()


def fake_store(
    fake: FakeRegistry, repository: str = "models/alice/iris", *, chunk_bytes: int = 100_000
) -> RegistryStore:
    async def no_pause(_: float) -> None:
        pauses.append(_)

    pauses: list[float] = []
    store = RegistryStore(
        RegistryPlace(host=fake.host, credentials=lambda _: None),
        repository,
        transport=fake.transport,
        chunk_bytes=chunk_bytes,
        pause=no_pause,
    )
    store.pauses = pauses  # type: ignore[attr-defined]  # what a test looks at
    return store


def blob(content: bytes) -> tuple[Blob, Callable[[], io.BytesIO]]:
    return blob_of(content, CONFIG), lambda: io.BytesIO(content)


async def test_what_is_put_is_there_and_is_sent_once(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    one, opened = blob(b"a" * 350_000)
    assert not await store.has(one)
    assert await store.put(one, opened) == one.size
    assert await store.has(one)
    assert await store.put(one, opened) == 0
    assert await store.get(one.digest) == b"a" * 350_000
    assert b"".join([piece async for piece in store.read(one.digest)]) == b"a" * 350_000


async def test_a_layer_of_another_repository_is_mounted_without_its_bytes(stores: Callable[[str], Store]) -> None:
    one, opened = blob(b"base")
    await stores("studiolo/python").put(one, opened)
    store = stores("models/alice/iris")
    assert await store.mount(one, source="studiolo/python")
    assert await store.has(one)
    absent, _ = blob(b"nowhere")
    assert not await store.mount(absent, source="studiolo/python")


async def test_a_manifest_is_found_by_its_tag_and_by_its_digest(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    assert await store.manifest("1") is None
    assert await store.tags() == ()
    base = await put_base(store)
    by_tag, by_digest = await store.manifest("1"), await store.manifest(base.digest)
    assert by_tag == by_digest
    assert by_tag is not None
    assert by_tag.media_type == MANIFEST
    assert await store.tags() == ("1",)


async def test_a_tag_is_written_once(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    base = await put_base(store)
    assert (await put_base(store)).digest == base.digest
    with pytest.raises(StoreConflict, match="is there already, with other content"):
        await put_base(store, layers=1)
    assert (await put_base(store, layers=1, tag="2")).digest != base.digest
    assert await store.tags() == ("1", "2")


async def test_a_tag_that_is_said_to_be_replaced_names_the_other_image_and_no_other_tag_does(
    stores: Callable[[str], Store],
) -> None:
    store = stores("models/alice/iris")
    first, second = await put_base(store), await put_base(store, layers=1, tag="2")
    found = await store.manifest(second.digest)
    assert found is not None
    await store.put_manifest(found.content, media_type=MANIFEST, tag="1", replaces=True)
    await store.put_manifest(found.content, media_type=MANIFEST, tag="1", replaces=True)
    assert await store.manifest("1") == found
    assert await store.tags() == ("1", "2")
    assert first.digest != second.digest


async def test_a_manifest_that_is_deleted_is_gone_and_the_others_stay(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    base = await put_base(store)
    other = await put_base(store, layers=1, tag="2")
    await store.delete(base.digest)
    assert await store.manifest("1") is None
    found = await store.manifest("2")
    assert found is not None
    assert await store.has(other.layers[0])


async def test_what_is_no_digest_is_asked_of_nobody(stores: Callable[[str], Store]) -> None:
    with pytest.raises(StoreRefused, match="is no digest"):
        await stores("models/alice/iris").get("../../etc/passwd")


# --- What only folders do ---


async def test_a_blob_in_a_folder_that_was_damaged_is_said_to_be(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path, "a")
    one, opened = blob(b"abc")
    await store.put(one, opened)
    path = tmp_path / "a" / "blobs" / "sha256" / one.digest.removeprefix("sha256:")
    path.write_bytes(b"xyz")
    with pytest.raises(StoreRefused, match="is damaged"):
        await store.get(one.digest)


async def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file is in the way")
    one, opened = blob(b"abc")
    with pytest.raises((StoreAway, OSError)):
        await LayoutStore(tmp_path, "a").put(one, opened)


async def test_half_a_blob_is_never_seen(tmp_path: Path) -> None:
    def broken() -> io.BytesIO:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise ValueError("the disk it came from is gone")

        return Broken()

    one, _ = blob(b"abc")
    store = LayoutStore(tmp_path, "a")
    with pytest.raises(ValueError, match="gone"):
        await store.put(one, broken)
    assert not await store.has(one)
    assert not list((tmp_path / "a" / "blobs" / "sha256").iterdir())


# --- Odd answers of registries (facts: distribution specification, and what real ones do) ---


async def test_a_mount_that_is_refused_begins_no_upload_that_stays() -> None:
    fake = FakeRegistry(Oddities(mounts=False))
    fake.add_blob_for_test("studiolo/python", b"base")
    one, _ = blob(b"base")
    assert not await fake_store(fake).mount(one, source="studiolo/python")
    assert fake.uploads == {}


ODD: dict[str, Oddities] = {
    "relative locations": Oddities(relative_locations=True),
    "pieces without ranges": Oddities(ranges=False),
    "busy three times": Oddities(busy=3),
    "the answer to a piece is lost": Oddities(lose_answers_to={"PATCH"}),
    "the last answer is lost": Oddities(lose_answers_to={"PUT"}),
    "the first answer is lost": Oddities(lose_answers_to={"POST"}),
    "pieces arrive by half": Oddities(drop_pieces=3),
    "the upload is forgotten": Oddities(forgets_uploads_after=2),
    "a token is wanted": Oddities(token="t"),
}


@pytest.mark.parametrize("case", ODD, ids=str)
async def test_an_image_arrives_whole_in_spite_of(case: str) -> None:
    odd = ODD[case]
    fake = FakeRegistry(Oddities(**{**vars(odd), "lose_answers_to": set(odd.lose_answers_to)}))
    store = fake_store(fake)
    content = bytes(range(256)) * 1500
    one, opened = blob(content)
    await store.put(one, opened)
    assert fake.content[one.digest] == content
    base = await put_base(store)
    assert (await store.manifest("1")) == (await store.manifest(base.digest))


async def test_a_registry_that_says_how_long_to_wait_is_left_alone_for_so_long() -> None:
    store = fake_store(FakeRegistry(Oddities(busy=2)))
    await store.has(blob(b"a")[0])
    assert store.pauses == [3.0, 3.0]  # type: ignore[attr-defined]  # see fake_store


async def test_a_mount_asks_for_both_rights_in_one_token() -> None:
    fake = FakeRegistry(Oddities(token="t"))
    fake.add_blob_for_test("studiolo/python", b"base")
    assert await fake_store(fake).mount(blob(b"base")[0], source="studiolo/python")
    assert fake.scopes == [
        ("repository:models/alice/iris:pull,push,delete", "repository:studiolo/python:pull"),
    ]


async def test_a_registry_that_gives_another_manifest_back_is_not_believed() -> None:
    store = fake_store(FakeRegistry(Oddities(other_manifest_back=True)))
    with pytest.raises(StoreAway, match="gives another one back"):
        await put_base(store)


async def test_uploads_never_go_to_another_host() -> None:
    store = fake_store(FakeRegistry(Oddities(sends_uploads_to="evil.example.com")))
    one, opened = blob(b"secret")
    with pytest.raises(StoreRefused, match=r"evil\.example\.com, which is another host"):
        await store.put(one, opened)


async def test_a_registry_that_is_always_busy_is_given_up() -> None:
    fake = FakeRegistry(Oddities(busy=1000))
    with pytest.raises(StoreAway, match="too many questions"):
        await fake_store(fake).has(blob(b"a")[0])
    assert len(fake.requests) == 5


async def test_nobody_there_is_said_so() -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    async def no_pause(_: float) -> None: ...

    place = RegistryPlace(host="x.example.org", credentials=lambda _: None)
    store = RegistryStore(place, "a", transport=httpx.MockTransport(nobody), pause=no_pause)
    with pytest.raises(StoreAway, match=r"The registry x\.example\.org does not answer"):
        await store.has(blob(b"a")[0])


ANSWERS = [
    (403, StoreRefused, "does not let us"),
    (413, StoreRefused, "no room"),
    (418, StoreAway, "answered 418"),
]


@pytest.mark.parametrize(("status", "kind", "sentence"), ANSWERS, ids=[str(status) for status, *_ in ANSWERS])
async def test_each_refusal_has_its_sentence(status: int, kind: type[Exception], sentence: str) -> None:
    place = RegistryPlace(host="x.example.org", credentials=lambda _: None)
    store = RegistryStore(place, "a", transport=httpx.MockTransport(lambda _: httpx.Response(status)))
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: store.has(blob(b"a")[0]),
        lambda: store.manifest("1"),
        lambda: store.put_manifest(as_bytes({}), media_type=MANIFEST),
        lambda: store.delete(blob(b"a")[0].digest),
    ]
    for ask in asked:
        with pytest.raises(kind, match=sentence):
            await ask()
