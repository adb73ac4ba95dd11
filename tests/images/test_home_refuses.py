"""A server, its kernels and its terminals in a home that takes nothing: full to the last file, or read-only."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faulty_disks import fill, read_only, small_disk
from tests.kernels import Kernel

TOKEN = "token-of-alice"
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(params=["full", "full, and used before", "read-only", "read-only, and used before"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    path = tmp_path / "home"
    path.mkdir()
    (tmp_path / "run").mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(path, megabytes=2))
        (path / "notes.ipynb").write_text(json.dumps(NOTEBOOK))
        if "before" in request.param:
            (path / ".ipython" / "profile_default" / "startup").mkdir(parents=True)
            (path / ".jupyter").mkdir()
        if request.param.startswith("full"):
            fill(path)
        else:
            stack.enter_context(read_only(path))
        yield path


def test_all_of_jupyterlab_works_but_for_saving(start: Any, minimal: Path, home: Path, tmp_path: Path) -> None:
    server = start(minimal, env={"JUPYTER_RUNTIME_DIR": str(tmp_path / "run")})
    for path in ("lab", "api/contents/notes.ipynb", "lab/api/settings", "lab/api/workspaces", "api/me"):
        assert server.get(path, token=TOKEN).is_success, path
    assert server.post("api/terminals", token=TOKEN).is_success
    with Kernel(address=f"{server.url}/user/alice", token=TOKEN) as kernel:
        assert "".join(kernel.run("print(6 * 7)")).strip() == "42"
    answer = httpx.put(
        f"{server.url}/user/alice/api/contents/notes.ipynb",
        headers={"Authorization": f"token {TOKEN}"},
        json={"type": "notebook", "content": NOTEBOOK},
        trust_env=False,
    )
    assert "notes.ipynb was not saved: its disk" in answer.json()["message"]
    assert json.loads((home / "notes.ipynb").read_text()) == NOTEBOOK


@pytest.mark.parametrize("home", ["full"], indirect=True)
def test_a_checkpoint_is_kept_elsewhere_until_the_home_has_room(
    start: Any, minimal: Path, home: Path, tmp_path: Path
) -> None:
    server = start(minimal, env={"JUPYTER_RUNTIME_DIR": str(tmp_path / "run")})
    path = "api/contents/notes.ipynb/checkpoints"
    assert server.get(path, token=TOKEN).json() == []
    assert server.post(path, token=TOKEN).status_code == httpx.codes.CREATED
    assert [entry["id"] for entry in server.get(path, token=TOKEN).json()] == ["checkpoint"]
    for name in ("large.bin", "empty-0", "empty-1", "empty-2"):
        (home / name).unlink()
    assert server.post(path, token=TOKEN).status_code == httpx.codes.CREATED
    assert json.loads((home / ".ipynb_checkpoints" / "notes-checkpoint.ipynb").read_text()) == NOTEBOOK


@pytest.mark.parametrize("home", ["full"], indirect=True)
def test_a_large_file_that_is_deleted_makes_room(start: Any, minimal: Path, home: Path, tmp_path: Path) -> None:
    server = start(minimal, env={"JUPYTER_RUNTIME_DIR": str(tmp_path / "run")})
    api = f"{server.url}/user/alice/api/contents"
    headers = {"Authorization": f"token {TOKEN}"}
    for name in ("large.bin", "empty-0", "empty-1"):
        httpx.delete(f"{api}/{name}", headers=headers, trust_env=False).raise_for_status()
    body = {"type": "notebook", "content": NOTEBOOK | {"metadata": {"title": "new"}}}
    httpx.put(f"{api}/notes.ipynb", headers=headers, json=body, trust_env=False).raise_for_status()
    assert json.loads((home / "notes.ipynb").read_text())["metadata"] == {"title": "new"}
