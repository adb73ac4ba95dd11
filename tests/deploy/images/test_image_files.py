"""How an image's layers are read: later ones over earlier ones, and nothing that leads out of it."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from deploy.images.errors import NotAnImageError
from deploy.images.image_files import ImageFiles, Kind, read_image
from tests.deploy.images.layouts import File, TestImage, folder, link, text


def read(made: TestImage, tmp_path: Path) -> ImageFiles:
    return read_image(made.write(tmp_path / "image"), tmp_path / "scratch", wants=lambda *_: True)


def test_a_later_layer_replaces_adds_and_removes(tmp_path: Path) -> None:
    first = {"/a": text("old"), "/b/c": text("gone"), "/d/e": text("gone too"), "/kept": text("kept")}
    second = {"/a": text("new"), "/b/c": None, "/d": None, "/f": text("added")}
    image = read(TestImage(files=first, more_layers=(second,)), tmp_path)
    assert set(image.entries) == {"/a", "/b", "/kept", "/f"}
    assert {path.name: path.read_text() for path in image.root.rglob("*") if path.is_file()} == {
        "a": "new",
        "kept": "kept",
        "f": "added",
    }
    assert ("/b/c", "gone") in [(path, content.read_text()) for path, content in image.kept]


@pytest.mark.parametrize(
    "compress", [bytes, lzma.compress, zstandard.ZstdCompressor().compress], ids=["not at all", "xz", "zstd"]
)
def test_a_layer_is_read_however_it_is_compressed(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    first = {"/a": text("old"), "/big": File(content=bytes(3_000_000)), "/second": File(hard_link="/a")}
    second = {"/a": text("new"), "/c": text("more")}
    image = read(TestImage(files=first, more_layers=(second,), compress=compress), tmp_path)
    assert {path: entry.size for path, entry in image.entries.items()} == {
        "/a": 3,
        "/big": 3_000_000,
        "/second": 3,
        "/c": 4,
    }
    assert (image.root / "a").read_text() == "new"
    assert (image.root / "second").read_text() == "old"


@pytest.mark.parametrize("content", [b"\x28\xb5\x2f\xfdnot really", b"no archive"], ids=["broken zstd", "text"])
def test_a_layer_that_cannot_be_read_is_named(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotAnImageError, match="Layer 1 of 1 cannot be read"):
        read(TestImage(files={"/a": text("x")}, compress=lambda _: content), tmp_path)


def test_an_opaque_folder_hides_what_lies_below_it_and_keeps_its_own(tmp_path: Path) -> None:
    first = {"/d": folder(), "/d/old": text("x"), "/d/deep": folder(), "/d/deep/old": text("x")}
    second = {"/d/new": text("y"), "/d/.wh..wh..opq": text("")}
    assert set(read(TestImage(files=first, more_layers=(second,)), tmp_path).entries) == {"/d", "/d/new"}


@pytest.mark.parametrize("name", ["../outside", "/../../outside", "a/../../../outside"])
def test_a_name_that_leads_out_of_the_image_is_left_out(name: str, tmp_path: Path) -> None:
    image = read(TestImage(files={name: text("x"), "/fine": text("y")}), tmp_path)
    assert set(image.entries) == {"/fine"}
    assert not list(tmp_path.rglob("outside"))


def test_a_link_out_of_the_image_is_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the machine")
    files = {"/in": link(str(tmp_path)), "/in/secret": text("of the image"), "/hard": File(hard_link=str(secret))}
    image = read(TestImage(files=files), tmp_path)
    assert secret.read_text() == "of the machine"
    assert image.entries["/in"].kind is Kind.LINK
    assert "/hard" not in image.entries
    assert not any(path.is_symlink() for path in image.root.rglob("*"))


def test_links_are_followed_inside_of_the_image(tmp_path: Path) -> None:
    files = {"/bin": link("usr/bin"), "/usr/bin/p": link("../lib/p"), "/usr/lib/p": text("x"), "/loop": link("/loop")}
    image = read(TestImage(files={"/usr": folder(), "/usr/bin": folder(), "/usr/lib": folder(), **files}), tmp_path)
    assert image.resolve("/bin/p") == "/usr/lib/p"
    assert image.resolve("/loop") is None
    assert image.resolve("/bin/other") is None


def test_a_second_name_of_a_file_is_a_file(tmp_path: Path) -> None:
    image = read(TestImage(files={"/a": text("x"), "/b": File(hard_link="a")}), tmp_path)
    assert image.entries["/b"] == image.entries["/a"]
    assert (image.root / "b").read_text() == "x"
