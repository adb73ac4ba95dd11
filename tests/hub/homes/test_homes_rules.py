"""What a home is called once it is put aside, and which one comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.homes.rules import ARCHIVE, archive_name, folder_parts, newest_archive
from studiolo.names import home_name, is_home_name

NOW = datetime(2026, 11, 26, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize("home", ["alice", home_name("Alice@example.org")])
def test_a_home_that_is_put_aside_has_its_moment_in_its_name(home: str) -> None:
    assert archive_name(home, now=NOW, taken=()) == f"{home}.20261126T201500Z"


def test_two_in_one_second_have_different_names() -> None:
    first = archive_name("alice", now=NOW, taken=())
    second = archive_name("alice", now=NOW, taken={first})
    assert second == f"{first}.2"
    assert newest_archive("alice", [second, first]) == second


def test_the_last_one_comes_back_and_only_its_own_person_s() -> None:
    names = [
        "alice.20261126T201500Z",
        "alice.20261126T201500Z.9",
        "alice.20261126T201500Z.10",
        "alice.20251126T201500Z",
        "alice-b.20271126T201500Z",
        "alice---0123456789abcdef.20271126T201500Z",
        "alice",
        "alice.yesterday",
        "alice.20291126T201500Z.old",
    ]
    assert newest_archive("alice", names) == "alice.20261126T201500Z.10"
    assert newest_archive("bob", names) is None


@given(st.text(max_size=200))
def test_no_home_has_the_name_of_the_archive_or_of_what_lies_in_it(user: str) -> None:
    home = home_name(user)
    assert home != ARCHIVE
    assert not is_home_name(archive_name(home, now=NOW, taken=()))
    assert newest_archive(home, [archive_name(home, now=NOW, taken=())]) is not None


@pytest.mark.parametrize(
    ("folder", "parts"), [("", ()), ("people", ("people",)), ("/a/b/", ("a", "b")), ("a/./b", ("a", "b"))]
)
def test_homes_may_lie_deeper_in_the_volume(folder: str, parts: tuple[str, ...]) -> None:
    assert folder_parts(folder) == parts


@pytest.mark.parametrize("folder", ["..", "a/../../b", "a\0b"])
def test_nothing_leads_out_of_the_volume(folder: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        folder_parts(folder)
