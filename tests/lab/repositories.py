"""A forge, a colleague and a home in one folder: real repositories, and git as the workspace runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from studiolo_lab.git_program import Git
from studiolo_lab.notices import Board
from studiolo_lab.repository import KEY, bring

ADDRESS = "https://git.example.org/team/iris.git"
"""Leads to the forge's folder: git is told so in its settings."""

FOLLOWS_THE_SERVER = ("objects", "refs/remotes", "logs", "packed-refs")
"""What may change in a repository without any work in it being touched."""


class Repositories:
    """`forge` is what the server has, `colleague` somebody's clone of it, `home` the person's."""

    def __init__(self, root: Path) -> None:
        """Makes them, with a first commit in the branch `main`."""
        self.home = root / "home"
        self.home.mkdir()
        self.forge = root / "forge" / "team" / "iris.git"
        self.colleague = root / "colleague"
        settings = root / "settings"
        settings.write_text(
            f'[url "file://{root}/forge/"]\n\tinsteadOf = https://git.example.org/\n'
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        )
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": str(settings),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.git = Git(self.env, home=self.home, protocols="file")
        self.run("init", "--quiet", "--bare", str(self.forge), folder=root)
        self.run("clone", "--quiet", ADDRESS, str(self.colleague), folder=root)
        self.push("README.md", "first\n")

    @property
    def place(self) -> Path:
        """Where the clone is."""
        return self.home / "iris"

    def run(self, *words: str, folder: Path | None = None) -> str:
        """What git prints in a folder; the clone's unless another is named."""
        done = subprocess.run(
            ("git", *words), cwd=folder or self.place, env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def push(self, name: str, text: str, *, branch: str = "main") -> None:
        """A commit of the colleague's, on the server."""
        path = self.colleague / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.run("add", "--all", "--force", folder=self.colleague)
        self.run("commit", "--quiet", "--message", f"Write {name}", folder=self.colleague)
        self.run("push", "--quiet", "origin", f"HEAD:{branch}", folder=self.colleague)

    def commit(self, name: str, text: str) -> None:
        """A commit of the person's own."""
        (self.place / name).write_text(text)
        self.run("add", "--force", name)
        self.run("commit", "--quiet", "--message", f"My {name}")

    async def bring(self, address: str = ADDRESS, *, git: Git | None = None) -> tuple[str, str] | None:
        """A start of the workspace: level and text of what its person is told."""
        board = Board()
        await bring(address, home=self.home, git=git or self.git, board=board)
        said = {notice.key: (notice.level, notice.text) for notice in board.current()}
        assert set(said) <= {KEY}
        return said.get(KEY)

    def work(self) -> dict[str, tuple[bytes, int, int]]:
        """All of the person's work: bytes, rights and times of every file, and git's own state but what it fetched."""
        found = {}
        for path in sorted(self.home.rglob("*")):
            relative = str(path.relative_to(self.home))
            _, is_git, inner = relative.partition(".git/")
            if path.is_dir() or (is_git and inner.startswith(FOLLOWS_THE_SERVER)):
                continue
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[relative] = (content, path.lstat().st_mode, path.lstat().st_mtime_ns)
        return found
