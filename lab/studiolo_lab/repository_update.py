"""A repository that is in the home already follows the server's, and nothing of its person's is written over.

Their commits are moved onto new ones in a folder of their own. The repository itself is touched once that went well, in
one step that git refuses where a file was changed; and before, what git would not refuse is looked for here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studiolo_lab.git_program import GitFailed, GitMissing, GitTimedOut
from studiolo_lab.git_words import explain
from studiolo_lab.repository_plan import Found, LeftAlone, Step, is_same_repository, plan_update, why_not_even_asked

if TYPE_CHECKING:
    from studiolo_lab.git_program import Git
    from studiolo_lab.repository_plan import Asked

FETCH_SECONDS: Final = 300.0
MOVE_SECONDS: Final = 600.0

MOST_NAMED: Final = 3
"""Files in one sentence."""

UNFINISHED: Final = (
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("sequencer", "a series of picks"),
    ("BISECT_LOG", "a bisection"),
)
"""What git keeps while something is going on, and what that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    name: str
    commit: str
    tracking: str
    """Where this repository remembers the server's branch: refs/remotes/origin/main. "" where it follows none."""
    on_server: str
    """refs/heads/main."""
    remote: str


class Update:
    """One repository and its place in the home."""

    def __init__(self, asked: Asked, *, place: Path, git: Git) -> None:
        self._asked = asked
        self._place = place
        self._git = git

    async def apply(self) -> str | None:
        """What is new, as a sentence; None where nothing is. Raises LeftAlone, and whatever git fails with."""
        remote = await self._remote()
        unfinished = await self._unfinished()
        branch = await self._branch(remote)
        reason = why_not_even_asked(
            unfinished=unfinished,
            branch=branch.name if branch else None,
            has_upstream=bool(branch and branch.tracking),
            asked_branch=self._asked.branch,
        )
        if branch is None or reason is not None:
            raise LeftAlone(reason)
        refspec = f"+{branch.on_server}:{branch.tracking}"  # and no other branch, whatever is configured
        fetch = ("fetch", "--quiet", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules")
        await self._git.run_with_server(*fetch, "--", branch.remote, refspec, folder=self._place, seconds=FETCH_SECONDS)
        found = await self._found(branch)
        match plan_update(found):
            case LeftAlone() as reason_now:
                raise reason_now
            case Step.NOTHING:
                return None
            case Step.FORWARD:
                await self._move(branch, await self._commit(branch.tracking))
            case Step.REBASE:
                await self._move(branch, await self._rebased(branch))
        commits, them = ("1 new commit", "it") if found.new == 1 else (f"{found.new} new commits", "them")
        yours = f", and yours after {them}" if found.own else ""
        return f"~/{self._asked.folder} has {commits} from {self._asked.host}{yours}."

    async def _remote(self) -> str:
        """What the repository calls the server's. Raises LeftAlone where something else is at its place."""
        other = LeftAlone("something else is there already. Move it away to have the repository cloned.")
        if self._place.is_symlink() or not self._place.is_dir():
            raise other
        try:
            top = (await self._git.run("rev-parse", "--show-toplevel", folder=self._place)).removesuffix("\n")
        except GitFailed as failure:
            is_another_s = "dubious ownership" in failure.said
            raise LeftAlone("the folder belongs to somebody else.") if is_another_s else other from failure
        if not top or not await asyncio.to_thread(os.path.samefile, top, self._place):
            raise other
        urls = await self._git.ask("config", "-z", "--get-regexp", r"^remote\..*\.url$", folder=self._place)
        for entry in urls.split("\0"):
            name, _, url = entry.partition("\n")
            if is_same_repository(url, self._asked.url):
                return name.removeprefix("remote.").removesuffix(".url")
        raise LeftAlone("another repository is there already. Move it away to have this one cloned.")

    async def _unfinished(self) -> str | None:
        folder = Path((await self._git.run("rev-parse", "--absolute-git-dir", folder=self._place)).removesuffix("\n"))
        return next((what for name, what in UNFINISHED if (folder / name).exists()), None)

    async def _branch(self, remote: str) -> _Branch | None:
        """The branch that is checked out; None where there is none."""
        name = await self._git.ask("symbolic-ref", "--quiet", "--short", "HEAD", folder=self._place)
        if not name:
            return None
        fields = "%(objectname)%00%(upstream)%00%(upstream:remoteref)%00%(upstream:remotename)"
        line = await self._git.ask("for-each-ref", f"--format={fields}", f"refs/heads/{name}", folder=self._place)
        commit, tracking, on_server, followed = line.split("\0") if line else ("", "", "", "")
        is_followed = followed == remote and tracking.startswith("refs/remotes/")
        return _Branch(
            name=name,
            commit=commit,
            tracking=tracking if is_followed else "",
            on_server=on_server,
            remote=remote,
        )

    async def _found(self, branch: _Branch) -> Found:
        both = ("rev-list", "--left-right", "--count", f"{branch.commit}...{branch.tracking}")
        own, new = (await self._git.run(*both, folder=self._place)).split()
        merges = ("rev-list", "--count", "--merges", branch.commit, f"^{branch.tracking}")
        changes = ("status", "--porcelain=v1", "-z", "--untracked-files=no")
        return Found(
            is_clean=not await self._git.run(*changes, folder=self._place),
            own=int(own),
            new=int(new),
            has_own_merges=int(await self._git.run(*merges, folder=self._place)) > 0,
        )

    async def _commit(self, name: str, folder: Path | None = None) -> str:
        return (await self._git.run("rev-parse", "--verify", name, folder=folder or self._place)).strip()

    async def _rebased(self, branch: _Branch) -> str:
        """The commit that has the person's own after the server's, made in a folder that is thrown away."""
        beside = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="studiolo-rebase-"))
        tree = beside / "tree"
        try:
            add = ("worktree", "add", "--quiet", "--detach", str(tree), branch.commit)
            await self._git.run(*add, folder=self._place, seconds=MOVE_SECONDS)
            try:
                rebase = ("rebase", "--quiet", "--no-fork-point", branch.tracking)
                await self._git.run(*rebase, folder=tree, seconds=MOVE_SECONDS)
            except GitFailed as failure:
                if not await self._git.run("diff", "--name-only", "--diff-filter=U", folder=tree):
                    raise
                because = "your commits and new ones of the server change the same lines. Bring them together yourself."
                raise LeftAlone(because) from failure
            return await self._commit("HEAD", tree)
        finally:
            with contextlib.suppress(GitFailed, GitMissing):
                await self._git.run("worktree", "remove", "--force", str(tree), folder=self._place)
            await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)

    async def _move(self, branch: _Branch, commit: str) -> None:
        """Has branch and files follow to a commit. Raises LeftAlone, with nothing done, where work is in the way."""
        differing = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", branch.commit, commit)
        changed = set((await self._git.run(*differing, folder=self._place)).split("\0")) - {""}
        tracked = set((await self._git.run("ls-files", "-z", folder=self._place)).split("\0"))
        # git itself would write over a file that is ignored.
        existing = await asyncio.to_thread(_existing, self._place, changed - tracked, tracked)
        if existing:
            files = ", ".join(f'"{_printable(name)}"' for name in existing[:MOST_NAMED])
            raise LeftAlone(f"files of yours that are in no commit are in the way of new ones: {files}.")
        # A home that was copied has other times than git remembers.
        await self._git.ask("update-index", "--refresh", folder=self._place)
        is_on = await self._git.ask("symbolic-ref", "--quiet", "--short", "HEAD", folder=self._place)
        if is_on != branch.name or await self._commit("HEAD") != branch.commit:
            raise LeftAlone("somebody is working in it at this moment.")
        try:
            await self._git.run("reset", "--quiet", "--keep", commit, folder=self._place, seconds=MOVE_SECONDS)
        except GitTimedOut:
            raise
        except GitFailed as failure:
            raise LeftAlone(explain(failure.said, host=self._asked.host)) from failure


def _existing(place: Path, paths: set[str], tracked: set[str]) -> list[str]:
    """Those that would write over something: a file of that name, or one where a folder must be."""
    return sorted(path for path in paths if os.path.lexists(place / path) or _is_below_a_file(place, path, tracked))


def _is_below_a_file(place: Path, path: str, tracked: set[str]) -> bool:
    """Whether one of its folders is a file or a link that is in no commit."""
    parents = (str(parent) for parent in Path(path).parents if parent.parts)
    others = (place / parent for parent in parents if parent not in tracked)
    return any(other.is_symlink() or other.is_file() for other in others)


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)
