"""The same files give the same layer, and nothing in one leads out of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from studiolo.packaging.layers import Compression, Layer, LayerFile, write_layer


def file(path: str, content: bytes = b"x") -> LayerFile:
    return LayerFile(path=path, size=len(content), read=lambda: content)


def packed(*files: LayerFile, compression: Compression = Compression.ZSTD) -> tuple[Layer, bytes]:
    target = io.BytesIO()
    return write_layer(files, target, compression=compression), target.getvalue()


def unpacked(content: bytes, compression: Compression = Compression.ZSTD) -> tarfile.TarFile:
    plain = (
        gzip.decompress(content)
        if compression is Compression.GZIP
        else zstandard.ZstdDecompressor().decompressobj().decompress(content)
    )
    return tarfile.open(fileobj=io.BytesIO(plain))


@pytest.mark.parametrize("compression", Compression)
def test_what_goes_in_comes_out_owned_by_root_and_from_no_time(compression: Compression) -> None:
    layer, content = packed(file("a/b/c.txt", b"abc"), file("a/é.txt", b""), compression=compression)
    members = unpacked(content, compression).getmembers()
    assert [member.name for member in members] == ["a", "a/b", "a/b/c.txt", "a/é.txt"]
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {(0, 0, "", 0)}
    assert [oct(member.mode) for member in members] == ["0o755", "0o755", "0o644", "0o644"]
    assert layer.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert layer.size == len(content)
    assert layer.media_type.endswith(compression)


@pytest.mark.parametrize("compression", Compression)
def test_the_order_and_the_day_change_nothing(compression: Compression) -> None:
    files = [file(f"folder{number % 3}/file{number}", bytes([number]) * number * 1000) for number in range(40)]
    first = packed(*files, compression=compression)
    random.Random(1).shuffle(files)
    assert packed(*files, compression=compression) == first


def test_the_digest_of_the_archive_does_not_depend_on_the_compression() -> None:
    one, other = (packed(file("a", b"a" * 5000), compression=kind)[0] for kind in Compression)
    assert one.diff_id == other.diff_id
    assert one.digest != other.digest


def test_a_layer_of_nothing_is_an_empty_archive() -> None:
    assert unpacked(packed()[1]).getmembers() == []


HOSTILE = ["/etc/passwd", "../x", "a/../../x", "a/.wh.b", ".wh..wh..opq", ".", "", "a/.."]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leads_elsewhere_or_removes_something_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="layer"):
        packed(file(path))


def test_the_same_path_twice_is_refused_also_where_one_is_a_folder() -> None:
    with pytest.raises(ValueError, match="twice"):
        packed(file("a/b"), file("a/b"))
    with pytest.raises(ValueError, match="twice"):
        packed(file("a/b"), file("a"))


def test_a_file_that_grew_meanwhile_is_refused() -> None:
    with pytest.raises(ValueError, match="has 3 bytes and not 2"):
        packed(LayerFile(path="a", size=2, read=lambda: b"abc"))


PART = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=200)


@settings(max_examples=200, deadline=None)
@given(st.lists(PART, min_size=1, max_size=4).map("/".join), st.binary(max_size=2000))
def test_any_path_is_either_refused_or_comes_out_as_it_went_in(path: str, content: bytes) -> None:
    try:
        _, layer = packed(file(path, content))
    except ValueError:
        return
    archive = unpacked(layer)
    *_, member = archive.getmembers()
    extracted = archive.extractfile(member)
    assert extracted is not None
    assert extracted.read() == content
    parts = [part for part in path.split("/") if part not in {"", "."}]
    assert member.name == "/".join(parts)
    assert ".." not in parts
