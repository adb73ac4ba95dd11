"""The Containerfiles: what docker and buildah both understand, and nothing that is not in the context."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

import pytest

from deploy.images.recipe import Recipe, context_files, recipes
from hub.settings import CHECKOUT

INSTRUCTIONS = {"ARG", "FROM", "RUN", "COPY", "ADD", "ENV", "WORKDIR", "USER", "EXPOSE", "ENTRYPOINT", "CMD", "LABEL"}
SECRETS = {"packages", "certificates", "apt-sources"}
EXISTING = {"/mnt", "/media", "/srv"}
RECIPES = recipes(CHECKOUT)


def instructions(recipe: Recipe) -> list[tuple[str, str]]:
    """Each instruction and its arguments, continued lines joined: the common part of both tools' grammar."""
    text = recipe.containerfile.read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in joined.splitlines()]


def given(recipe: Recipe) -> set[str]:
    """Everything in the context, folders too."""
    places = {place for place, _ in context_files(recipe)} | set(recipe.ingredients)
    places |= {place for place, _ in recipe.files}  # a folder that is empty for this one
    return places | {str(parent) for place in places for parent in PurePosixPath(place).parents}


def mounts(arguments: str) -> list[dict[str, str]]:
    found = re.findall(r"--mount=(\S+)", arguments)
    return [dict(part.partition("=")[::2] for part in mount.split(",")) for mount in found]


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_a_containerfile_is_one_for_docker_too(recipe: Recipe) -> None:
    known = instructions(recipe)
    assert {name for name, _ in known} <= INSTRUCTIONS
    first = next(name for name, _ in known if name != "ARG")
    assert first == "FROM"
    for name, arguments in known:
        if name in {"ENTRYPOINT", "CMD"}:
            assert isinstance(json.loads(arguments), list), "a shell would stand between tini and the program"


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_what_is_copied_or_mounted_is_in_the_context(recipe: Recipe) -> None:
    there = given(recipe)
    for name, arguments in instructions(recipe):
        if name in {"COPY", "ADD"}:
            *sources, _ = [word for word in arguments.split() if not word.startswith("--")]
            assert {source.rstrip("/") for source in sources} <= there
        for mount in mounts(arguments) if name == "RUN" else ():
            if mount["type"] == "bind":
                assert mount["source"] in there


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_nothing_is_mounted_where_a_layer_would_keep_it(recipe: Recipe) -> None:
    for name, arguments in instructions(recipe):
        for mount in mounts(arguments) if name == "RUN" else ():
            if mount["type"] == "secret":
                assert mount["id"] in SECRETS
            else:
                assert mount["target"] in EXISTING


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_what_people_start_is_no_root_and_loads_nothing_into_others(recipe: Recipe) -> None:
    known = instructions(recipe)
    users = [arguments for name, arguments in known if name == "USER"]
    assert not users or re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert users or recipe.name == "debian"
    assert not any("LD_PRELOAD" in arguments for _, arguments in known)


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_every_argument_that_is_given_is_declared(recipe: Recipe) -> None:
    declared = {arguments.partition("=")[0] for name, arguments in instructions(recipe) if name == "ARG"}
    assert {name for name, _ in recipe.arguments} | ({recipe.parent_argument} - {""}) <= declared
    runs_with_lock = any("source=lock" in arguments for _, arguments in instructions(recipe))
    assert ("LOCK" in declared) is runs_with_lock
    assert ("TOOLS" in declared) is any("source=tools" in arguments for _, arguments in instructions(recipe))


def test_what_people_get_is_debian_where_nobody_says_otherwise() -> None:
    for recipe in RECIPES:
        if recipe.parent == "debian":
            assert ("ARG", "DEBIAN=debian:bookworm-slim") in instructions(recipe)
