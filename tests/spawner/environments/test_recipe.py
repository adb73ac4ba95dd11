"""The digest names everything that could make two environments differ, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spawner.environment_recipe import BASE_FILES, EnvironmentId, Interpreter, Recipe, recipe_for


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "settings.json").write_text("{}")
    (tmp_path / "software").mkdir()
    (tmp_path / "software" / "requirements.lock").write_text("six==1.17.0\n")
    python = Interpreter(executable=Path("/python"), implementation="cpython", version="3.11.7", machine="linux-x86_64")
    return recipe_for(tmp_path / "software" / "requirements.lock", base_files=tmp_path / "base", interpreter=python)


def test_the_same_recipe_gives_the_same_digest(recipe: Recipe) -> None:
    assert recipe.identify() == recipe.identify()


def test_a_folder_is_named_by_the_first_twelve_digits() -> None:
    assert EnvironmentId(digest="0123456789abcdef").short == "0123456789ab"


@pytest.mark.parametrize("fact", ["implementation", "version", "machine"])
def test_another_python_gives_another_digest(recipe: Recipe, fact: str) -> None:
    other = replace(recipe, interpreter=replace(recipe.interpreter, **{fact: "other"}))
    assert other.identify() != recipe.identify()


def test_where_python_lies_does_not_matter(recipe: Recipe) -> None:
    elsewhere = replace(recipe, interpreter=replace(recipe.interpreter, executable=Path("/elsewhere")))
    assert elsewhere.identify() == recipe.identify()


def test_where_the_lock_lies_does_not_matter(recipe: Recipe, tmp_path: Path) -> None:
    before = recipe.identify()
    (tmp_path / "other").mkdir()
    recipe.lock.rename(tmp_path / "other" / "lock.txt")
    assert replace(recipe, lock=tmp_path / "other" / "lock.txt").identify() == before


def test_another_lock_gives_another_digest(recipe: Recipe) -> None:
    before = recipe.identify()
    recipe.lock.write_text("six==1.16.0\n")
    assert recipe.identify() != before


def test_another_file_beside_the_lock_gives_another_digest(recipe: Recipe) -> None:
    before = recipe.identify()
    beside = recipe.lock.parent / "files" / "share"
    beside.mkdir(parents=True)
    assert recipe.identify() == before
    (beside / "kernel.json").write_text("{}")
    with_file = recipe.identify()
    assert with_file != before
    (beside / "kernel.json").rename(beside / "kernels.json")
    assert recipe.identify() not in {before, with_file}


def test_another_setting_for_all_gives_another_digest(recipe: Recipe, tmp_path: Path) -> None:
    before = recipe.identify()
    (tmp_path / "base" / "settings.json").write_text('{"changed": true}')
    assert recipe.identify() != before


def test_the_settings_that_ship_are_part_of_every_environment(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    assert recipe_for(tmp_path / "requirements.lock").overlays == (BASE_FILES, tmp_path / "files")
    assert BASE_FILES.is_dir()
