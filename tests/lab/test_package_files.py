"""The files of a package on their way into a home, from a service that answers over HTTP as ours does, or does not."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from studiolo_lab import package_files
from studiolo_lab.notices import Board
from studiolo_lab.package_opening import KEY, Opening
from studiolo_lab.package_plan import Package

DIGEST = "sha256:" + "ab" * 32
PACKAGE = Package(name="iris", version="1.0", team="", digest=DIGEST, source="sub/iris.ipynb")
FILES = {"sub/iris.ipynb": b"{}", "rows.csv": b"a,b\n"}
TOKEN = "token-of-ada"


def archive_of(files: Mapping[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content) if kind == tarfile.REGTYPE else 0, kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


@dataclass
class Service:
    """Answers what it is told to."""

    content: bytes = field(default_factory=lambda: archive_of(FILES))
    statuses: list[int] = field(default_factory=list)
    """Of the first answers, each with a sentence."""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and token."""
    url: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.path, self.headers.get("Authorization", "")))
            status = told.statuses.pop(0) if told.statuses else 200
            content = told.content if status == 200 else b'{"message": "Words of the service."}'
            self.send_response(status)
            headers = {"Etag": f'"{DIGEST}"', "Content-Length": str(len(content)), **told.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: told.cut_at])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield told
        server.shutdown()
        thread.join()


Bring = Callable[..., asyncio.Future[str]]


@pytest.fixture
def bring(service: Service, tmp_path: Path) -> Callable[..., object]:
    """Brings the package into a home; what the person is told at the end."""

    async def brought(package: Package = PACKAGE, pauses: tuple[float, ...] = (0.0, 0.0)) -> str:
        environ = {"JUPYTERHUB_PUBLIC_HUB_URL": f"{service.url}/prefix/hub/", "JUPYTERHUB_API_TOKEN": TOKEN}
        board = Board()
        await Opening(package, home=tmp_path, environ=environ, board=board, pauses=pauses).bring()
        (notice,) = board.current()
        assert notice.key == KEY
        return notice.text

    return brought


