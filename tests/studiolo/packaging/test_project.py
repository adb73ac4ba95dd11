"""Which files of a folder go into an image, and which never do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.project import DEEPEST, Limits, collect, sentence_of

if TYPE_CHECKING:
    from pathlib import Path


def paths(folder: Path) -> list[str]:
    return [file.path for file in collect(folder).files]


def test_files_go_in_by_their_paths_in_order(folder: Path) -> None:
    assert paths(folder) == ["features/scale.py", "iris.ipynb", "rows.csv"]


def test_a_notebook_goes_in_without_what_it_printed(folder: Path) -> None:
    project = collect(folder)
    notebook = next(file for file in project.files if file.path == "iris.ipynb")
    content = json.loads(project.read(notebook))
    assert content["cells"][0]["outputs"] == []
    assert content["cells"][0]["execution_count"] is None
    assert notebook.size == len(project.read(notebook))


def test_running_a_notebook_again_changes_nothing(folder: Path) -> None:
    before = collect(folder).files
    notebook = json.loads((folder / "iris.ipynb").read_text())
    notebook["cells"][0] |= {"outputs": [{"text": "other"}], "execution_count": 9, "metadata": {"scrolled": True}}
    notebook["metadata"] = {"language_info": {"version": "3.12.1"}}
    (folder / "iris.ipynb").write_text(json.dumps(notebook, indent=2))
    assert collect(folder).files == before


LEFT_OUT = [
    *(".git/config", "__pycache__/a.pyc", ".ipynb_checkpoints/iris-checkpoint.ipynb", ".venv/bin/python", ".env"),
    *("prod.pem", "sub/.env.local", ".ssh/id_ed25519", "id_rsa", ".aws/credentials", ".netrc", "wandb/run/log"),
    *("node_modules/x/y.js", ".modelignore", "a.swp"),
]


@pytest.mark.parametrize("path", LEFT_OUT)
def test_what_nobody_wants_in_an_image_stays_out(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("x")
    project = collect(folder)
    assert [file.path for file in project.files] == ["features/scale.py", "iris.ipynb", "rows.csv"]
    assert path.startswith(project.left_out[0].path)
    assert project.left_out[0].path in sentence_of(project.left_out)


def test_an_owner_leaves_out_more_and_brings_back_what_holds_no_secrets(folder: Path) -> None:
    (folder / ".modelignore").write_text("*.csv\n!build/\n!.env\n")
    (folder / "build").mkdir()
    (folder / "build" / "table.txt").write_text("x")
    (folder / ".env").write_text("TOKEN=x")
    assert paths(folder) == ["build/table.txt", "features/scale.py", "iris.ipynb"]


def test_links_and_special_files_are_refused_all_at_once(folder: Path) -> None:
    (folder / "home").symlink_to("/etc")
    (folder / "features" / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ProjectRefused) as refused:
        collect(folder)
    assert [problem.partition(",")[0] for problem in refused.value.problems] == [
        "features/passwd is a link",
        "home is a link",
        "pipe is no regular file",
    ]


def test_a_link_that_is_left_out_is_no_problem(folder: Path) -> None:
    (folder / "home").symlink_to("/etc")
    (folder / ".modelignore").write_text("home\n")
    assert paths(folder) == ["features/scale.py", "iris.ipynb", "rows.csv"]


BAD_NAMES = [".wh.rows.csv", "a\nb", "a\\b", "a\u200bb", "x" * 241]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_could_do_harm_is_refused(folder: Path, name: str) -> None:
    (folder / "sub").mkdir()
    try:
        (folder / "sub" / name).write_text("x")
    except OSError:  # longer than the file system takes: then nobody has one
        long = folder / "sub" / ("y" * 200)
        long.mkdir()
        (long / ("z" * 60)).write_text("x")
    with pytest.raises(ProjectRefused):
        collect(folder)


def test_two_names_that_are_one_elsewhere_are_refused(folder: Path) -> None:
    (folder / "Rows.csv").write_text("x")
    with pytest.raises(ProjectRefused, match=r"rows\.csv and Rows\.csv are one name"):
        collect(folder)


def test_names_that_are_no_utf_8_are_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.txt")).write_text("x")
    with pytest.raises(ProjectRefused, match="no text in UTF-8"):
        collect(folder)


def test_too_many_files_and_too_many_bytes_are_refused_with_the_way_out(folder: Path) -> None:
    with pytest.raises(ProjectRefused, match=r"more than 2 files\..*\.modelignore"):
        collect(folder, limits=Limits(most_files=2))
    with pytest.raises(ProjectRefused, match=r"more than 30 B\..*\.modelignore"):
        collect(folder, limits=Limits(most_bytes=30))


def test_folders_without_end_are_refused(folder: Path) -> None:
    deep = folder
    for _ in range(DEEPEST + 2):
        deep /= "d"
        deep.mkdir()
    with pytest.raises(ProjectRefused, match="folders deep"):
        collect(folder)


def test_a_file_that_changed_since_is_not_packaged(folder: Path) -> None:
    project = collect(folder)
    (folder / "rows.csv").write_text("a,b\n3,4\n")
    with pytest.raises(ProjectRefused, match=r"rows\.csv was changed while it was packaged"):
        project.read(project.files[2])


def test_a_folder_that_became_a_link_since_is_not_followed(folder: Path, tmp_path: Path) -> None:
    project = collect(folder)
    (folder / "features").rename(tmp_path / "moved")
    (folder / "features").symlink_to(tmp_path / "moved")
    with pytest.raises(OSError, match="Not a directory"):
        project.read(project.files[0])
