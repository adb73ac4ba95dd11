"""The helper that git asks: a real git, real files, and nothing for anybody who should not have it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workspace_server import git_credential

HELPER = Path(git_credential.__file__)
QUESTION = "protocol=https\nhost=git.example.org\n"
TOKEN = "canary-of-git"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git = tmp_path / "git"
    git.mkdir()
    (git / "forge").write_text(f"https://ada:{TOKEN}@git.example.org\n")
    (git / "lab").write_text("https://bot:p%40ss%2Fword@lab.example.org:8443\nhttp://x:y@plain.example.org\n")
    return tmp_path


def ask(folder: Path, question: str, *arguments: str) -> str:
    return git_credential.main(list(arguments or ("get",)), question, {"STUDIOLO_CREDENTIALS": str(folder)})


def test_git_gets_user_and_token_of_the_host_that_it_asks_for(folder: Path) -> None:
    assert ask(folder, QUESTION) == f"username=ada\npassword={TOKEN}\n"
    assert ask(folder, "protocol=https\nhost=GIT.example.org:443\n") == f"username=ada\npassword={TOKEN}\n"
    assert ask(folder, "protocol=https\nhost=lab.example.org:8443\n") == "username=bot\npassword=p@ss/word\n"


def test_a_person_s_own_token_counts_before_one_of_a_team(folder: Path) -> None:
    (folder / "git" / "a-team--forge").write_text("https://bot:of-the-team@git.example.org\n")
    assert ask(folder, QUESTION) == f"username=ada\npassword={TOKEN}\n"
    (folder / "git" / "forge").unlink()
    assert ask(folder, QUESTION) == "username=bot\npassword=of-the-team\n"


@pytest.mark.parametrize(
    "question",
    [
        *("", "protocol=https\n", "host=git.example.org\n", "protocol=http\nhost=git.example.org\n"),
        *("protocol=https\nhost=git.example.org.evil.example\n", "protocol=https\nhost=evil-git.example.org\n"),
        *("protocol=https\nhost=git.example.org:8443\n", "protocol=https\nhost=lab.example.org\n"),
        *("protocol=https\nhost=ada@git.example.org\n", "protocol=http\nhost=plain.example.org\n"),
        *("protocol=https\nhost=plain.example.org\n", f"{QUESTION}username=eve\n"),
    ],
)
def test_any_other_host_and_any_other_user_gets_nothing(folder: Path, question: str) -> None:
    assert ask(folder, question) == ""


@pytest.mark.parametrize("arguments", [("store",), ("erase",), (), ("get", "x")])
def test_nothing_is_stored_and_nothing_is_erased(folder: Path, arguments: tuple[str, ...]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    environ = {"STUDIOLO_CREDENTIALS": str(folder)}
    assert git_credential.main(list(arguments), f"{QUESTION}username=eve\npassword=new\n", environ) == ""
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_token_with_a_line_break_tells_git_nothing_else(folder: Path) -> None:
    (folder / "git" / "forge").write_text("https://ada:x%0Ausername=root@git.example.org\n")
    assert ask(folder, QUESTION) == ""


def test_a_file_that_cannot_be_read_hides_no_other(folder: Path) -> None:
    (folder / "git" / "a").write_bytes(b"\xff\xfe")
    (folder / "git" / "b").symlink_to(folder / "gone")
    (folder / "git" / "c").write_text("https://[broken\n")
    (folder / "git" / "d").mkdir()
    assert TOKEN in ask(folder, QUESTION)


def test_without_a_folder_git_asks_as_it_always_did(tmp_path: Path) -> None:
    assert ask(tmp_path / "none", QUESTION) == ""


def test_a_changed_token_is_the_one_that_counts_at_once(folder: Path) -> None:
    (folder / "git" / "forge").write_text("https://ada:newer@git.example.org\n")
    assert ask(folder, QUESTION).endswith("password=newer\n")
    (folder / "git" / "forge").unlink()
    assert ask(folder, QUESTION) == ""


def test_git_itself_is_content_with_what_it_is_told(folder: Path, tmp_path: Path) -> None:
    command = shlex.join((sys.executable, "-I", str(HELPER)))
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"!{command}",
        "STUDIOLO_CREDENTIALS": str(folder),
    }
    filled = subprocess.run(
        ("git", "credential", "fill"), input=QUESTION, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert f"username=ada\npassword={TOKEN}\n" in filled.stdout
    approved = subprocess.run(
        ("git", "credential", "approve"),
        input=filled.stdout,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (approved.stdout, approved.stderr) == ("", "")