def tree(home: Path) -> dict[str, bytes]:
    """All files below ~/models, without our notes."""
    root = home / "models"
    files = (path for path in root.rglob("*") if path.is_file() and ".opened" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def names(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*")}


WHOLE = {f"iris-1.0/{name}": content for name, content in FILES.items()}


async def test_they_are_fetched_with_the_server_s_own_token_and_laid_out(
    bring: Bring, service: Service, tmp_path: Path
) -> None:
    assert await bring() == "The files of iris 1.0 are in ~/models/iris-1.0."
    assert service.asked == [("/prefix/services/studiolo/api/models/iris/1.0/files", f"token {TOKEN}")]
    assert tree(tmp_path) == WHOLE
    team = Package(name="iris", version="2.0", team="Vision Lab", digest=DIGEST, source="iris.py")
    await bring(team)
    assert service.asked[1][0].endswith("/models/iris/2.0/files?team=Vision+Lab")


async def test_the_service_is_asked_where_it_runs_if_that_is_told(service: Service, tmp_path: Path) -> None:
    away = {"JUPYTERHUB_PUBLIC_HUB_URL": "http://127.0.0.1:9/hub/", "http_proxy": "http://127.0.0.1:9"}
    environ = {**away, "STUDIOLO_SERVICES_URL": f"{service.url}/", "JUPYTERHUB_API_TOKEN": TOKEN}
    board = Board()
    await Opening(PACKAGE, home=tmp_path, environ=environ, board=board, pauses=()).bring()
    assert service.asked == [("/services/studiolo/api/models/iris/1.0/files", f"token {TOKEN}")]
    board = Board()
    await Opening(PACKAGE, home=tmp_path / "other", environ={}, board=board, pauses=()).bring()
    assert "not known where Studiolo is" in board.current()[0].text


async def test_what_is_there_of_the_same_package_is_its_person_s_and_nothing_is_asked(
    bring: Bring, service: Service, tmp_path: Path
) -> None:
    await bring()
    (tmp_path / "models" / "iris-1.0" / "rows.csv").write_text("mine")
    assert await bring() == "The files of iris 1.0 are in ~/models/iris-1.0, as you left them."
    assert len(service.asked) == 1
    assert tree(tmp_path)["iris-1.0/rows.csv"] == b"mine"


async def test_a_folder_with_the_same_content_is_taken_for_it(bring: Bring, service: Service, tmp_path: Path) -> None:
    for name, content in {**FILES, "own.txt": b"beside"}.items():
        path = tmp_path / "models" / "iris-1.0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert (await bring()).startswith("The files of iris 1.0 are in ~/models/iris-1.0, as")
    assert tree(tmp_path) == {**WHOLE, "iris-1.0/own.txt": b"beside"}


@pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling link"])
async def test_whatever_else_has_the_name_is_left_alone(bring: Bring, tmp_path: Path, kind: str) -> None:
    there = tmp_path / "models" / "iris-1.0"
    there.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    match kind:
        case "folder":
            there.mkdir()
            (there / "rows.csv").write_text("mine")
        case "file":
            there.write_text("mine")
        case "link":
            elsewhere.mkdir()
            there.symlink_to(elsewhere)
        case _:
            there.symlink_to(elsewhere)
    said = await bring()
    assert said == (
        "The files of iris 1.0 are in ~/models/iris-1.0-2, because ~/models/iris-1.0 is there already with other "
        "content, and was left as it is."
    )
    found = tree(tmp_path)
    assert {name: found.get(f"iris-1.0-2/{name}") for name in FILES} == FILES
    assert found.get("iris-1.0/rows.csv", b"mine") == b"mine"
    assert not elsewhere.exists() or list(elsewhere.iterdir()) == []
    assert (await bring()).endswith("~/models/iris-1.0-2, as you left them.")


async def test_an_empty_folder_of_that_name_is_filled(bring: Bring, tmp_path: Path) -> None:
    (tmp_path / "models" / "iris-1.0").mkdir(parents=True)
    await bring()
    assert tree(tmp_path) == WHOLE


async def test_a_service_that_is_away_is_asked_again(bring: Bring, service: Service, tmp_path: Path) -> None:
    service.statuses = [503, 502]
    assert await bring() == "The files of iris 1.0 are in ~/models/iris-1.0."
    assert len(service.asked) == 3
    assert tree(tmp_path) == WHOLE


async def test_where_it_stays_away_the_next_start_tries_again(bring: Bring, service: Service, tmp_path: Path) -> None:
    service.statuses = [503] * 3
    assert await bring() == (
        "The files of iris 1.0 are not here: Studiolo does not give them now (Words of the service.). "
        "Start the workspace again later."
    )
    assert tree(tmp_path) == {}
    assert await bring() == "The files of iris 1.0 are in ~/models/iris-1.0."


@pytest.mark.parametrize("status", [403, 404, 400, 302, 500])
async def test_a_refusal_is_told_and_not_asked_again(
    bring: Bring, service: Service, tmp_path: Path, status: int
) -> None:
    service.statuses = [status]
    service.headers = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
    assert await bring() == "The files of iris 1.0 are not here: Words of the service."
    assert len(service.asked) == 1


@pytest.mark.parametrize("cut_at", [0, 10, 512, 600, 1024, 1536])
async def test_an_archive_that_breaks_off_leaves_nothing(
    bring: Bring, service: Service, tmp_path: Path, cut_at: int
) -> None:
    service.cut_at = cut_at
    assert "does not give them now" in await bring()
    assert list((tmp_path / "models").glob("*")) == []


async def test_what_an_earlier_server_left_half_done_goes_once_it_is_old(bring: Bring, tmp_path: Path) -> None:
    old, fresh = (tmp_path / "models" / f"{package_files.HALF}{name}" for name in ("old", "fresh"))
    for path in (old, fresh):
        (path / "files").mkdir(parents=True)
    os.utime(old, (0, 0))
    await bring()
    assert not old.exists()
    assert fresh.is_dir()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive_of({"../out": b"x"}), "no archive of plain files"),
        (archive_of({"/etc/out": b"x"}), "no archive of plain files"),
        (archive_of({"a/../../out": b"x"}), "no archive of plain files"),
        (archive_of({"a": b"x", "a/b": b"y"}), "no archive of plain files"),
        (archive_of({"nul\0": b"x"}) + b"", "are in ~/models"),  # the format itself ends a name there
        (archive_of({"link": b""}, kind=tarfile.SYMTYPE), "no archive of plain files"),
        (archive_of({"link": b""}, kind=tarfile.LNKTYPE), "no archive of plain files"),
        (archive_of({"pipe": b""}, kind=tarfile.FIFOTYPE), "no archive of plain files"),
        (b"x" * 1024, "no archive of plain files"),
        (b"", "something else than files"),
    ],
)
async def test_nothing_but_plain_files_below_the_folder_is_written(
    bring: Bring, service: Service, tmp_path: Path, content: bytes, words: str
) -> None:
    service.content = content
    assert words in await bring()
    assert not (tmp_path / "out").exists()
    assert names(tmp_path).isdisjoint({"link", "pipe"})


async def test_another_package_that_has_the_name_by_now_is_not_taken_for_it(
    bring: Bring, service: Service, tmp_path: Path
) -> None:
    service.headers = {"Etag": '"sha256:other"'}
    assert "another package has its name by now" in await bring()
    assert tree(tmp_path) == {}


async def test_a_home_that_takes_nothing_is_said(bring: Bring, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    assert (await bring()).startswith("The files of iris 1.0 are not here: your home cannot be written there (")
    assert (tmp_path / "models").read_text() == "a file"


@pytest.mark.parametrize("text", ["", "x", "[]", '{"name": "../x"}'])
def test_a_variable_that_names_none_is_none(text: str) -> None:
    assert Package.parse(text) is None
