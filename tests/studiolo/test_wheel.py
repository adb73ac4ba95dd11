"""What is in the distribution, and what it does where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import studiolo

ROOT = Path(studiolo.__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline by the build backend that is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_studiolo_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"studiolo", f"studiolo-{studiolo.__version__}.dist-info"}
    assert "studiolo/schema/environments.json" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_wheel_holds_what_starts_a_packaged_model_byte_by_byte(wheel: Path) -> None:
    archive, inside = zipfile.ZipFile(wheel), "studiolo/packaging/runtime/"
    held = {name.removeprefix(inside): archive.read(name) for name in archive.namelist() if name.startswith(inside)}
    written = ROOT / "images" / "runtime"
    assert held == {path.relative_to(written).as_posix(): path.read_bytes() for path in written.rglob("*.py")}
    assert "run.py" in held


def test_outside_of_a_checkout_up_says_where_to_get_one(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    uv = Path(sys.executable).with_name("uv")
    install = [str(uv), "pip", "install", "--offline", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # The checkout's `deploy` can be imported here too; a package of that name must not be taken for ours.
    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, "-m", "studiolo", "up", "--port", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "needs a checkout" in done.stderr
    assert "make up" in done.stderr
    assert len(done.stderr.splitlines()) == 1
