"""Where a folder stands in git: its commit, and what of it is in none."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_DIFF: Final = 1_000_000
"""Characters of uncommitted changes that are read. The services take no more."""

LARGEST_DIFF: Final = 256 * 1024
"""Characters of what was not committed that are kept. More of it says that something should be."""

LEFT_OUT: Final = "(a line that looks like a secret)"

_KEY_BEGINS, _KEY_ENDS = "-----BEGIN ", "-----END "
LONGEST_KEY: Final = 200
"""Lines of a private key; a longer one is none, or its end is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """Of a folder; all of it empty where it is in no repository, or in one without a commit."""

    commit: str = ""
    diff: str = ""
    untracked: tuple[str, ...] = ()
    """Files that git does not know and does not ignore either."""

    @property
    def uncommitted(self) -> str:
        """All that is in no commit: changes, and the names of files that git does not know."""
        return (self.diff + "".join(f"Not in git: {path}\n" for path in self.untracked))[:LONGEST_DIFF]

    def as_json(self) -> dict[str, Any]:
        """As a record keeps it: without what looks like a secret."""
        if not self.commit:
            return {}
        return {"commit": self.commit, "diff": kept_diff(self.uncommitted)}


def kept_diff(diff: str) -> str:
    """What was not committed, as it is remembered: no longer than is useful, and without lines that look like secrets.

    Of a private key, no line down to its end is kept.
    """
    kept: list[str] = []
    left_in_key = 0
    for line in diff[:LARGEST_DIFF].splitlines():
        is_secret = looks_like_secret(line)
        if is_secret and _KEY_BEGINS in line:
            left_in_key = LONGEST_KEY
        kept.append(LEFT_OUT if is_secret or left_in_key else line)
        left_in_key = 0 if _KEY_ENDS in line else max(0, left_in_key - 1)
    cut = "\n(cut off here)" if len(diff) > LARGEST_DIFF else ""
    return "\n".join(kept) + cut


def git_state(folder: Path) -> GitState:
    """Where it stands now. git that is missing or fails says nothing, and no repository is none."""
    commit = _asked(folder, "rev-parse", "HEAD").strip()
    if not commit:
        return GitState()
    return GitState(
        commit=commit,
        diff=_asked(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--", ".")[:LONGEST_DIFF],
        untracked=tuple(_asked(folder, "ls-files", "--others", "--exclude-standard", "--", ".").splitlines()),
    )


def _asked(folder: Path, *words: str) -> str:
    try:
        # Nothing that a repository configures is run: no file system monitor, no hooks.
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""
