from __future__ import annotations

import random
import re
import string
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studiolo.names import (
    DEFAULT_SERVER_TITLE,
    check_server_name,
    home_name,
    is_home_name,
    is_slug,
    pod_name,
    server_from_shown,
    server_name_from_title,
    shown_name,
    slug_like,
    workspace_key,
)

SAFE_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
SERVER_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")

near_names = st.text(alphabet="aAbB-._@/ 0é\u0430", max_size=12)
any_name = st.text(max_size=200) | near_names | st.text(st.characters(), min_size=200, max_size=220)
hashed_names = near_names.map(home_name)
users = any_name | hashed_names
servers = st.just("") | st.just("default") | any_name | hashed_names


def on_a_disk_that_ignores_case(part: str) -> str:
    return part.casefold()


@pytest.mark.parametrize("name", ["alice", "a", "user-1", "x" * 63])
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert home_name(name) == name


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Alice@x.org", "alice-x-org"),
        ("1st", "1st"),
        ("a--b", "a-b"),
        ("-", "x"),
        ("", "x"),
        ("..", "x"),
        ("Жанна", "x"),
        ("a" * 64, "a" * 32),
        ("trailing-", "trailing"),
        ("\ud800", "x"),
    ],
)
def test_any_other_name_becomes_a_slug_and_a_hash(name: str, slug: str) -> None:
    assert re.fullmatch(f"{slug}---[0-9a-f]{{16}}", home_name(name))


@pytest.mark.parametrize(
    "alike",
    [
        ("alice", "Alice", "ALICE", "alice\n", " alice"),
        ("a-b", "a--b", "a_b", "a.b", "a b", "a%2eb"),
        ("user@x", "user-x", "user.x"),
        ("alice", "аlice"),  # noqa: RUF001 - the second begins with a Cyrillic letter
        ("é", "e\u0301"),
        ("straße", "strasse", "STRASSE"),
        ("a" * 64, "a" * 65, "a" * 200),
        (home_name("Alice"), "Alice"),
    ],
    ids=lambda names: ascii(names[0])[:20],
)
def test_names_that_look_alike_have_different_homes(alike: tuple[str, ...]) -> None:
    assert len({on_a_disk_that_ignores_case(home_name(name)) for name in alike}) == len(alike)


@given(first=users, second=users)
def test_two_people_never_share_a_home(first: str, second: str) -> None:
    same = on_a_disk_that_ignores_case(home_name(first)) == on_a_disk_that_ignores_case(home_name(second))
    assert same == (first == second)


ALIKE: tuple[Callable[[str], str], ...] = (
    str.swapcase,
    str.upper,
    str.casefold,
    lambda name: name.replace("a", "\u0430").replace("e", "\u0435").replace("o", "\u043e"),  # Cyrillic
    lambda name: name.replace("l", "1").replace("o", "0"),
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFKC", name),
    lambda name: name.replace(".", "%2e").replace("/", "%2f"),
    lambda name: name.replace("-", "--"),
    lambda name: name.replace("-", "_"),
    lambda name: f"../{name}",
    lambda name: f"{name}/..",
    lambda name: f"./{name}",
    lambda name: f"{name}\0",
    lambda name: f" {name}",
    lambda name: f"{name}\u200b",  # has no width
    lambda name: f"\u202e{name}",  # turns what follows around
    lambda name: (name * 200)[:200],
    lambda name: (name * 200)[:201],
    lambda name: f"{name}{'x' * 200}"[:200],
    home_name,
    lambda name: home_name(home_name(name)),
)
"""What somebody may do to a name to come near another person's home."""


def pairs_that_look_alike(count: int) -> list[tuple[str, str]]:
    """Always the same ones: a failure is found again."""
    chance = random.Random(20261126)
    alphabet = "aabeloABEO019-._%@/ \u00e9\u00df\u0131\u0430\uff41"
    names = ["".join(chance.choices(alphabet, k=chance.randint(1, 40))) for _ in range(count)]
    return [(name, chance.choice(ALIKE)(name)) for name in names]


def test_ten_thousand_pairs_of_names_that_look_alike_have_homes_of_their_own() -> None:
    pairs = pairs_that_look_alike(10_000)
    for first, second in pairs:
        homes = {on_a_disk_that_ignores_case(home_name(name)) for name in (first, second)}
        assert len(homes) == len({first, second}), (first, second)
    everybody = {name for pair in pairs for name in pair}
    assert len(everybody) > 15_000
    assert len({home_name(name) for name in everybody}) == len(everybody)


@given(user=users)
def test_each_home_is_known_as_one(user: str) -> None:
    assert is_home_name(home_name(user))


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "%2e%2e", "a/b", "/", "a\0", "a\n", "Alice", ".archived", "lost+found", "a--b", "a-"),
        *("a" * 64, "a" * 200, "a---0123456789abcde", "a---0123456789abcdeF", f"{'a' * 33}---0123456789abcdef"),
    ],
)
def test_what_nobody_s_home_is_called_is_known_as_none(name: str) -> None:
    assert not is_home_name(name)


