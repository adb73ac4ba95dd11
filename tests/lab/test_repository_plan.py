"""What is done with a repository in the home, and whether two addresses name the same one: plain values in and out."""

from __future__ import annotations

import pytest

from spawner.git_address import parse_git_address
from studiolo_lab.repository_plan import (
    Asked,
    Found,
    LeftAlone,
    Step,
    is_same_repository,
    plan_update,
    why_not_even_asked,
)


def found(*, is_clean: bool = True, own: int = 0, new: int = 0, has_own_merges: bool = False) -> Found:
    return Found(is_clean=is_clean, own=own, new=new, has_own_merges=has_own_merges)


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (found(), Step.NOTHING),
        (found(own=3), Step.NOTHING),
        (found(is_clean=False, own=2, has_own_merges=True), Step.NOTHING),
        (found(new=1), Step.FORWARD),
        (found(new=4, own=1), Step.REBASE),
    ],
)
def test_a_branch_follows_the_server_s_with_the_person_s_commits_after_it(state: Found, step: Step) -> None:
    assert plan_update(state) == step


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (found(is_clean=False, new=1), "it has changes that are not committed. On the server 1 new commit waits."),
        (
            found(is_clean=False, new=2, own=1),
            "it has changes that are not committed. On the server 2 new commits wait.",
        ),
        (found(new=1, own=2, has_own_merges=True), "there is a merge among your own commits. On the server 1 new"),
    ],
)
def test_it_is_left_alone_where_work_could_be_hurt(state: Found, reason: str) -> None:
    step = plan_update(state)
    assert isinstance(step, LeftAlone)
    assert str(step).startswith(reason)


@pytest.mark.parametrize(
    ("unfinished", "branch", "has_upstream", "asked", "reason"),
    [
        ("a merge", "main", True, None, "a merge is not finished there."),
        ("a rebase", None, False, None, "a rebase is not finished there."),
        (None, None, False, None, "no branch is checked out there."),
        (None, "plots", True, "main", "its branch is plots, and this workspace was started with main."),
        (None, "plots", False, None, "its branch plots follows none of the server."),
        (None, "main", True, "main", None),
        (None, "main", True, None, None),
    ],
)
def test_the_server_is_not_even_asked_where_the_person_is_in_the_middle_of_something(
    unfinished: str | None, branch: str | None, has_upstream: bool, asked: str | None, reason: str | None
) -> None:
    assert (
        why_not_even_asked(unfinished=unfinished, branch=branch, has_upstream=has_upstream, asked_branch=asked)
        == reason
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://git.example.org/team/iris.git",
        "https://git.example.org:8443/~ada/My%20Team/iris/#feature/x",
        "ssh://git@git.example.org:2222/team/iris.git#main",
        "git@git.example.org:team/iris",
        "git@forge:iris.git",
    ],
)
def test_the_workspace_reads_an_address_as_the_hub_does(text: str) -> None:
    hub, here = parse_git_address(text), Asked.parse(text)
    assert here is not None
    assert (here.url, here.branch, here.host, here.folder) == (hub.url, hub.branch, hub.host, hub.folder)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-oProxyCommand=x", "https://h/.jupyter", "https://h/..", "https://h/x#-b", "https://h/", "git@h:"],
)
def test_what_is_no_address_is_none_whoever_wrote_it(text: str) -> None:
    assert Asked.parse(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://git.example.org/team/iris.git", "https://git.example.org/team/iris"),
        ("https://git.example.org/team/iris", "https://ada:token@GIT.example.org:443/team/iris.git/"),
        ("https://git.example.org/team/iris", "git@git.example.org:team/iris.git"),
        ("https://git.example.org:8443/team/iris", "ssh://git@git.example.org:2222/team/iris"),
        ("git@git.example.org:team/iris", "ssh://git@git.example.org/team/iris.git"),
        ("/srv/iris", "/srv/iris"),
    ],
)
def test_one_repository_has_many_addresses(one: str, other: str) -> None:
    assert is_same_repository(one, other)
    assert is_same_repository(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://git.example.org/team/iris", "https://git.example.org/team/iris2"),
        ("https://git.example.org/team/iris", "https://git.example.org/Team/iris"),
        ("https://git.example.org/team/iris", "https://git.example.com/team/iris"),
        ("https://git.example.org:8443/team/iris", "https://git.example.org/team/iris"),
        ("https://git.example.org/team/iris", "/srv/team/iris"),
        ("https://git.example.org/team/iris", ""),
    ],
)
def test_others_are_others(one: str, other: str) -> None:
    assert not is_same_repository(one, other)
    assert not is_same_repository(other, one)
