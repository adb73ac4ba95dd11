"""A notebook is the old one or the new one, whole, whatever happens while it is saved; and a failed save is told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faulty_disks import fill, read_only, small_disk
from workspace_server.saving import OLD_SECONDS, UNFINISHED, copy_whole, whole_file

MIB = 1 << 20
NAME = "work.ipynb"

New = Callable[[], Any]


def notebook(size: int, letter: str) -> dict[str, Any]:
    cell = {"cell_type": "raw", "id": "a", "metadata": {}, "source": letter * size}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def save(server: Any, content: dict[str, Any], name: str = NAME) -> httpx.Response:
    return httpx.put(
        f"{server.url}/user/alice/api/contents/{name}",
        headers={"Authorization": "token token-of-alice"},
        json={"type": "notebook", "content": content},
        trust_env=False,
        timeout=60,
    )


def letters_in(path: Path) -> set[str]:
    """What the one cell of a notebook on the disk is made of. Raises where the file is no whole notebook."""
    (cell,) = json.loads(path.read_text())["cells"]
    return set("".join(cell["source"]))


@pytest.fixture
def new(start: Any, minimal: Path, tmp_path: Path) -> New:
    """Starts a server as the spawner does: its sockets and keys are not in the home."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    return lambda: start(minimal, env={"JUPYTER_RUNTIME_DIR": str(runtime)})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of the server that is started next: a disk of 8 MiB."""
    path = tmp_path / "home"
    path.mkdir()
    with small_disk(path, megabytes=8):
        yield path


def test_a_disk_that_fills_up_in_mid_save_leaves_the_old_notebook_and_a_sentence(new: New, home: Path) -> None:
    server = new()
    assert save(server, notebook(MIB, "o")).is_success
    large = fill(home, files_too=False)
    for left in (0, 4096, MIB // 4, MIB, MIB + MIB // 2):  # of the two that are needed
        os.truncate(large, large.stat().st_size - left)
        answer = save(server, notebook(2 * MIB, "n"))
        assert answer.status_code == httpx.codes.INSUFFICIENT_STORAGE
        assert answer.json()["message"].startswith(f"{NAME} was not saved: its disk is full.")
        assert letters_in(home / NAME) == {"o"}
        assert server.get(f"api/contents/{NAME}", token="token-of-alice").is_success
        assert [path.name for path in home.iterdir() if path.name.startswith(".~")] == []
        with large.open("ab", buffering=0) as file:
            file.write(b"\0" * left)
    large.unlink()
    assert save(server, notebook(2 * MIB, "n")).is_success
    assert letters_in(home / NAME) == {"n"}


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before_and_a_sentence(new: New, home: Path) -> None:
    server = new()
    path = f"api/contents/{NAME}/checkpoints"
    assert save(server, notebook(MIB, "o")).is_success
    assert server.post(path, token="token-of-alice").status_code == httpx.codes.CREATED
    assert save(server, notebook(2 * MIB, "n")).is_success
    fill(home, files_too=False)
    answer = server.post(path, token="token-of-alice")
    assert answer.status_code == httpx.codes.INSUFFICIENT_STORAGE
    assert "its disk is full" in answer.json()["message"]
    assert letters_in(home / ".ipynb_checkpoints" / "work-checkpoint.ipynb") == {"o"}


def test_a_server_that_is_killed_in_mid_save_leaves_the_old_or_the_new_notebook(new: New, tmp_path: Path) -> None:
    path = tmp_path / "home" / NAME
    sizes = {"o": 4 * MIB, "n": 6 * MIB}
    found = set()
    for delay in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16):
        server = new()
        assert save(server, notebook(sizes["o"], "o")).is_success

        saving = threading.Thread(target=_ignore_lost_answers, args=(server, notebook(sizes["n"], "n")))
        saving.start()
        _wait_until_written(path.parent, delay)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        saving.join()
        (letter,) = letters_in(path)
        assert path.stat().st_size > sizes[letter]
        found.add(letter)
    assert "o" in found, "it was never killed before it had saved"


def _ignore_lost_answers(server: Any, content: dict[str, Any]) -> None:
    with contextlib.suppress(httpx.HTTPError):  # killed, as it should be
        save(server, content)


def _wait_until_written(folder: Path, delay: float) -> None:
    """Until the new file is there, a part of it at least, or the save is over; and then a moment more."""
    deadline = time.monotonic() + 10
    while not list(folder.glob(f"{UNFINISHED}*")) and time.monotonic() < deadline:
        if letters_at_end(folder / NAME) == "n":
            return
    time.sleep(delay)  # where in the writing it dies is what differs


def letters_at_end(path: Path) -> str:
    return "n" if path.stat().st_size > 5 * MIB else "o"


def test_a_disk_that_can_only_be_read_is_told(new: New, home: Path) -> None:
    server = new()
    assert save(server, notebook(10, "o")).is_success
    with read_only(home):
        for name in (NAME, "other.ipynb"):
            answer = save(server, notebook(10, "n"), name=name)
            assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
            assert f"{name} was not saved: its disk can only be read at the moment." in answer.json()["message"]
    assert letters_in(home / NAME) == {"o"}


def test_what_a_link_leads_to_is_saved_and_the_link_stays(new: New, home: Path) -> None:
    shared = home / "shared" / "vision"
    shared.mkdir(parents=True)
    shared.chmod(0o2770)
    os.chown(shared, -1, 4242)
    (home / NAME).symlink_to(Path("shared") / "vision" / NAME)
    server = new()
    assert save(server, notebook(10, "o")).is_success  # new, behind a link that leads nowhere yet
    (shared / NAME).chmod(0o664)
    assert save(server, notebook(10, "n")).is_success
    assert (home / NAME).is_symlink()
    assert letters_in(shared / NAME) == {"n"}
    found = (shared / NAME).stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (4242, 0o664)


def test_mode_owner_and_attributes_stay_and_what_is_new_is_as_the_process_makes_files(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    with whole_file(path, text=True) as file:
        file.write("old\n")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o750)
    os.chown(path, 4242, 4243)
    with whole_file(path, text=True) as file:
        file.write("new\n")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (4242, 4243, 0o750)
    assert path.read_text() == "new\n"


def test_what_a_killed_server_left_is_cleared_away_later(tmp_path: Path) -> None:
    left, young, own = (tmp_path / name for name in (f"{UNFINISHED}old", f"{UNFINISHED}young", ".~own"))
    for path in (left, young, own):
        path.touch()
    for path in (left, own):
        os.utime(path, (time.time() - 2 * OLD_SECONDS,) * 2)
    (tmp_path / "source").write_text("x")
    copy_whole(str(tmp_path / "source"), str(tmp_path / "target"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, own.name, "source", "target"])
