"""Where a folder stands in git: its commit, and what of it is in none."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_DIFF: Final = 1_000_000
"""Characters of uncommitted changes that are kept."""


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
        return self.diff + "".join(f"Not in git: {path}\n" for path in self.untracked)

    def as_json(self) -> dict[str, Any]:
        """As a record keeps it."""
        if not self.commit:
            return {}
        return {"commit": self.commit, "diff": self.diff, "untracked": list(self.untracked)}


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
