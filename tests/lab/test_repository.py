"""The repository of a workspace: cloned once, brought up to date, and never a byte of somebody's work touched."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from studiolo_lab.git_program import Git
from studiolo_lab.repository import FORGOTTEN_AFTER_SECONDS, HALF_CLONE
from tests.lab.repositories import ADDRESS, Repositories

CLONED = ("info", "~/iris is there: cloned from git.example.org.")
LEFT = "~/iris was left as it is: "


@pytest.fixture
def some(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path)


@pytest.fixture
async def cloned(some: Repositories) -> Repositories:
    assert await some.bring() == CLONED
    return some


def left_alone(told: tuple[str, str] | None) -> str:
    assert told is not None
    level, text = told
    assert level == "warning"
    assert text.startswith(LEFT)
    return text.removeprefix(LEFT)


# -- the first start


async def test_the_first_start_clones_it_into_the_home(some: Repositories) -> None:
    assert await some.bring() == CLONED
    assert (some.place / "README.md").read_text() == "first\n"
    assert some.run("remote", "get-url", "--push", "origin").endswith("/team/iris.git")
    assert some.run("config", "remote.origin.url") == ADDRESS
    assert some.run("status", "--porcelain=v1", "--branch") == "## main...origin/main"
    assert [path.name for path in some.home.iterdir()] == ["iris"]


async def test_the_branch_that_is_named_is_the_one_that_is_cloned(some: Repositories) -> None:
    some.push("plots.py", "plots\n", branch="plots")
    assert await some.bring(f"{ADDRESS}#plots") == CLONED
    assert some.run("branch", "--show-current") == "plots"
    assert (some.place / "plots.py").exists()


async def test_an_empty_folder_at_its_place_is_in_nobody_s_way(some: Repositories) -> None:
    some.place.mkdir()
    assert await some.bring() == CLONED


async def test_a_clone_that_fails_leaves_nothing_and_says_why(some: Repositories) -> None:
    told = await some.bring("https://git.example.org/team/none.git")
    assert told is not None
    assert told[0] == "warning"
    assert told[1].startswith("~/none was not cloned: git.example.org has no such repository, or does not show it")
    told = await some.bring(f"{ADDRESS}#none")
    assert told == (
        "warning",
        "~/iris was not cloned: git.example.org has no such branch any more, or never had it.",
    )
    assert list(some.home.iterdir()) == []


async def test_a_home_that_cannot_be_written_is_said(some: Repositories, tmp_path: Path) -> None:
    gone = tmp_path / "none" / "home"
    some.home = gone
    told = await some.bring()
    assert told is not None
    assert told[1] == "~/iris was not cloned: Your home cannot be written there."
    assert not gone.exists()


async def test_an_address_that_leads_elsewhere_than_to_https_or_ssh_is_refused(some: Repositories) -> None:
    told = await some.bring(git=Git(some.env, home=some.home))
    assert told is not None
    assert told[1].endswith("git.example.org leads to an address that is neither HTTPS nor SSH, which is refused.")


async def test_software_without_git_says_so(
    some: Repositories, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = Git({**some.env, "PATH": str(tmp_path)}, home=some.home)
    assert await some.bring(git=git) == ("warning", "~/iris was not cloned: this software has no git.")


async def test_what_an_ended_workspace_left_half_cloned_is_removed_and_what_is_under_way_is_not(
    some: Repositories,
) -> None:
    old, new = some.home / f"{HALF_CLONE}old", some.home / f"{HALF_CLONE}new"
    for folder in (old, new):
        folder.mkdir()
    then = time.time() - FORGOTTEN_AFTER_SECONDS - 60
    os.utime(old, (then, then))
    assert await some.bring() == CLONED
    assert not old.exists()
    assert new.exists()


async def test_of_two_workspaces_that_start_at_once_one_clones_it_and_the_other_has_it_too(some: Repositories) -> None:
    told = await asyncio.gather(some.bring(), some.bring())
    assert set(told) == {CLONED, None}
    assert [path.name for path in some.home.iterdir()] == ["iris"]


# -- something else is there


async def test_whatever_else_is_at_its_place_stays(some: Repositories, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for make in (
        lambda: (some.place.mkdir(), (some.place / "notes.txt").write_text("mine")),
        lambda: some.place.write_text("mine"),
        lambda: some.place.symlink_to(tmp_path / "elsewhere"),
        lambda: some.place.symlink_to(tmp_path / "nowhere"),
    ):
        make()
        before = some.work()
        assert left_alone(await some.bring()).startswith("something else is there already.")
        assert some.work() == before
        if some.place.is_dir() and not some.place.is_symlink():
            (some.place / "notes.txt").unlink()
            some.place.rmdir()
        else:
            some.place.unlink()


async def test_another_repository_at_its_place_stays(some: Repositories) -> None:
    some.place.mkdir()
    some.run("init", "--quiet")
    some.run("remote", "add", "origin", "https://git.example.org/other/iris.git")
    some.commit("mine.txt", "mine")
    before = some.work()
    assert left_alone(await some.bring()).startswith("another repository is there already.")
    assert some.work() == before


async def test_a_home_that_is_a_repository_itself_is_not_taken_for_it(some: Repositories) -> None:
    some.run("init", "--quiet", folder=some.home)
    some.run("remote", "add", "origin", ADDRESS, folder=some.home)
    some.place.mkdir()
    (some.place / "notes.txt").write_text("mine")
    before = some.work()
    assert left_alone(await some.bring()).startswith("something else is there already.")
    assert some.work() == before


# -- later starts


async def test_a_later_start_with_nothing_new_changes_and_says_nothing(cloned: Repositories) -> None:
    before = cloned.work()
    assert await cloned.bring() is None
    assert cloned.work() == before


async def test_new_commits_come_in(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n")
    assert await cloned.bring() == ("info", "~/iris has 1 new commit from git.example.org.")
    cloned.push("b.py", "b\n")
    cloned.push("README.md", "second\n")
    assert await cloned.bring() == ("info", "~/iris has 2 new commits from git.example.org.")
    assert (cloned.place / "README.md").read_text() == "second\n"
    assert cloned.run("status", "--porcelain=v1", "--branch") == "## main...origin/main"


async def test_the_same_repository_by_another_address_follows_too(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n")
    told = await cloned.bring("git@git.example.org:team/iris")
    assert told == ("info", "~/iris has 1 new commit from git.example.org.")


async def test_the_person_s_commits_come_after_the_new_ones(cloned: Repositories) -> None:
    cloned.commit("mine.py", "mine\n")
    cloned.commit("mine.py", "mine, better\n")
    (cloned.place / "draft.ipynb").write_text("in no commit")
    cloned.push("a.py", "a\n")
    told = await cloned.bring()
    assert told == ("info", "~/iris has 1 new commit from git.example.org, and yours after it.")
    assert cloned.run("log", "--format=%s", "-4").splitlines() == [
        *("My mine.py", "My mine.py", "Write a.py", "Write README.md"),
    ]
    assert (cloned.place / "mine.py").read_text() == "mine, better\n"
    assert (cloned.place / "draft.ipynb").read_text() == "in no commit"
    assert cloned.run("branch", "--show-current") == "main"
    assert len(cloned.run("worktree", "list").splitlines()) == 1


async def test_commits_that_cannot_be_moved_leave_everything_exactly_as_it_was(cloned: Repositories) -> None:
    cloned.commit("README.md", "mine\n")
    cloned.push("README.md", "theirs\n")
    before = cloned.work()
    assert left_alone(await cloned.bring()).startswith("your commits and new ones of the server change the same lines.")
    assert cloned.work() == before
    assert len(cloned.run("worktree", "list").splitlines()) == 1


async def test_a_branch_that_was_written_anew_on_the_server_takes_no_commit_away(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n")
    assert await cloned.bring() is not None
    cloned.run("reset", "--quiet", "--hard", "HEAD~1", folder=cloned.colleague)
    cloned.run("push", "--quiet", "--force", "origin", "HEAD:main", folder=cloned.colleague)
    cloned.push("b.py", "b\n")
    told = await cloned.bring()
    assert told == ("info", "~/iris has 1 new commit from git.example.org, and yours after it.")
    assert (cloned.place / "a.py").exists()
    assert (cloned.place / "b.py").exists()


# -- work that is in the way


def edit(some: Repositories) -> None:
    (some.place / "README.md").write_text("edited")


def stage(some: Repositories) -> None:
    (some.place / "new.py").write_text("staged")
    some.run("add", "new.py")


def delete(some: Repositories) -> None:
    (some.place / "README.md").unlink()


def detach(some: Repositories) -> None:
    some.run("checkout", "--quiet", "--detach")


def branch_off(some: Repositories) -> None:
    some.run("checkout", "--quiet", "-b", "plots")


def untracked(some: Repositories) -> None:
    (some.place / "a.py").write_text("mine, in no commit")


def ignored(some: Repositories) -> None:
    (some.place / ".git" / "info" / "exclude").write_text("a.py\n")
    untracked(some)


def ignored_folder(some: Repositories) -> None:
    (some.place / ".git" / "info" / "exclude").write_text("a.py\n")
    (some.place / "a.py").mkdir()
    (some.place / "a.py" / "data.csv").write_text("mine")


def ignored_after_a_commit(some: Repositories) -> None:
    """A file that was committed by mistake, and is kept without."""
    some.commit("a.py", "by mistake\n")
    some.run("rm", "--quiet", "--cached", "a.py")
    some.run("commit", "--quiet", "--message", "Without it")
    ignored(some)


def merge(some: Repositories) -> None:
    some.run("checkout", "--quiet", "-b", "side")
    some.commit("README.md", "side\n")
    some.run("checkout", "--quiet", "main")
    some.commit("README.md", "main\n")
    with pytest.raises(Exception, match="merge"):
        some.run("merge", "--quiet", "side")


def rebase(some: Repositories) -> None:
    some.run("checkout", "--quiet", "-b", "side")
    some.commit("README.md", "side\n")
    some.run("checkout", "--quiet", "main")
    some.commit("README.md", "main\n")
    with pytest.raises(Exception, match="rebase"):
        some.run("rebase", "--quiet", "side")


def merge_of_one_s_own(some: Repositories) -> None:
    some.run("checkout", "--quiet", "-b", "side")
    some.commit("side.py", "side\n")
    some.run("checkout", "--quiet", "main")
    some.commit("main.py", "main\n")
    some.run("merge", "--quiet", "--no-edit", "side")


IN_THE_WAY = 'files of yours that are in no commit are in the way of new ones: "a.py".'


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        (edit, "it has changes that are not committed. On the server 1 new commit waits."),
        (stage, "it has changes that are not committed."),
        (delete, "it has changes that are not committed."),
        (detach, "no branch is checked out there."),
        (branch_off, "its branch plots follows none of the server."),
        (untracked, IN_THE_WAY),
        (ignored, IN_THE_WAY),
        (ignored_folder, IN_THE_WAY),
        (merge, "a merge is not finished there."),
        (rebase, "a rebase is not finished there."),
        (merge_of_one_s_own, "there is a merge among your own commits."),
    ],
)
async def test_work_is_left_alone_to_the_last_byte(cloned: Repositories, do: object, reason: str) -> None:
    assert callable(do)
    do(cloned)
    cloned.push("a.py", "theirs\n")
    before = cloned.work()
    assert left_alone(await cloned.bring()).startswith(reason)
    assert cloned.work() == before


async def test_a_file_that_was_committed_by_mistake_and_is_kept_without_survives_its_commits_being_moved(
    cloned: Repositories,
) -> None:
    ignored_after_a_commit(cloned)
    cloned.push("b.py", "theirs\n")
    told = await cloned.bring()
    assert told == ("info", "~/iris has 1 new commit from git.example.org, and yours after it.")
    assert (cloned.place / "a.py").read_text() == "mine, in no commit"
    assert (cloned.place / "b.py").exists()


async def test_a_file_where_a_new_folder_must_be_stays(cloned: Repositories) -> None:
    (cloned.place / ".git" / "info" / "exclude").write_text("data\n")
    (cloned.place / "data").write_text("mine")
    cloned.push("data/new.csv", "theirs\n")
    before = cloned.work()
    assert "in the way of new ones" in left_alone(await cloned.bring())
    assert cloned.work() == before


async def test_another_branch_than_the_one_that_is_asked_for_stays(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n", branch="plots")
    before = cloned.work()
    told = left_alone(await cloned.bring(f"{ADDRESS}#plots"))
    assert told == "its branch is main, and this workspace was started with plots."
    assert cloned.work() == before


async def test_a_folder_that_became_a_file_on_the_server_does_not_cost_what_is_ignored_in_it(
    cloned: Repositories,
) -> None:
    cloned.push("runs/a.txt", "a\n")
    await cloned.bring()
    (cloned.place / ".git" / "info" / "exclude").write_text("*.log\n")
    (cloned.place / "runs" / "mine.log").write_text("mine")
    cloned.run("rm", "--quiet", "-r", "runs", folder=cloned.colleague)
    cloned.push("runs", "now a file\n")
    before = cloned.work()
    left_alone(await cloned.bring())
    assert cloned.work() == before


async def test_a_branch_that_is_gone_from_the_server_stays_here(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n", branch="plots")
    cloned.run("fetch", "--quiet")
    cloned.run("checkout", "--quiet", "plots")
    cloned.run("push", "--quiet", "origin", ":plots", folder=cloned.colleague)
    before = cloned.work()
    told = await cloned.bring()
    assert told == (
        "warning",
        "~/iris was not brought up to date: git.example.org has no such branch any more, or never had it.",
    )
    assert cloned.work() == before


# -- nothing that a repository holds is run


async def test_no_hook_runs_and_no_program_that_a_setting_of_the_repository_names(
    cloned: Repositories, tmp_path: Path
) -> None:
    proof = tmp_path / "was-run"
    hooks = cloned.place / ".git" / "hooks"
    for name in ("post-checkout", "post-merge", "pre-rebase", "post-rewrite", "reference-transaction", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> '{proof}'\n")
        (hooks / name).chmod(0o755)
    cloned.commit("mine.py", "mine\n")
    assert proof.exists()  # so that a file that is missing afterwards says something
    proof.unlink()
    cloned.run("config", "core.fsmonitor", f"touch '{proof}'")
    cloned.push("a.py", "a\n")
    proof.unlink(missing_ok=True)
    told = await cloned.bring()
    assert told == ("info", "~/iris has 1 new commit from git.example.org, and yours after it.")
    assert not proof.exists()


async def test_a_lock_that_an_ended_git_left_is_said_and_nothing_changes(cloned: Repositories) -> None:
    cloned.push("a.py", "a\n")
    (cloned.place / ".git" / "index.lock").touch()
    before = cloned.work()
    told = await cloned.bring()
    assert told is not None
    assert told[1].startswith("~/iris was not brought up to date: Another git is at work in it")
    assert cloned.work() == before


async def test_a_mirror_s_settings_do_not_let_the_server_write_over_branches(cloned: Repositories) -> None:
    cloned.run("config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*")
    cloned.run("config", "remote.origin.mirror", "true")
    cloned.commit("mine.py", "mine\n")
    cloned.push("a.py", "a\n")
    mine = cloned.run("rev-parse", "HEAD")
    left_alone(await cloned.bring())
    assert cloned.run("rev-parse", "HEAD") == mine


async def test_variables_that_are_for_something_else_lead_nowhere_else(cloned: Repositories, tmp_path: Path) -> None:
    wicked = {
        "GIT_DIR": str(cloned.forge),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_EXEC_PATH": str(tmp_path),
    }
    cloned.push("a.py", "a\n")
    git = Git({**cloned.env, **wicked}, home=cloned.home, protocols="file")
    assert await cloned.bring(git=git) == ("info", "~/iris has 1 new commit from git.example.org.")
