"""`studiolo password` shows the administrator's password alone on the last line, and changes anybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from deploy.local.commands import password
from hub.passwords import ADMIN, PasswordFile
from spawner.data_directory import DataDirectory
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def passwords(tmp_path: Path) -> PasswordFile:
    passwords = PasswordFile.of(DataDirectory(root=tmp_path))
    passwords.ensure_admin()
    return passwords


def last_line(*arguments: str, stdin: str | None = None) -> str:
    result = CliRunner().invoke(password, list(arguments), input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()[-1]


def test_the_password_stands_alone_on_the_last_line(passwords: PasswordFile, tmp_path: Path) -> None:
    assert passwords.check(ADMIN, last_line("--data", str(tmp_path)))


def test_change_makes_a_new_one_and_the_old_one_is_worth_nothing(passwords: PasswordFile, tmp_path: Path) -> None:
    old = last_line("--data", str(tmp_path))
    new = last_line("--data", str(tmp_path), "--change")
    assert passwords.check(ADMIN, new)
    assert not passwords.check(ADMIN, old)
    assert last_line("--data", str(tmp_path)) == new


def test_a_password_can_be_chosen_on_standard_input(passwords: PasswordFile, tmp_path: Path) -> None:
    assert last_line("--data", str(tmp_path), "--change", "--stdin", stdin="correct horse\n") == "correct horse"
    assert passwords.check(ADMIN, "correct horse")


def test_a_password_that_is_too_short_is_refused(passwords: PasswordFile, tmp_path: Path) -> None:
    with pytest.raises(StudioloError, match="at least 8 characters"):
        last_line("--data", str(tmp_path), "--change", "--stdin", stdin="short\n")


def test_standard_input_without_change_is_a_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(password, ["--data", str(tmp_path), "--stdin"])
    assert result.exit_code == 2
    assert "add --change" in result.output


def test_somebody_elses_password_can_be_changed_but_not_shown(passwords: PasswordFile, tmp_path: Path) -> None:
    passwords.set("ada", "an old password")
    with pytest.raises(StudioloError, match="kept as a hash only"):
        last_line("--data", str(tmp_path), "--user", "ada")
    assert passwords.check("ada", last_line("--data", str(tmp_path), "--user", "ada", "--change"))


def test_nobody_of_that_name_is_refused_with_the_nearest(passwords: PasswordFile, tmp_path: Path) -> None:
    with pytest.raises(StudioloError, match=r'Nobody called admn may sign in here\. Perhaps you meant "admin"'):
        last_line("--data", str(tmp_path), "--user", "admn", "--change")


def test_before_the_first_start_there_is_no_password_and_it_says_how_to_get_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StudioloError) as refused:
            last_line("--data", str(folder))
        assert "studiolo up" in refused.value.hint
