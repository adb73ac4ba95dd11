"""The Debian packages of a model: what `apt.txt` may say, and nothing that apt-get would read in another way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.packaging.apt import MOST_PACKAGES, is_debian_package, read_apt
from studiolo.packaging.errors import ProjectRefused
from studiolo.packaging.requirements import Installed, requirements_of


def read(text: str) -> tuple[tuple[str, ...], list[str]]:
    problems: list[str] = []
    return read_apt(text, problems), problems


def test_packages_stand_one_on_a_line_with_or_without_a_version() -> None:
    text = "# sound\nlibsndfile1  # for librosa\n\ng++\nlibgomp1=12.2.0-14+deb12u1\nffmpeg=7:5.1.6-0~a\nlibsndfile1\n"
    assert read(text) == (("ffmpeg=7:5.1.6-0~a", "g++", "libgomp1=12.2.0-14+deb12u1", "libsndfile1"), [])


@pytest.mark.parametrize(
    "line",
    [
        "-y", "--allow-unauthenticated", "libgomp1-", "x", "Libgomp1", "libgomp1 libc6", "libgomp1=", "libgomp1=;id",
        "libgomp1/bookworm", "libgomp1:arm64", "./a.deb", "/tmp/a.deb", "lib*", "lib?", "^lib", "$(id)", "`id`",
        "a\\", "libgomp1=1$HOME", "lîb", "lib\u2028x", "libgomp1=-1", "http://x/a.deb", "a" * 201,
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused_with_its_line(line: str) -> None:
    found, problems = read(f"libgomp1\n{line}\n")
    assert problems
    assert "is no Debian package" in problems[0]
    assert "libgomp1" in found


def test_too_many_packages_are_refused() -> None:
    _, problems = read("".join(f"lib{number}\n" for number in range(MOST_PACKAGES + 1)))
    assert "are the most" in problems[0]


@given(st.text(max_size=40))
def test_what_is_taken_is_one_word_of_plain_letters_that_begins_no_option(text: str) -> None:
    if is_debian_package(text):
        assert re.fullmatch(r"[a-z0-9][A-Za-z0-9+.~:=-]+", text, re.ASCII)
        assert not text.endswith("-") or "=" in text


def test_a_folder_says_its_debian_packages_beside_all_else() -> None:
    nothing = Installed()
    files = {"apt.txt": "libgomp1\n", "requirements.txt": "rich\n"}
    found = requirements_of(files, pip_installs=(), imports=(), modules=(), base=nothing, kernel=nothing)
    assert found.apt == ("libgomp1",)
    assert [one.requirement for one in found.needed] == ["rich"]
    files = {"apt.txt": "-o x\n", "requirements.txt": "!!\n"}
    with pytest.raises(ProjectRefused) as refused:
        requirements_of(files, pip_installs=(), imports=(), modules=(), base=nothing, kernel=nothing)
    assert len(refused.value.problems) == 2
