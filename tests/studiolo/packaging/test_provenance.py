"""What is said beside an image: where it comes from, in whatever keeps it, and wherever it goes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.packaging.assemble import copy_image
from studiolo.packaging.attachments import fallback_tag, is_fallback_tag, listed_in, with_listed
from studiolo.packaging.errors import StoreAway, StoreRefused
from studiolo.packaging.images import MANIFEST, as_bytes, blob_of, digest_of
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.provenance import STATEMENT, Origin, attach, statement_of, statements_of
from studiolo.packaging.registry_store import RegistryPlace, RegistryStore
from tests.fakes.registry import FakeRegistry, Oddities
from tests.real_registry import RealRegistry
from tests.studiolo.packaging.conftest import put_base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from studiolo.packaging.stores import Store

ORIGIN = Origin(
    repository="models/alice/iris",
    version="3f2a",
    by="alice",
    made="2026-11-27T02:00:00+00:00",
    builder="urn:studiolo:services",
    source="iris.ipynb",
    source_sha256="1" * 64,
    tree_sha256="2" * 64,
    environment="python",
    base_name="registry.example.org/studiolo/python",
    base_digest="sha256:" + "3" * 64,
    lock_sha256="4" * 64,
    commit="5" * 40,
    diff_sha256="6" * 64,
    contract={"methods": ["train"]},
    cells_kept=(1, 3),
    cells_left=(2,),
    overridden=("iris.ipynb:4",),
)


@pytest.fixture(params=["layout", "real registry", "registry that lists", "registry that does not list"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[str], Store]]:
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
                yield lambda repository: keep(RegistryStore(place, repository))
        case listing:
            fake = FakeRegistry(Oddities(referrers=listing == "registry that lists"))
            yield lambda repository: keep(on(fake, repository))
    for store in opened:
        await store.close()


def on(fake: FakeRegistry, repository: str = "models/alice/iris") -> RegistryStore:
    async def no_pause(_: float) -> None:
        pass

    place = RegistryPlace(host=fake.host, credentials=lambda _: None)
    return RegistryStore(place, repository, transport=fake.transport, pause=no_pause)


# --- What is said ---


def test_a_statement_is_in_toto_s_about_the_image_and_names_all_that_it_was_made_from() -> None:
    said = json.loads(statement_of(ORIGIN, "sha256:" + "a" * 64))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["subject"] == [{"name": "models/alice/iris", "digest": {"sha256": "a" * 64}}]
    definition = said["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {
        "repository": "models/alice/iris",
        "source": "iris.ipynb",
        "version": "3f2a",
        "environment": "python",
    }
    assert definition["internalParameters"] == {
        "by": "alice",
        "contract": {"methods": ["train"]},
        "cells": {"kept": [1, 3], "left": [2]},
        "overriddenSecrets": ["iris.ipynb:4"],
    }
    assert {part["name"]: part["digest"] for part in definition["resolvedDependencies"]} == {
        "source": {"sha256": "1" * 64},
        "files": {"studioloTree": "2" * 64},
        "base": {"sha256": "3" * 64},
        "lock": {"sha256": "4" * 64},
        "commit": {"gitCommit": "5" * 40},
        "uncommitted": {"sha256": "6" * 64},
    }
    assert said["predicate"]["runDetails"]["metadata"] == {"finishedOn": "2026-11-27T02:00:00+00:00"}


def test_what_is_not_known_is_not_said() -> None:
    little = replace(ORIGIN, base_digest="", base_name="", lock_sha256="", commit="", diff_sha256="", environment="")
    definition = json.loads(statement_of(little, "sha256:" + "a" * 64))["predicate"]["buildDefinition"]
    assert [part["name"] for part in definition["resolvedDependencies"]] == ["source", "files"]
    assert "environment" not in definition["externalParameters"]


def test_the_same_record_says_the_same_bytes() -> None:
    digest = "sha256:" + "a" * 64
    assert statement_of(ORIGIN, digest) == statement_of(replace(ORIGIN), digest)


# --- Where it is kept ---


async def test_what_is_said_of_an_image_is_found_beside_it_and_its_digest_stays(
    stores: Callable[[str], Store],
) -> None:
    store = stores("models/alice/iris")
    image = await put_base(store)
    assert await statements_of(store, image.digest) == ()
    await attach(store, image.digest, ORIGIN)
    (said,) = await statements_of(store, image.digest)
    assert said == json.loads(statement_of(ORIGIN, image.digest))
    found = await store.manifest("1")
    assert found is not None
    assert found.digest == image.digest


async def test_it_is_said_once_for_each_version_whenever_that_was(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    image = await put_base(store)
    for origin in (ORIGIN, replace(ORIGIN, made="2027-01-01T00:00:00+00:00"), replace(ORIGIN, version="second")):
        await attach(store, image.digest, origin)
    said = await statements_of(store, image.digest)
    versions = [one["predicate"]["buildDefinition"]["externalParameters"]["version"] for one in said]
    assert sorted(versions) == ["3f2a", "second"]


async def test_nothing_of_it_is_a_version(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    image = await put_base(store)
    await attach(store, image.digest, ORIGIN)
    assert await store.tags() == ("1",)


async def test_it_goes_with_its_image_and_that_of_others_stays(stores: Callable[[str], Store]) -> None:
    store = stores("models/alice/iris")
    image, other = await put_base(store), await put_base(store, layers=1, tag="2")
    await attach(store, image.digest, ORIGIN)
    await attach(store, other.digest, ORIGIN)
    (said,) = await store.attached(image.digest)
    await store.delete(image.digest)
    assert await store.attached(image.digest) == ()
    assert await store.manifest(said.digest) is None
    assert len(await statements_of(store, other.digest)) == 1
    assert await store.tags() == ("2",)


async def test_it_travels_with_its_image_and_a_second_time_nothing_comes_of_it(
    stores: Callable[[str], Store], tmp_path: Path
) -> None:
    here, there = LayoutStore(tmp_path / "mine", "models/alice/iris"), stores("models/vision/iris")
    image = await put_base(here)
    await attach(here, image.digest, ORIGIN)
    for _ in range(2):
        assert await copy_image("1", here, there, tag="1") == image.digest
        assert await statements_of(there, image.digest) == await statements_of(here, image.digest)
        assert len(await there.attached(image.digest)) == 1


async def test_of_an_image_that_is_not_there_nothing_is_said(stores: Callable[[str], Store]) -> None:
    with pytest.raises(StoreRefused, match="There is no image"):
        await attach(stores("models/alice/iris"), "sha256:" + "a" * 64, ORIGIN)


@pytest.mark.parametrize("request_number", range(1, 7))
async def test_a_registry_that_goes_away_in_the_middle_costs_another_try_and_nothing_else(request_number: int) -> None:
    fake = FakeRegistry()
    image = await put_base(on(fake))
    written = 0

    def breaks(request: httpx.Request) -> httpx.Response:
        nonlocal written
        written += request.method in {"POST", "PUT", "PATCH"}
        if written >= request_number:
            raise httpx.ConnectError("gone")
        return fake.transport.handle_request(request)

    broken = on(fake)
    broken._http = httpx.AsyncClient(transport=httpx.MockTransport(breaks))
    with pytest.raises(StoreAway):
        await attach(broken, image.digest, ORIGIN)
    assert await on(fake).tags() == ("1",)
    await attach(on(fake), image.digest, ORIGIN)
    assert len(await statements_of(on(fake), image.digest)) == 1


# --- What others put there ---


async def test_what_is_no_statement_about_this_image_is_left_out(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path, "models/alice/iris")
    image = await put_base(store)
    other = statement_of(ORIGIN, "sha256:" + "b" * 64)
    for content, kind in ((other, STATEMENT), (b"[" * 100_000, STATEMENT), (b"{}", "application/spdx+json")):
        digest = digest_of(content)
        await store.put(blob_of(content, STATEMENT), lambda content=content: io.BytesIO(content))  # type: ignore[misc]  # a lambda with a default
        manifest = {
            "mediaType": MANIFEST,
            "artifactType": kind,
            "layers": [{"digest": digest, "size": len(content), "mediaType": kind}],
            "subject": {"digest": image.digest},
        }
        await store.attach(as_bytes(manifest), subject=image.digest)
    assert len(await store.attached(image.digest)) == 3
    assert await statements_of(store, image.digest) == ()


async def test_a_list_that_is_none_lists_nothing() -> None:
    fake = FakeRegistry(Oddities(referrers=True))
    image = await put_base(on(fake))
    for content in (b"", b"[]", b'{"manifests": 7}', b'{"manifests": [7, {}, {"digest": "latest"}]}'):
        fake.referrers_for_test = content
        assert await on(fake).attached(image.digest) == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_read_as_a_list_or_as_none(content: Any) -> None:
    for value in (content, {"manifests": content}, {"manifests": [content]}, {"manifests": [{"digest": content}]}):
        index = json.dumps(value).encode()
        assert all(digest.startswith("sha256:") for digest in listed_in(index))
        one = as_bytes({"subject": {"digest": "sha256:" + "a" * 64}})
        assert digest_of(one) in listed_in(with_listed(index, one))


def test_only_the_whole_form_is_a_tag_for_lists() -> None:
    assert is_fallback_tag(fallback_tag("sha256:" + "a" * 64))
    for version in ("sha256-" + "a" * 63, "sha256-" + "a" * 64 + "-2", "x-sha256-" + "a" * 64, "1.0"):
        assert not is_fallback_tag(version)
