"""What of this checkout is in every environment: made once for what it is made from."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from spawner.environment_failure import BuildFailed
from spawner.environment_packages import PackagesWheel
from spawner.environment_recipe import recipe_for
from spawner.environment_studiolo import FILES, PROJECT, StudioloWheel, own_wheels
from spawner.own_wheel import run

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def wheel(tmp_path: Path) -> StudioloWheel:
    """Of a copy of the checkout, to be changed."""
    source = tmp_path / "checkout"
    for name in ("images/runtime", "studiolo"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (PROJECT, "LICENSE", "README.md"):
        shutil.copy(CHECKOUT / name, source / name)
    return StudioloWheel(source=source, cache=tmp_path / "cache")


@pytest.mark.parametrize("path", ["studiolo/names.py", "images/runtime/run.py", "LICENSE"])
def test_a_change_of_what_is_in_it_makes_another_wheel(wheel: StudioloWheel, path: str) -> None:
    before = wheel.inputs()
    with (wheel.source / path).open("a") as file:
        file.write("\n# changed\n")
    assert wheel.inputs() != before


def test_another_dependency_makes_another_wheel(wheel: StudioloWheel) -> None:
    before = wheel.inputs()
    project = wheel.source / PROJECT
    project.write_text(project.read_text().replace('    "rich>=14",\n', '    "rich>=14",\n    "six",\n'))
    assert wheel.inputs() != before


def test_readme_checks_and_compiled_files_make_no_other_wheel(wheel: StudioloWheel) -> None:
    before = wheel.inputs()
    (wheel.source / "README.md").write_text("# Another\n")
    project = wheel.source / PROJECT
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 100"))
    (wheel.source / "studiolo" / "__pycache__").mkdir()
    (wheel.source / "studiolo" / "__pycache__" / "names.cpython-311.pyc").touch()
    assert wheel.inputs() == before


def test_it_is_made_once_and_has_the_same_bytes_wherever_it_is_made(wheel: StudioloWheel, tmp_path: Path) -> None:
    assert not wheel.is_made()
    first = wheel.made()
    assert wheel.is_made()
    first.touch()
    assert wheel.made().stat().st_mtime == first.stat().st_mtime
    elsewhere = StudioloWheel(source=wheel.source, cache=tmp_path / "elsewhere").made()
    assert elsewhere.read_bytes() == first.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert {"studiolo/packaging/inspection.py", "studiolo/packaging/runtime/run.py"} <= set(names)


def test_the_digest_of_an_environment_changes_with_each_wheel(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    digests = {
        recipe_for(tmp_path / "requirements.lock", wheels=wheels).identify()
        for wheels in ((), *((wheel,) for wheel in own_wheels()), own_wheels())
    }
    assert len(digests) == len(own_wheels()) + 2


def test_pip_comes_by_its_hash_and_where_no_environment_looks(tmp_path: Path) -> None:
    wheel = PackagesWheel(cache=tmp_path).made()
    assert PackagesWheel(cache=tmp_path / "again").made().read_bytes() == wheel.read_bytes()
    names = zipfile.ZipFile(wheel).namelist()
    assert "studiolo_packages/pip/pip/__main__.py" in names
    assert {name.split("/")[0] for name in names} >= {"studiolo_packages", "studiolo_packages.pth"}
    assert not [name for name in names if name.startswith(("pip/", "pip-"))]
    programs = {info.filename: info.external_attr >> 16 & 0o111 for info in zipfile.ZipFile(wheel).infolist()}
    assert programs["studiolo_packages/bin/pip"]


def test_a_program_that_is_missing_or_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="Packing it needs no-such-program"):
        run(("no-such-program",), cwd=tmp_path, what="Packing it")
    with pytest.raises(BuildFailed, match=r"Packing it failed\.") as failed:
        run(("sh", "-c", "echo why; exit 3"), cwd=tmp_path, what="Packing it")
    assert failed.value.log_tail == ("why",)


def test_every_file_that_is_named_is_there() -> None:
    assert all((CHECKOUT / name).exists() for name in (PROJECT, *FILES))
