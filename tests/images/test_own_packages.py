"""Where a person's own packages lie, and what a kernel and a terminal are told of them: without a kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import studiolo_packages
from studiolo_packages import AFTER_ITS_OWN, PROGRAMS, folder, left_out, own_packages, with_packages


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HOME": "/h", "STUDIOLO_ENVIRONMENT": "python"}, "/h/.local/share/studiolo/packages/python"),
        ({"HOME": "/h", "STUDIOLO_ENVIRONMENT": "a", "XDG_DATA_HOME": "/d"}, "/d/studiolo/packages/a"),
        ({"HOME": "/h", "STUDIOLO_ENVIRONMENT": "a", "STUDIOLO_PACKAGES": "/told"}, "/told"),
        ({"HOME": "/h"}, ""),
        ({"STUDIOLO_ENVIRONMENT": "python"}, ""),
        ({"HOME": "/h", "STUDIOLO_ENVIRONMENT": "../other"}, ""),
    ],
    ids=["in the home", "where data lie", "as told", "no workspace", "no home", "no name"],
)
def test_each_environment_has_its_own_folder(environ: dict[str, str], place: str) -> None:
    assert folder(environ) == place


def test_programs_of_the_environment_come_before_those_that_pip_installed() -> None:
    told = with_packages({"HOME": "/h", "STUDIOLO_ENVIRONMENT": "a", "PATH": "/env/bin:/usr/bin"})
    place = "/h/.local/share/studiolo/packages/a"
    assert told == {"STUDIOLO_PACKAGES": place, "PATH": f"{PROGRAMS}:/env/bin:{place}/bin:/usr/bin"}
    assert with_packages({"PATH": "/usr/bin"}) == {}


def test_nothing_is_said_to_be_left_out_where_nothing_is(tmp_path: Path) -> None:
    environ = {"STUDIOLO_PACKAGES": str(tmp_path / "packages")}
    assert left_out(environ) == ""
    (tmp_path / "packages" / "lib").mkdir(parents=True)
    assert left_out(environ) == ""
    Path(own_packages(str(tmp_path / "packages"))).mkdir(parents=True)
    assert left_out(environ) == ""


def test_a_folder_that_an_older_environment_made_is_led_to_the_one_that_runs(minimal: Path, tmp_path: Path) -> None:
    place = tmp_path / "python"
    env = {"STUDIOLO_PACKAGES": str(place), "HOME": str(tmp_path)}
    subprocess.run([minimal, "-m", "pip", "--version"], env=env, check=True, capture_output=True)
    (pointer,) = place.glob("lib/python3*/site-packages/studiolo-environment.pth")
    right = pointer.read_text()
    pointer.write_text(right.replace(str(minimal.parents[1]), "/gone"))
    subprocess.run([minimal, "-c", ""], env=env, check=True)
    assert pointer.read_text() == right
    assert AFTER_ITS_OWN.count("site.addsitedir") == right.count("site.addsitedir") == 1


def test_a_python_that_is_no_environment_s_looks_nowhere_else(tmp_path: Path) -> None:
    before = list(sys.path)
    studiolo_packages.begin(str(tmp_path))
    assert sys.path == before
