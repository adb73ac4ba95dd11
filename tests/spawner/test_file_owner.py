"""How a person with a user number is called inside their workspace, and what stands in the two files about accounts."""

from __future__ import annotations

import pytest

from spawner.file_owner import FileOwner, account_annotations, account_env, account_mounts, account_volumes, login_name
from spawner.plan import Identity

OWNER = FileOwner(uid=5001, gid=6001)


def identity(user: str, owner: FileOwner | None = OWNER) -> Identity:
    return Identity(user=user, server="", teams=(), home="home", owner=owner)


@pytest.mark.parametrize("name", ["alice", "_alice", "a-b_c9", "a" * 32])
def test_a_name_that_unix_can_have_is_kept(name: str) -> None:
    assert login_name(name, OWNER) == name


@pytest.mark.parametrize(
    "name",
    ["root", "nobody", "teams", "www-data", "Alice", "alice@x.org", "ada lovelace", "5001", "ünï", "a" * 33, "-a"],
)
def test_any_other_is_a_number_that_no_program_takes_for_somebody_else(name: str) -> None:
    assert login_name(name, OWNER) == "u5001"


def files(user: str, owner: FileOwner = OWNER) -> dict[str, list[list[str]]]:
    texts = account_annotations(identity(user, owner), home="/home/jovyan", shared_gid=1000)
    return {name: [line.split(":") for line in text.splitlines()] for name, text in texts.items()}


@pytest.mark.parametrize("user", ["alice", "ada lovelace", "alice:0:0", "ünï", "root"])
def test_exactly_one_account_is_the_person_s_and_exactly_one_is_root(user: str) -> None:
    people = files(user)["studiolo.dev/passwd"]
    assert {len(fields) for fields in people} == {7}
    assert [fields[3] for fields in people if fields[2] == "5001"] == ["6001"]
    assert [fields[0] for fields in people if fields[2] == "0"] == ["root"]
    names = [fields[0] for fields in people]
    assert len(names) == len(set(names))


def test_the_person_s_group_has_them_alone_and_the_one_of_teams_is_another() -> None:
    groups = {fields[2]: fields for fields in files("alice")["studiolo.dev/group"]}
    assert groups["6001"] == ["alice", "x", "6001", ""]
    assert groups["1000"] == ["teams", "x", "1000", "alice"]


def test_where_one_group_is_everybody_s_it_is_named_once() -> None:
    groups = [fields[2] for fields in files("alice", FileOwner(uid=5001, gid=1000))["studiolo.dev/group"]]
    assert groups.count("1000") == 1


def test_without_a_number_nothing_of_the_pod_is_another() -> None:
    nobody = identity("alice", None)
    assert account_annotations(nobody, home="/home/jovyan", shared_gid=1000) == {}
    assert (account_volumes(has_own_numbers=False), account_mounts(has_own_numbers=False)) == ((), ())
    assert account_env(nobody) == {}
