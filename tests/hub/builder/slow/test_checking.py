"""What a builder pushed is a stranger's word: the base and one layer more, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builder.slow.checking import check_result, config_digest, more_bytes_of
from studiolo.packaging.errors import StoreError, StoreRefused
from studiolo.packaging.images import CONFIG, MANIFEST, Base, digest_of, read_base
from studiolo.packaging.stores import Manifest

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
Json = dict[str, Any]


def layer(letter: str, size: int = 1000) -> Json:
    return {"mediaType": LAYER, "digest": f"sha256:{letter * 64}", "size": size}


def config(*letters: str, **more: Any) -> Json:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": "1000", "Env": ["PATH=/usr/bin", "LANG=C"], "Entrypoint": ["tini"], "Labels": {"a": "b"}, **more,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{letter * 64}" for letter in letters]},
    }  # fmt: skip


def image(configured: Json, *layers: Json) -> tuple[Manifest, bytes]:
    told = json.dumps(configured).encode()
    described = {"mediaType": CONFIG, "digest": digest_of(told), "size": len(told)}
    content = json.dumps({"schemaVersion": 2, "config": described, "layers": list(layers)}).encode()
    return Manifest(content=content, media_type=MANIFEST, digest=digest_of(content)), told


def base() -> Base:
    manifest, told = image(config("1", "2"), layer("a"), layer("b"))
    return read_base(manifest.content, told, digest=manifest.digest, name="python")


def check(configured: Json, *layers: Json) -> Base:
    manifest, told = image(configured, *layers)
    return check_result(base(), manifest, told, most_bytes=10_000, name="derived")


def test_the_base_and_one_layer_more_is_believed() -> None:
    found = check(config("1", "2", "3"), layer("a"), layer("b"), layer("c", 7000))
    assert (found.name, len(found.layers), more_bytes_of(base(), found)) == ("derived", 3, 7000)


def test_what_buildah_says_of_itself_and_what_is_empty_changes_nothing() -> None:
    told = config("1", "2", "3", Cmd=None, Volumes={}, Labels={"a": "b", "io.buildah.version": "1.28.2"})
    assert check(told, layer("a"), layer("b"), layer("c")).digest


def other(change: Callable[[Json], object]) -> Json:
    told = deepcopy(config("1", "2", "3"))
    change(told)
    return told


GOOD = (layer("a"), layer("b"), layer("c"))


@pytest.mark.parametrize(
    ("told", "layers", "why"),
    [
        (config("1", "2"), GOOD[:2], "added 0 layers"),
        (config("1", "2", "3", "4"), (*GOOD, layer("d")), "added 2 layers"),
        (config("1", "2", "3"), (layer("a"), layer("f"), layer("c")), "does not stand on the base"),
        (config("1", "9", "3"), GOOD, "does not stand on the base"),
        (config("2", "1", "3"), GOOD, "does not stand on the base"),
        (config("1", "2", "3"), (layer("a"), layer("b", 1), layer("c")), "does not stand on the base"),
        (config("3"), GOOD[2:], "does not stand on the base"),
        (config("1", "2", "3"), (*GOOD[:2], layer("c", 10_001)), "is the most"),
        (config("1", "2", "3"), (*GOOD[:2], layer("c", 0)), "is the most"),
        (config("1", "2", "3"), (*GOOD[:2], layer("c", -1)), "is the most"),
        (config("1", "2", "3"), (*GOOD[:2], {**layer("c"), "mediaType": "text/html"}), "which none is"),
        (config("1", "2", "3", Env=["PATH=/usr/bin", "LANG=C", "LD_PRELOAD=/x.so"]), GOOD, r"\(Env\)"),
        (config("1", "2", "3", Env=None), GOOD, r"\(Env\)"),
        (config("1", "2", "3", User="0"), GOOD, r"\(User\)"),
        (config("1", "2", "3", Entrypoint=["/x"], Cmd=["y"]), GOOD, r"\(Cmd, Entrypoint\)"),
        (config("1", "2", "3", Volumes={"/": {}}), GOOD, r"\(Volumes\)"),
        (config("1", "2", "3", Labels={"a": "c"}), GOOD, r"\(Labels\)"),
        (config("1", "2", "3", Labels="x"), GOOD, "no image"),
        (config("1", "2", "3", Healthcheck={"Test": ["x"]}), GOOD, r"\(Healthcheck\)"),
        (other(lambda one: one.update(architecture="arm64")), GOOD, r"\(architecture\)"),
        (other(lambda one: one.update(config=[])), GOOD, "Entrypoint, Env, Labels, User"),
        (config("1", "2"), GOOD, "no image"),
        (config("1", "2", "3"), (*GOOD[:2], {}), "without a digest"),
    ],
)
def test_what_was_not_asked_for_is_refused(told: Json, layers: tuple[Json, ...], why: str) -> None:
    with pytest.raises(StoreRefused, match=why):
        check(told, *layers)


def test_a_configuration_that_is_not_the_one_of_the_manifest_is_refused() -> None:
    manifest, told = image(config("1", "2", "3"), *GOOD)
    with pytest.raises(StoreRefused, match="is damaged"):
        check_result(base(), manifest, told + b" ", most_bytes=10_000, name="derived")


@pytest.mark.parametrize("said", ["[]", "{}", "null", '{"config": {"digest": "x", "size": 99999999}}', "[" * 100_000])
def test_what_is_no_manifest_is_refused_before_anything_is_fetched(said: str) -> None:
    with pytest.raises(StoreRefused, match="no image"):
        config_digest(Manifest(content=said.encode(), media_type=MANIFEST, digest=""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["config", "rootfs", "architecture", "os"]), JSON)
def test_no_other_configuration_is_believed(where: str, value: Any) -> None:
    good = config("1", "2", "3")
    told = {**good, where: value}
    try:
        check(told, *GOOD)
    except StoreError:
        return
    assert told[where] == good[where]


@given(st.lists(JSON | st.sampled_from([*GOOD, layer("d")]), max_size=5))
def test_no_other_layers_are_believed(layers: list[Any]) -> None:
    try:
        check(config("1", "2", "3"), *layers)
    except StoreError:
        return
    assert layers[:2] == [layer("a"), layer("b")]
    assert len(layers) == 3
