"""What an image says of itself is read whatever it says: it is a package, or it is refused."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studiolo.packaging.attachments import blobs_of
from studiolo.packaging.base_images import fetch_base
from studiolo.packaging.errors import PackagingError, ProjectRefused, StoreError
from studiolo.packaging.images import (
    BASE_DIGEST,
    BASE_NAME,
    CONFIG,
    MANIFEST,
    Base,
    HowItRuns,
    as_bytes,
    blob_of,
    config_of,
    manifest_of,
    read_base,
)
from studiolo.packaging.layout_store import LayoutStore
from studiolo.packaging.moving import NamedBase, named_base
from studiolo.packaging.plan import LABEL
from studiolo.packaging.provenance import attach_moved
from studiolo.packaging.standing import check_base, installed_by, put_on

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
DIGEST = f"sha256:{'a' * 64}"
LAYER = {"digest": DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd"}


async def read(store: LayoutStore, manifest: dict[str, Any], config: Any) -> NamedBase | None:
    described = as_bytes(config if isinstance(config, dict) else {"config": config})
    blob = blob_of(described, CONFIG)
    await store.put(blob, lambda: io.BytesIO(described))
    return await named_base(as_bytes({"config": blob.descriptor(), **manifest}), store)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    layers=ANYTHING | st.lists(st.just(LAYER) | ANYTHING, max_size=3),
    annotations=ANYTHING | st.fixed_dictionaries({BASE_NAME: ANYTHING, BASE_DIGEST: ANYTHING | st.just(DIGEST)}),
    labels=ANYTHING | st.fixed_dictionaries({f"{LABEL}.layers": ANYTHING | st.integers(-2, 5).map(str)}),
    more=st.dictionaries(st.sampled_from(["config", "mediaType"]), ANYTHING, max_size=1),
)
def test_whatever_a_manifest_says_is_taken_or_refused(
    tmp_path: Path, layers: Any, annotations: Any, labels: Any, more: Any
) -> None:
    manifest = {"mediaType": MANIFEST, "layers": layers, "annotations": annotations, **more}
    try:
        found = asyncio.run(read(LayoutStore(tmp_path, "x"), manifest, {"config": {"Labels": labels}}))
    except StoreError:
        return
    assert found is None or (found.name and found.digest and len(found.digests) <= len(layers))


async def test_what_lies_above_the_label_s_count_is_the_package_s_own(tmp_path: Path) -> None:
    below, own = LAYER, {**LAYER, "digest": f"sha256:{'b' * 64}"}
    annotations = {BASE_NAME: "host.example/python@" + DIGEST, BASE_DIGEST: DIGEST}
    labels = {"config": {"Labels": {f"{LABEL}.layers": "1"}}}
    found = await read(LayoutStore(tmp_path, "x"), {"layers": [below, own], "annotations": annotations}, labels)
    assert found == NamedBase(name=annotations[BASE_NAME], digest=DIGEST, digests=frozenset({DIGEST}))


CONFIGURATION = st.fixed_dictionaries(
    {"rootfs": ANYTHING | st.just({"diff_ids": [DIGEST]})},
    optional={
        "os": ANYTHING,
        "architecture": ANYTHING,
        "variant": ANYTHING,
        "config": ANYTHING
        | st.fixed_dictionaries(
            {}, optional={"Env": ANYTHING | st.lists(st.text(max_size=9)), "Labels": ANYTHING, "User": ANYTHING}
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(layers=ANYTHING | st.just([LAYER]), configuration=ANYTHING | CONFIGURATION)
def test_whatever_a_base_says_of_itself_another_stands_on_it_or_it_is_refused(layers: Any, configuration: Any) -> None:
    runs = HowItRuns(entrypoint=("python3",), working_dir="/")
    try:
        base = read_base(as_bytes({"layers": layers}), json.dumps(configuration).encode(), digest=DIGEST)
        check_base(base, python="3.11.2", machine="linux-x86_64")
    except PackagingError:
        return
    assert json.loads(config_of(base, [], runs))["rootfs"]["diff_ids"] == [DIGEST] * len(base.layers)
    assert json.loads(manifest_of(base, [], b"{}"))["layers"] == [layer.descriptor() for layer in base.layers]


@given(manifest=ANYTHING | st.fixed_dictionaries({"layers": ANYTHING, "config": ANYTHING}))
def test_whatever_a_manifest_names_is_read_as_what_it_has_of_blobs(manifest: Any) -> None:
    assert all(blob.digest is not None for blob in blobs_of(json.dumps(manifest).encode()))


@pytest.mark.parametrize("content", [b"[]", b"{", b"null", b'{"config": 3}', b'{"config": {"digest": 1}}', b"\xff"])
async def test_a_base_whose_manifest_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    store = LayoutStore(tmp_path, "z")
    digest = await store.put_manifest(content, media_type=MANIFEST)
    with pytest.raises(StoreError, match="is no image that another can stand on"):
        await fetch_base(store, digest, name="python")


def base_of(*env: str, os: str = "linux", architecture: str = "amd64") -> Base:
    return Base(digest=DIGEST, name="python", config={"os": os, "architecture": architecture, "config": {"Env": env}})


@pytest.mark.parametrize(
    ("base", "python", "machine", "why"),
    [
        pytest.param(base_of("PYTHON_VERSION=3.12.1"), "3.11.9", "linux-x86_64", "has Python 3.12.1", id="python"),
        pytest.param(base_of(architecture="arm64"), "3.11.9", "linux-x86_64", "is for linux/arm64", id="processor"),
        pytest.param(base_of(), "3.11.9", "darwin-arm64", "made for darwin/arm64", id="system"),
    ],
)
def test_an_image_for_something_else_is_refused(base: Base, python: str, machine: str, why: str) -> None:
    with pytest.raises(ProjectRefused, match=why):
        check_base(base, python=python, machine=machine)


@pytest.mark.parametrize(
    ("base", "python", "machine"),
    [
        pytest.param(base_of("PYTHON_VERSION=3.11.4"), "3.11.9", "linux-x86_64", id="another patch"),
        pytest.param(base_of("PYTHON_VERSION=3.11.4", architecture="arm64"), "3.11.9", "linux-aarch64", id="arm"),
    ],
)
def test_an_image_with_the_same_python_is_taken(base: Base, python: str, machine: str) -> None:
    assert check_base(base, python=python, machine=machine) == ()


def test_a_package_without_a_record_is_put_on_a_base_with_a_warning() -> None:
    assert "Nobody knows for which Python" in put_on(base_of("PYTHON_VERSION=3.11.4"), {})[0]


def test_what_a_package_takes_from_below_is_said_when_it_is_put_on_a_base() -> None:
    made = {"python": "3.11.2", "machine": "linux-x86_64", "has": ["numpy==2.3.1", "pandas==2.3.0"]}
    (said,) = put_on(base_of("PYTHON_VERSION=3.11.4"), {"base": made})
    assert said == "The Python that it was made on had numpy==2.3.1 and pandas==2.3.0. python has to have that, too."


def test_a_lock_of_an_environment_says_what_it_has_here() -> None:
    zeros = f"--hash=sha256:{'0' * 64}"
    lock = f"Six==1.17.0 {zeros}\ncolorama==0.4 ; sys_platform == 'win32' {zeros}\n"
    assert dict(installed_by("python.lock", lock).versions) == {"six": "1.17.0"}
    with pytest.raises(ProjectRefused, match="is an option"):
        installed_by("python.lock", "--index-url http://x/\n")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(said=st.lists(st.fixed_dictionaries({"_type": ANYTHING}, optional={"predicate": ANYTHING}), max_size=2))
def test_whatever_was_said_of_an_image_ends_no_move(tmp_path: Path, said: list[dict[str, Any]]) -> None:
    async def move() -> None:
        store = LayoutStore(tmp_path, "y")
        digest = await store.put_manifest(as_bytes({"layers": []}), media_type=MANIFEST)
        await attach_moved(
            store, digest, [{**one, "subject": [{"digest": {"sha256": "0"}}]} for one in said], base_of()
        )

    asyncio.run(move())
