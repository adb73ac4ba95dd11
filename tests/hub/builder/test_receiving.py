"""Archives of every kind: what is plain goes in, nothing else, and nothing outside its folder is ever touched."""

from __future__ import annotations

import contextlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.builder.errors import UploadRefused
from hub.builder.receiving import Receiving
from studiolo.packaging.project import Limits
from studiolo.packaging.transport import archive_of
from tests.hub.builder.conftest import files_of, wanted

HEAD = json.dumps({"source": "iris.ipynb", "environment": "python"}).encode()

LIMITS = Limits()

Change = Callable[[tarfile.TarInfo], object]


def member(name: str, content: bytes = b"", change: Change = lambda _: None, form: int = tarfile.PAX_FORMAT) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    change(info)
    return info.tobuf(form, "utf-8", "surrogateescape") + content + b"\0" * (-len(content) % 512)


def archive(*members: bytes, head: bytes = HEAD) -> bytes:
    return member("studiolo.json", head) + b"".join(members) + b"\0" * 1024


@pytest.fixture
def receive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Receiving]]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[Receiving] = []

    def take(content: bytes, *, step: int = 1 << 16, limits: Limits = LIMITS) -> Receiving:
        receiving = Receiving(limits)
        opened.append(receiving)
        for start in range(0, len(content), step):
            receiving.take(content[start : start + step])
        return receiving

    yield take
    for receiving in opened:
        receiving.close()
    assert list(tmp_path.glob("studiolo-model-*")) == []


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", [1, 7, 512, 1 << 20])
def test_what_a_client_sends_arrives_in_pieces_of_any_length(
    receive: Callable[..., Receiving], folder: Path, step: int
) -> None:
    (folder / ("ä" * 60 + ".py")).write_bytes(b"x" * 1024)
    receiving = receive(b"".join(archive_of(wanted(name="iris"), files_of(folder))), step=step)
    assert receiving.finish() == wanted(name="iris")
    assert set(everything_in(receiving.folder)) == {
        "iris.ipynb", "rows.csv", "features/scale.py", "ä" * 60 + ".py"
    }  # fmt: skip


def of_kind(kind: bytes, target: str = "/etc/passwd") -> Change:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, target

    return change


@pytest.mark.parametrize(
    ("members", "why"),
    [
        pytest.param([member("files/../x", b"1")], "leads elsewhere", id="upwards"),
        pytest.param([member("files//etc/x", b"1")], "leads elsewhere", id="two slashes"),
        pytest.param([member("/etc/x", b"1")], "leads elsewhere", id="absolute"),
        pytest.param([member("files/./x", b"1")], "leads elsewhere", id="a dot"),
        pytest.param([member("other/x", b"1")], "belong below files/", id="beside the files"),
        pytest.param([member("files/.wh.usr", b"1")], "remove files", id="a whiteout"),
        pytest.param([member("files/a\\b", b"1")], "backslash", id="a backslash"),
        pytest.param([member("files/a\nb", b"1")], "cannot be seen", id="a line's end"),
        pytest.param([member("files/e\u0301.py", b"1")], "separate accents", id="not NFC"),
        pytest.param([member("files/" + "d/" * 40 + "x", b"1")], "folders deep", id="too deep"),
        pytest.param([member("files/" + "x" * 300, b"1")], "characters", id="too long"),
        pytest.param([member("files/x", b"1"), member("files/x", b"2")], "there twice", id="twice"),
        pytest.param([member("files/x", b"1"), member("files/X", b"2")], "by case alone", id="twice but for case"),
        pytest.param([member("files/x", b"1"), member("files/x/y", b"2")], "both a file and a folder", id="both"),
        pytest.param([member("files/l", change=of_kind(b"2"))], "a link", id="a symbolic link"),
        pytest.param([member("files/l", change=of_kind(b"1"))], "a link", id="a hard link"),
        pytest.param([member("files/l", change=of_kind(b"3"))], "a device", id="a device"),
        pytest.param([member("files/l", change=of_kind(b"6"))], "a pipe", id="a pipe"),
        pytest.param([member("files/l", change=of_kind(b"S"))], "sparse", id="a sparse file"),
        pytest.param([member("files/l", change=of_kind(b"7"))], "not taken", id="contiguous"),
        pytest.param([member("files/" + "x" * 200, b"1", form=tarfile.GNU_FORMAT)], "PAX format", id="GNU's long name"),
        pytest.param([tarfile.TarInfo.create_pax_global_header({"path": "x"})], "not taken", id="a global header"),
        pytest.param(
            [member("files/x", b"1", lambda info: info.pax_headers.update({"GNU.sparse.size": "9"}))],
            "GNU.sparse.size", id="sparse by PAX",
        ),
        pytest.param(
            [member("files/x", b"1", lambda info: info.pax_headers.update({"size": "99999999999"}))],
            '"size"', id="another size by PAX",
        ),
        pytest.param([member("files/ok"), b"\0" * 512, member("files/late")], "behind its end", id="behind the end"),
        pytest.param([member("studiolo.json", HEAD)], "there twice", id="a second head"),
    ],
)  # fmt: skip
def test_everything_but_plain_files_is_refused(
    receive: Callable[..., Receiving], members: list[bytes], why: str
) -> None:
    with pytest.raises(UploadRefused, match=why):
        receive(archive(*members)).finish()


