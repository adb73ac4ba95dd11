from __future__ import annotations

import dataclasses

import pytest

from studiolo.choice import Choice
from studiolo.errors import CatalogError, StudioloError
from studiolo.problems import Problem, Severity, listed, nearest, perhaps, quoted

PROBLEM = Problem(
    file="environments.yaml",
    line=4,
    column=12,
    path="environments.python.image",
    message='"python:3.13" has a tag but no digest. Add @sha256:….',
)


def test_a_problem_is_one_line_that_editors_can_follow() -> None:
    assert str(PROBLEM) == (
        'environments.yaml:4:12: environments.python.image: "python:3.13" has a tag but no digest. Add @sha256:….'
    )


def test_a_warning_says_that_it_is_one() -> None:
    warning = dataclasses.replace(PROBLEM, severity=Severity.WARNING)
    assert ": environments.python.image: warning: " in str(warning)


def test_line_ends_and_invisible_characters_are_written_out() -> None:
    odd = dataclasses.replace(PROBLEM, file="a\nb", path="p\x1b[31m", message="m\x7f\ud800")
    assert str(odd) == r"a\nb:4:12: p\x1b[31m: m\x7f\ud800"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("enviroments", "environments"), ("TITLE", "title"), ("Titel", "title"), ("zzz", None), ("", None)],
)
def test_the_nearest_known_word_is_suggested(word: str, expected: str | None) -> None:
    assert nearest(word, ["title", "environments"]) == expected
    assert perhaps(word, ["title", "environments"]) == (f' Perhaps you meant "{expected}"?' if expected else "")


def test_a_long_value_is_repeated_in_part() -> None:
    assert quoted("short") == '"short"'
    assert quoted("x" * 61) == '"' + "x" * 59 + '…"'
    assert quoted("a\nb") == r'"a\nb"'


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_words_are_listed_as_a_sentence_lists_them(words: list[str], text: str) -> None:
    assert listed(words) == text


def test_a_catalog_error_says_what_check_prints_and_has_a_way_out() -> None:
    error = CatalogError((PROBLEM, PROBLEM))
    assert isinstance(error, StudioloError)
    assert str(error) == f"{PROBLEM}\n{PROBLEM}"
    assert error.code == "catalog_invalid"
    assert "studiolo catalog check" in error.hint
    assert error.problems == (PROBLEM, PROBLEM)


def test_a_choice_is_user_options_with_env_only_when_there_is_any() -> None:
    plain = Choice(environment="python", hardware="small")
    assert plain.as_user_options() == {"environment": "python", "hardware": "small"}
    with_env = dataclasses.replace(plain, env=(("A", "1"),))
    assert with_env.as_user_options() == {"environment": "python", "hardware": "small", "env": {"A": "1"}}
