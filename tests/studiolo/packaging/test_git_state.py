"""What of a folder is in no commit, and what of that is remembered."""

from __future__ import annotations

import subprocess
from pathlib import Path

from studiolo.packaging.git_state import LARGEST_DIFF, LEFT_OUT, git_state, kept_diff

TOKEN = "ghp_" + "0123456789abcdefghij"


def test_a_diff_is_kept_without_what_looks_like_a_secret_and_no_longer_than_is_useful() -> None:
    assert kept_diff(f"+ a\n+ TOKEN = '{TOKEN}'\n+ b") == f"+ a\n{LEFT_OUT}\n+ b"
    assert len(kept_diff("x" * (LARGEST_DIFF * 2))) < LARGEST_DIFF + 100
    assert kept_diff("") == ""


def test_no_line_of_a_private_key_is_kept() -> None:
    begins, ends = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    kept = kept_diff(f"+a\n+{begins}\n+MIIEow\n+IBAAKC\n+{ends}\n+b\n-{begins}\n" + "+MIIEow\n" * 90)
    assert kept.splitlines()[:6] == ["+a", *[LEFT_OUT] * 4, "+b"]
    assert "MIIEow" not in kept


def test_a_record_has_the_commit_and_what_is_in_none_without_secrets(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    assert git_state(tmp_path).as_json() == {}
    git("init")
    (tmp_path / "a.py").write_text("A = 1\n")
    git("add", ".")
    git("commit", "-m", "one")
    assert git_state(tmp_path).as_json()["diff"] == ""
    (tmp_path / "a.py").write_text(f"A = 2\nTOKEN = '{TOKEN}'\n")
    (tmp_path / "b.py").write_text("")
    record = git_state(tmp_path).as_json()
    assert len(record["commit"]) == 40
    assert "+A = 2" in record["diff"]
    assert "Not in git: b.py" in record["diff"]
    assert TOKEN not in record["diff"]
