"""Files of credentials on one machine: in memory, for their owner alone, and gone with the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spawner.credential_files import IN_MEMORY, credentials_folder, remove_credentials, write_credentials


def test_files_lie_in_memory_in_a_folder_that_only_their_owner_can_enter(tmp_path: Path) -> None:
    folder = credentials_folder(tmp_path / "ada--default", in_memory=tmp_path)
    assert folder.parent == tmp_path / f"studiolo-{os.getuid()}"
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    write_credentials(folder, {"ssh/mine": "canary\r\n", "git/forge": "x"})
    assert (folder / "ssh" / "mine").read_bytes() == b"canary\r\n"
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_each_workspace_has_a_folder_of_its_own_and_always_the_same(tmp_path: Path) -> None:
    workspaces = [tmp_path / data / key for data in ("one", "two") for key in ("ada--default", "bob--default")]
    folders = [credentials_folder(workspace, in_memory=tmp_path) for workspace in workspaces]
    assert len(set(folders)) == 4
    assert [credentials_folder(workspace, in_memory=tmp_path) for workspace in workspaces] == folders


def test_a_machine_without_such_a_place_keeps_them_with_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "ada--default"
    assert credentials_folder(workspace, in_memory=tmp_path / "nowhere") == workspace / "credentials"


@pytest.mark.parametrize("is_link", [True, False], ids=["a link", "open to others"])
def test_a_folder_that_somebody_else_may_have_prepared_is_not_used(tmp_path: Path, *, is_link: bool) -> None:
    prepared = tmp_path / f"studiolo-{os.getuid()}"
    if is_link:
        (tmp_path / "theirs").mkdir(mode=0o700)
        prepared.symlink_to(tmp_path / "theirs")
    else:
        prepared.mkdir()
        prepared.chmod(0o777)
    workspace = tmp_path / "ada--default"
    assert credentials_folder(workspace, in_memory=tmp_path) == workspace / "credentials"


def test_a_new_start_finds_nothing_of_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "x" / "credentials"
    write_credentials(folder, {"git/old": "canary"})
    write_credentials(folder, {"git/new": "x"})
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["new"]
    write_credentials(folder, {})
    assert not folder.exists()
    remove_credentials(folder)


@pytest.mark.skipif(not IN_MEMORY.is_dir(), reason="not run: no file system in memory")
def test_this_machine_keeps_them_in_memory(tmp_path: Path) -> None:
    assert credentials_folder(tmp_path).is_relative_to(IN_MEMORY)
