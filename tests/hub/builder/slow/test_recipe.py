"""Recipes: the same for the same wish, told in one form, into which nobody writes a line or an option."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builder.errors import ModelRefused
from hub.builder.slow.recipe import LARGEST, Recipe, recipe_of
from studiolo.packaging.images import Base

DIGEST = "sha256:" + "a" * 64
REFERENCE = f"registry.example.org:5000/images/python@{DIGEST}"
DOCOPT = f"docopt==0.6.2 --hash=sha256:{'b' * 64}"


def base(user: str = "1000:1000") -> Base:
    return Base(digest=DIGEST, config={"config": {"User": user}})


def made(**changes: Any) -> Recipe:
    user = changes.pop("user", "1000:1000")
    return recipe_of(base(user), **{"reference": REFERENCE, "apt": (), "lock": "", **changes})


def arguments(line: str) -> list[str]:
    shell, options, _script, name, *rest = json.loads(line.removeprefix("RUN "))
    assert (shell, options, name) == ("/bin/sh", "-euc", "studiolo")
    return rest


def test_a_recipe_is_told_in_one_form() -> None:
    lines = made(apt=["g++", "ffmpeg=7:5.1.6-0+deb12u1"], lock=DOCOPT).containerfile.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["#", "FROM", "USER", "ARG", "RUN", "ARG", "ARG", "RUN", "USER"]
    assert (lines[1], lines[2], lines[-1]) == (f"FROM {REFERENCE}", "USER 0:0", "USER 1000:1000")
    assert arguments(lines[4]) == ["ffmpeg=7:5.1.6-0+deb12u1", "g++"]
    assert arguments(lines[7]) == [DOCOPT]


def test_a_base_that_runs_as_nobody_in_particular_stays_so() -> None:
    assert "USER" not in made(user="", apt=["g++"]).containerfile


def test_only_what_is_wanted_is_a_step() -> None:
    assert made().is_empty
    assert "RUN" not in made().containerfile
    assert made(apt=["g++"]).containerfile.count("\nRUN ") == 1
    assert not made(lock=DOCOPT).is_empty


def test_the_same_wish_has_the_same_key_in_whatever_order_it_is_said() -> None:
    one = made(apt=["g++", "libgomp1"], lock=f"{DOCOPT}\nrich==14.0 --hash=sha256:{'c' * 64}\n")
    other = made(
        apt=["libgomp1", "g++", "g++"],
        lock=f"# why\nRich==14.0 \\\n    --hash=sha256:{'c' * 64}\n{DOCOPT}\n",
    )
    assert one == other
    assert one.key == other.key
    assert re.fullmatch("[0-9a-f]{64}", one.key)
    keys = {one.key, made(apt=["g++"]).key, made(lock=DOCOPT).key, made(apt=["g++"], user="").key, made().key}
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"apt": ["-o"]}, 'apt: "-o" is no Debian package'),
        ({"apt": [f"lib{number}" for number in range(101)]}, "100 are the most"),
        ({"lock": "--index-url https://example.org"}, "is an option"),
        ({"lock": "rich"}, "is not NAME==VERSION"),
        ({"lock": f"x @ https://example.org/x.zip --hash=sha256:{'b' * 64}"}, "comes from an address"),
        ({"lock": "".join(f"p{n}==1 --hash=sha256:{'b' * 64}\n" for n in range(1200))}, "too many packages"),
        ({"reference": "python:3.13"}, "no address with a digest"),
        ({"reference": f"registry.example.org/x@sha256:{'b' * 64}"}, "no address with a digest"),
        ({"reference": f"registry.example.org/x\nRUN id@{DIGEST}"}, "no address with a digest"),
        ({"user": "root\nRUN id"}, "no name or number of a user"),
        ({"user": "--x"}, "no name or number of a user"),
    ],
)
def test_what_is_no_recipe_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelRefused, match=re.escape(why)):
        made(**changes)


HOSTILE = st.text(
    st.sampled_from("ab0.-+=~:; \t\n\r\\'\"$`(){}<>&|#@/!,[]%^*?\x00\u2028\u0085é") | st.characters(), max_size=30
)
NAMES = HOSTILE | st.from_regex(r"[a-z0-9][a-z0-9+.-]+(=[0-9:~a-z.]+)?", fullmatch=True)
HASH = f" --hash=sha256:{'b' * 64}"
LOCKS = st.builds(
    lambda name, version, more: f"{name}=={version}{more}{HASH}",
    st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True) | HOSTILE,
    st.from_regex(r"[0-9]+(\.[0-9]+)*", fullmatch=True) | HOSTILE,
    st.just("") | HOSTILE | st.sampled_from([" ; python_version < '3.12'", ' ; sys_platform == "x\\"', " \\\n"]),
)


@given(st.lists(NAMES, max_size=4), st.lists(LOCKS, max_size=4), st.just("1000") | st.just("") | HOSTILE)
def test_no_wish_adds_a_line_an_instruction_or_an_option(apt: list[str], lock: list[str], user: str) -> None:
    """Either it is refused, or it is in its place: behind the script, each an argument that begins no option."""
    try:
        recipe = made(apt=apt, lock="\n".join(lock), user=user)
    except ModelRefused:
        return
    text = recipe.containerfile
    assert text.isascii()
    assert len(text) <= LARGEST
    lines = text.splitlines()
    assert lines == text[:-1].split("\n")
    known = re.compile(
        r"# A base of Studiolo, form \d+\.|FROM \S+@sha256:[0-9a-f]{64}|USER [\w.:-]+|ARG [A-Z_]+|RUN \[.*\]"
    )
    assert all(known.fullmatch(line) for line in lines)
    assert sum(line.startswith("RUN") for line in lines) == bool(recipe.apt) + bool(recipe.lock)
    told = [one for line in lines if line.startswith("RUN") for one in arguments(line)]
    assert told == [*recipe.apt, *recipe.lock]
    assert all(re.match("[a-z0-9]", one) and not {"\n", "\r", "\x00", "\\", "$", "`"} & set(one) for one in told)
    scripts = {json.loads(line.removeprefix("RUN "))[2] for line in lines if line.startswith("RUN")}
    assert not any(one in script for one in told if len(one) > 20 for script in scripts)
