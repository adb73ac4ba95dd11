"""How a version of a package is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.names import team_folder
from studiolo.package_name import PackageName, PackageNameInvalid, package_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iris:1.0", PackageName(name="iris", version="1.0")),
        (" vision/iris:3f2a ", PackageName(name="iris", version="3f2a", folder="vision")),
        ("team--vision/iris:3f2a", PackageName(name="iris", version="3f2a", folder="vision")),
    ],
)
def test_it_is_read_as_people_and_registries_write_it(text: str, expected: PackageName) -> None:
    assert PackageName.parse(text) == expected
    assert PackageName.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "iris", "iris:", "iris:latest", ":1.0", "/iris:1.0", "a/b/iris:1.0", "../iris:1.0", "iris:1/2"),
        *("Iris:1.0", "iris:é", "iris:1\n.0", f"iris:{'1' * 65}", f"{'i' * 64}:1", "vision--x/iris:1", "iris:a b"),
        "iris:ghp_0123456789abcdefghij",
    ],
)
def test_what_names_none_is_refused(text: str) -> None:
    with pytest.raises(PackageNameInvalid):
        PackageName.parse(text)


@given(st.text(max_size=300))
def test_whatever_somebody_writes_is_a_name_or_is_refused(text: str) -> None:
    try:
        found = PackageName.parse(text)
    except PackageNameInvalid:
        return
    assert PackageName.parse(str(found)) == found


@given(st.text(min_size=1, max_size=80).filter(str.strip))
def test_every_team_s_package_has_a_name_of_its_own(team: str) -> None:
    named = PackageName.parse(package_name("iris", "1.0", team=team))
    assert named.folder == team_folder(team)
    assert named.team_among(["sound", team]) in {team, "sound"} - ({"sound"} if team != "sound" else set())
    assert named.team_among([]) is None
    assert PackageName.parse("iris:1.0").team_among([team]) == ""
    assert named.shown == "iris 1.0"
