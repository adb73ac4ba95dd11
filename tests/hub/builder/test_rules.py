"""Names, versions, rights and quotas of model packages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builder.rules import (
    HOUR,
    Action,
    Used,
    may,
    must_wait,
    name_from,
    problems_with_name,
    problems_with_secrets,
    problems_with_space,
    problems_with_version,
    repository_of,
)
from hub.credentials.credential import Owner
from hub.credentials.rights import Answer, Standing, TeamFacts
from studiolo.packaging.secret_scan import FoundSecret

YES, REFUSED, HIDDEN = Answer.YES, Answer.REFUSED, Answer.HIDDEN
SEE, PACKAGE, DELETE = Action.SEE, Action.PACKAGE, Action.DELETE

OCI_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
"""OCI distribution specification 1.1."""


def somebody(*, is_admin: bool = False, team: TeamFacts | None = None) -> Standing:
    return Standing(name="alice", is_admin=is_admin, teams={} if team is None else {"vision": team})


LEAD = TeamFacts(leads=("alice",))
MEMBER = TeamFacts(leads=("bob",))
LEFT = TeamFacts(leads=("alice",), is_member=False)


@pytest.mark.parametrize(
    ("who", "owner", "see", "package", "delete"),
    [
        pytest.param(somebody(), Owner.person("alice"), YES, YES, YES, id="their own"),
        pytest.param(somebody(), Owner.person("bob"), HIDDEN, HIDDEN, HIDDEN, id="another person's"),
        pytest.param(somebody(is_admin=True), Owner.person("bob"), HIDDEN, HIDDEN, HIDDEN, id="an administrator"),
        pytest.param(somebody(team=LEAD), Owner.of_team("vision"), YES, YES, YES, id="who leads the team"),
        pytest.param(somebody(team=MEMBER), Owner.of_team("vision"), YES, YES, REFUSED, id="a member"),
        pytest.param(somebody(team=LEFT), Owner.of_team("vision"), HIDDEN, HIDDEN, HIDDEN, id="who led it and left"),
        pytest.param(somebody(), Owner.of_team("vision"), HIDDEN, HIDDEN, HIDDEN, id="no member"),
        pytest.param(
            somebody(is_admin=True), Owner.of_team("gone"), YES, HIDDEN, YES, id="an administrator, a team that is gone"
        ),
        pytest.param(
            somebody(is_admin=True, team=LEFT), Owner.of_team("vision"), YES, HIDDEN, YES, id="an administrator outside"
        ),
        pytest.param(
            somebody(is_admin=True, team=MEMBER), Owner.of_team("vision"), YES, YES, YES, id="an administrator inside"
        ),
    ],
)
def test_who_may_do_what(who: Standing, owner: Owner, see: Answer, package: Answer, delete: Answer) -> None:
    assert [may(who, action, owner) for action in (SEE, PACKAGE, DELETE)] == [see, package, delete]


@pytest.mark.parametrize(
    ("owner", "prefix", "repository"),
    [
        (Owner.person("alice"), "", "models/alice/iris"),
        (Owner.of_team("vision"), "", "models/team--vision/iris"),
        (Owner.person("alice"), "/lab/", "lab/models/alice/iris"),
    ],
)
def test_the_repository_follows_from_owner_and_name(owner: Owner, prefix: str, repository: str) -> None:
    assert repository_of(owner, "iris", prefix=prefix) == repository


OWNERS = st.builds(Owner.person, st.text(min_size=1)) | st.builds(Owner.of_team, st.text(min_size=1))


@given(OWNERS, OWNERS)
def test_two_owners_never_share_a_repository_and_a_registry_takes_each(one: Owner, other: Owner) -> None:
    first, second = repository_of(one, "iris"), repository_of(other, "iris")
    assert (first == second) == (one == other)
    assert OCI_NAME.fullmatch(first)


def test_a_person_called_like_a_team_is_none() -> None:
    for name in ("team--vision", "team-vision", "team", "team---vision"):
        assert repository_of(Owner.person(name), "x") != repository_of(Owner.of_team("vision"), "x")


@pytest.mark.parametrize(
    ("source", "name"),
    [("iris.ipynb", "iris"), ("notebooks/Iris, 2nd try.ipynb", "iris-2nd-try"), ("2024.py", "model"), ("é.py", "e")],
)
def test_a_model_is_called_as_its_notebook(source: str, name: str) -> None:
    assert name_from(source) == name
    assert problems_with_name(name) == ()


@pytest.mark.parametrize("name", ["", "Iris", "a--b", "1a", "../x", "a/b", "x" * 64, "a.b", "é"])
def test_other_names_are_refused_and_a_near_one_is_offered(name: str) -> None:
    (problem,) = problems_with_name(name)
    assert problem.startswith("name: ")


@pytest.mark.parametrize(("version", "is_right"), [
    ("", True), ("1.0", True), ("v1_a-b", True), ("x" * 64, True),
    ("x" * 65, False), ("-a", False), (".a", False), ("a b", False), ("a/b", False), ("latest", False), ("1\n", False),
])  # fmt: skip
def test_versions_are_tags_and_none_is_called_latest(version: str, *, is_right: bool) -> None:
    assert (problems_with_version(version) == ()) is is_right


SECRETS = (FoundSecret(path="keys.py", line=3), FoundSecret(path="iris.ipynb", line=4, cell=2))


def test_what_looks_like_a_secret_stands_in_the_way_unless_its_place_is_allowed() -> None:
    assert [one.place for one in SECRETS] == ["keys.py:3", "iris.ipynb:2:4"]
    (problem,) = problems_with_secrets(SECRETS, allowed=("keys.py:3", "other.py:1"))
    assert "cell 2, line 4" in problem
    assert problems_with_secrets(SECRETS, allowed=("keys.py:3", "iris.ipynb:2:4")) == ()


@pytest.mark.parametrize(
    ("made", "oldest", "wait"),
    [(0, timedelta(), None), (4, timedelta(minutes=50), None), (5, timedelta(minutes=50), timedelta(minutes=10))],
)
def test_whoever_has_made_enough_in_an_hour_waits_until_it_is_over(
    made: int, oldest: timedelta, wait: timedelta | None
) -> None:
    assert must_wait(Used(packages_in_hour=made, oldest_in_hour=oldest, bytes=0), per_hour=5) == wait
    assert oldest < HOUR


@pytest.mark.parametrize(("kept", "more", "fits"), [(0, 100, True), (90, 10, True), (90, 11, False)])
def test_no_owner_keeps_more_than_may_be(kept: int, more: int, *, fits: bool) -> None:
    used = Used(packages_in_hour=0, oldest_in_hour=timedelta(), bytes=kept)
    for owner, who in ((Owner.person("alice"), "You use"), (Owner.of_team("vision"), 'The team "vision" uses')):
        problems = problems_with_space(used, more, most_bytes=100, owner=owner)
        assert (problems == ()) is fits
        assert all(problem.startswith(who) for problem in problems)
