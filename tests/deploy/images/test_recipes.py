"""What an image's key depends on: everything that goes into it, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.images.ingredients import ingredients
from deploy.images.recipe import EXPENSIVE, chosen, context_files, keys, recipes, step_digests
from hub.settings import CHECKOUT
from spawner.environment_lab import WHEEL as LAB_WHEEL
from spawner.environment_packages import WHEEL as PACKAGES_WHEEL
from spawner.environment_studiolo import WHEEL as STUDIOLO_WHEEL
from studiolo.yaml_file import read_yaml
from studiolo.yaml_tree import Mapping

LAB, PACKAGES, STUDIOLO = f"lab/{LAB_WHEEL}", f"lab/{PACKAGES_WHEEL}", f"studiolo/{STUDIOLO_WHEEL}"
MADE = {"debian.tar": "d", LAB: "l", PACKAGES: "k", STUDIOLO: "s", "node_modules": "n", "pause": "p", "tools/uv": "u"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what images are made from, to be changed."""
    for name in ("images", "studiolo"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "package.json", "package-lock.json", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def keys_of(checkout: Path, made: dict[str, str] = MADE) -> dict[str, str]:
    return keys(recipes(checkout), made)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


ENVIRONMENTS = {"minimal", "python", "deep-learning", "pytorch", "r"}

CHANGES = [
    ("images/python/requirements.lock", {"python"}),
    ("images/minimal/requirements.lock", {"base", *ENVIRONMENTS}),
    ("images/r/packages.txt", {"r"}),
    ("images/r/files/share/jupyter/kernels/ir/kernel.json", {"r"}),
    ("images/base/start_server.py", {"base", *ENVIRONMENTS}),
    ("images/base/workspace_server/main.py", {"base", *ENVIRONMENTS}),
    ("images/environment.Containerfile", ENVIRONMENTS),
    ("images/base/Containerfile", {"base", *ENVIRONMENTS}),
    ("images/debian/Containerfile", {"debian", "base", "hub", "proxy", *ENVIRONMENTS}),
    ("images/pause/Containerfile", {"pause"}),
    ("studiolo/names.py", {"hub"}),
    ("images/runtime/run.py", {"hub"}),
    ("requirements.lock", {"hub"}),
    ("package-lock.json", {"proxy"}),
    ("images/proxy/hub_away.mjs", {"proxy"}),
    ("images/README.md", set()),
    ("images/python/requirements.in", set()),
]


@pytest.mark.parametrize(("path", "images"), CHANGES, ids=[case[0] for case in CHANGES])
def test_a_change_builds_anew_what_it_is_part_of_and_what_stands_on_that(
    path: str, images: set[str], checkout: Path
) -> None:
    before = keys_of(checkout)
    with (checkout / path).open("a") as file:
        file.write("\n# changed\n")
    # base and start_server.py are part of the hub's tree as well.
    in_hub = {"hub"} if path.startswith("images/base/") else set()
    assert changed(before, keys_of(checkout)) == images | in_hub


@pytest.mark.parametrize(
    ("ingredient", "images"),
    [
        ("tools/uv", {"base", "hub", *ENVIRONMENTS}),
        (LAB, {"base", *ENVIRONMENTS}),
        (PACKAGES, {"base", *ENVIRONMENTS}),
        (STUDIOLO, {"base", *ENVIRONMENTS}),
        ("node_modules", {"proxy"}),
        ("pause", {"pause"}),
        ("debian.tar", {"debian", "base", "hub", "proxy", *ENVIRONMENTS}),
    ],
)
def test_what_is_made_on_the_machine_counts_too(ingredient: str, images: set[str], checkout: Path) -> None:
    assert changed(keys_of(checkout), keys_of(checkout, {**MADE, ingredient: "other"})) == images


def test_a_file_that_may_be_run_is_another_file(checkout: Path) -> None:
    before = keys_of(checkout)
    (checkout / "images/pause/Containerfile").chmod(0o755)
    assert changed(before, keys_of(checkout)) == set(), "how it is given out decides, not the Containerfile's mode"
    (checkout / "images/base/start_server.py").chmod(0o755)
    assert "base" in changed(before, keys_of(checkout))


def test_compiled_files_and_times_do_not_count(checkout: Path) -> None:
    before = keys_of(checkout)
    (checkout / "studiolo" / "__pycache__").mkdir()
    (checkout / "studiolo" / "__pycache__" / "names.pyc").touch()
    (checkout / "images/base/start_server.py").touch()
    assert keys_of(checkout) == before


def test_the_steps_of_two_environments_are_never_taken_for_each_other() -> None:
    digests = [tuple(step_digests(recipe, MADE).values()) for recipe in recipes(CHECKOUT) if recipe.parent == "base"]
    locks = {recipe.locks[0].read_bytes() for recipe in recipes(CHECKOUT) if recipe.parent == "base"}
    assert len(set(digests)) == len(locks)


def test_every_environment_of_the_catalog_has_an_image() -> None:
    root = read_yaml(CHECKOUT / "environments.yaml").root
    assert isinstance(root, Mapping)
    (entries,) = [pair.value for pair in root.pairs if pair.key == "environments"]
    assert isinstance(entries, Mapping)
    assert {pair.key for pair in entries.pairs} == {each.name for each in recipes(CHECKOUT) if each.parent == "base"}


def test_the_expensive_ones_are_built_only_when_named() -> None:
    everything = recipes(CHECKOUT)
    names = {recipe.name for recipe in everything}
    assert names >= EXPENSIVE
    assert {recipe.name for recipe in chosen(everything, ())} == names - EXPENSIVE
    assert [recipe.name for recipe in chosen(everything, ("pytorch",))] == ["debian", "base", "pytorch"]


def test_parents_come_before_what_stands_on_them() -> None:
    seen: set[str | None] = {None}
    for recipe in recipes(CHECKOUT):
        assert recipe.parent in seen
        seen.add(recipe.name)


def test_every_ingredient_that_a_recipe_names_can_be_made() -> None:
    named = {name for recipe in recipes(CHECKOUT) for name in recipe.ingredients}
    assert named == set(ingredients(CHECKOUT)) == set(MADE)


def test_no_image_gets_what_lies_about_in_a_checkout() -> None:
    for recipe in recipes(CHECKOUT):
        for place, _ in context_files(recipe):
            assert "__pycache__" not in place
            assert ".cluster" not in place