def test_all_that_is_wrong_with_names_is_said_at_once(receive: Callable[..., Receiving]) -> None:
    members = [member(f"files/.wh.{number}", b"1") for number in range(20)]
    with pytest.raises(UploadRefused) as refused:
        receive(archive(*members, member("files/l", change=of_kind(b"2")))).finish()
    assert len(refused.value.problems) == 13
    assert refused.value.problems[-1] == "And 9 more of this kind."


@pytest.mark.parametrize(
    ("head", "why"),
    [
        pytest.param(b"", "does not begin", id="empty"),
        pytest.param(b"[]", "as JSON", id="no object"),
        pytest.param(b'{"source": ""}', "source: .*environment: ", id="fields that are missing or empty"),
        pytest.param(b'{"source": "a", "environment": "b", "x": "canary"}', "Only source", id="an unknown field"),
        pytest.param(b'{"source": "a", "environment": "b", "commit": "HEAD"}', "commit: ", id="a commit that is none"),
    ],
)
def test_a_head_that_says_something_else_is_refused_without_repeating_it(
    receive: Callable[..., Receiving], head: bytes, why: str
) -> None:
    with pytest.raises(UploadRefused, match=why) as refused:
        receive(archive(head=head)).finish()
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        pytest.param([member(f"files/{number}") for number in range(6)], "more than 5 files", id="files"),
        pytest.param([member("files/a", b"x" * 600), member("files/b", b"x" * 600)], "more than 1", id="bytes"),
    ],
)
def test_limits_are_counted_while_it_arrives(receive: Callable[..., Receiving], members: list[bytes], why: str) -> None:
    with pytest.raises(UploadRefused, match=why):
        receive(archive(*members), limits=Limits(most_bytes=1024, most_files=5))


def test_a_header_that_promises_much_is_refused_before_anything_of_it_comes(receive: Callable[..., Receiving]) -> None:
    def promises(info: tarfile.TarInfo) -> None:
        info.size = 8**11 - 1

    with pytest.raises(UploadRefused, match="more than 100 MiB"):
        receive(member("studiolo.json", HEAD) + member("files/a", change=promises))


NAMES = st.text(alphabet=st.sampled_from("ab./\\\0\n é\u0301~-"), max_size=30) | st.sampled_from(
    ["..", ".", "", "/", "files", ".wh.x", "../../etc/passwd", "con", "a" * 250]
)
KINDS = st.sampled_from([b"0", b"\0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"S", b"L", b"K", b"g", b"x", b"V"])
MEMBERS = st.builds(
    lambda name, kind, content, below: member(
        f"files/{name}" if below else name, content, lambda info: setattr(info, "type", kind)
    ),
    NAMES, KINDS, st.binary(max_size=700), st.booleans(),
)  # fmt: skip
ARCHIVES = st.lists(MEMBERS, max_size=6).map(lambda members: archive(*members))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(content=ARCHIVES | st.binary(max_size=3000), cut=st.integers(0, 5000), turned=st.integers(0, 5000))
def test_no_archive_reaches_outside_its_folder_or_ends_in_anything_but_words(
    receive: Callable[..., Receiving], tmp_path: Path, content: bytes, cut: int, turned: int
) -> None:
    damaged = bytearray(content[: len(content) - cut] if cut % 3 == 0 else content)
    if turned % 2 and turned < len(damaged):
        damaged[turned] ^= 0xFF
    with contextlib.suppress(UploadRefused):  # anything else would be a fault
        receive(bytes(damaged), limits=Limits(most_bytes=10_000, most_files=10)).finish()
    assert all(path.name.startswith("studiolo-model-") for path in tmp_path.iterdir())
    for path in tmp_path.rglob("*"):
        assert not path.is_symlink()
        assert path.is_file() or path.is_dir()
    for made in tmp_path.iterdir():
        shutil.rmtree(made)