@given(user=users, server=servers)
def test_homes_and_keys_are_safe_parts_of_a_path(user: str, server: str) -> None:
    for part in (home_name(user), workspace_key(user, server)):
        assert SAFE_PART.fullmatch(part)
        assert len(part) <= 120


@given(first=st.tuples(users, servers), second=st.tuples(users, servers))
@example(first=("alice", ""), second=("alice", "default"))
@example(first=("alice--default", ""), second=("alice", "default"))
@example(first=("a--b", "c"), second=("a", "b--c"))
@example(first=("a", "b"), second=("a--b", ""))
def test_two_workspaces_never_share_a_key(first: tuple[str, str], second: tuple[str, str]) -> None:
    same = on_a_disk_that_ignores_case(workspace_key(*first)) == on_a_disk_that_ignores_case(workspace_key(*second))
    assert same == (first == second)


def test_ordinary_workspaces_have_keys_that_can_be_read() -> None:
    assert workspace_key("alice", "") == "alice--default"
    assert workspace_key("alice", "gpu-1") == "alice--gpu-1"


@pytest.mark.parametrize(
    ("title", "taken", "name"),
    [
        ("Iris, 2nd try", (), "iris-2nd-try"),
        ("Überblick", (), "uberblick"),
        ("2024 report", (), "w-2024-report"),
        ("", (), "workspace"),
        ("Ж", (), "workspace"),
        ("default", (), "default-2"),
        ("Iris", ("iris", "iris-2"), "iris-3"),
        ("x" * 40, (), "x" * 30),
        ("x" * 40, ("x" * 30,), "x" * 28 + "-2"),
        ("1" * 40, (), "w-" + "1" * 28),
    ],
)
def test_a_title_becomes_a_name_jupyterhub_accepts(title: str, taken: tuple[str, ...], name: str) -> None:
    assert server_name_from_title(title, taken) == name


@given(title=st.text(max_size=60), taken=st.sets(st.sampled_from(["workspace", "workspace-2", "a", "a-2"])))
def test_a_name_from_a_title_is_always_valid_and_free(title: str, taken: set[str]) -> None:
    name = server_name_from_title(title, taken)
    assert SERVER_NAME.fullmatch(name)
    assert len(name) <= 30
    assert "--" not in name
    assert name not in taken
    assert check_server_name(name) is None


@given(count=st.integers(1, 30))
def test_one_title_again_and_again_gives_different_names(count: int) -> None:
    taken: list[str] = []
    for _ in range(count):
        taken.append(server_name_from_title("a workspace with a rather long title", taken))
    assert len(set(taken)) == count


def test_the_workspace_without_a_name_is_shown_as_default() -> None:
    assert shown_name("") == DEFAULT_SERVER_TITLE == "default"
    assert server_from_shown("default") == ""
    assert shown_name("iris") == server_from_shown("iris") == "iris"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("default", "how the workspace without a name is shown"),
        ("a" * 31, "at most 30 characters; this one has 31"),
        ("Iris 2", "such as iris-2."),
        ("a--b", "such as a-b."),
        ("-a", "such as a."),
        ("2a", "such as w-2a."),
        ("a\n", "such as a."),
    ],
)
def test_a_name_jupyterhub_would_refuse_is_refused_with_a_sentence(name: str, said: str) -> None:
    assert said in (check_server_name(name) or "")


@pytest.mark.parametrize("name", ["", "a", "iris-2", "a" * 30])
def test_a_name_jupyterhub_accepts_has_no_problem(name: str) -> None:
    assert check_server_name(name) is None


@given(name=st.text(alphabet=string.ascii_letters + string.digits + "-_ é", max_size=40))
def test_a_suggested_slug_is_a_slug_or_nothing(name: str) -> None:
    suggestion = slug_like(name)
    assert suggestion == "" or is_slug(suggestion)


LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@given(user=st.text(max_size=300), server=st.text(max_size=60))
def test_a_pod_s_name_is_one_label_of_dns(user: str, server: str) -> None:
    assert LABEL.fullmatch(pod_name(user, server))


@given(one=st.tuples(st.text(), st.text()), other=st.tuples(st.text(), st.text()))
def test_different_workspaces_have_different_pods(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (pod_name(*one) == pod_name(*other)) == (workspace_key(*one) == workspace_key(*other))


def test_a_pod_is_called_as_its_workspace_while_that_fits() -> None:
    assert pod_name("alice", "gpu") == "ws-alice--gpu"
    assert pod_name("alice", "") == "ws-alice--default"
    assert pod_name("a" * 60, "gpu").startswith("ws-" + "a" * 32 + "---")
