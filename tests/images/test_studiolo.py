"""The wheel `studiolo` in an environment: its command is there, and its programs run from anywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import studiolo


def ran(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    given = {"HOME": str(cwd), "LANG": "C.UTF-8", **(env or {})}
    return subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)


def test_the_command_is_on_the_path_of_terminals(minimal: Path, tmp_path: Path) -> None:
    done = ran("studiolo", "--version", cwd=tmp_path, env={"PATH": f"{minimal.parent}:/usr/bin:/bin"})
    assert studiolo.__version__ in done.stdout, done.stderr


def test_everything_that_packaging_needs_can_be_imported_beside_a_folder_full_of_traps(
    minimal: Path, tmp_path: Path
) -> None:
    for name in ("studiolo", "pydantic", "httpx", "packaging"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the home became a package')")
    modules = sorted(
        f"studiolo.packaging.{path.stem}"
        for path in (Path(studiolo.__file__).parent / "packaging").glob("*.py")
        if not path.stem.startswith("__")
    )
    text = f"import importlib\nfor name in {['studiolo.client', 'uv', *modules]!r}: importlib.import_module(name)"
    done = ran(minimal, "-P", "-c", text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_notebook_is_inspected_where_nothing_can_be_written(minimal: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("class Model:\n    def predict(self, x: int) -> int:\n        return x\n")
    done = ran(minimal, "-P", "-m", "studiolo", "model", "inspect", "--json", "model.py", cwd=tmp_path)
    assert '"predict"' in done.stdout, done.stderr


def test_the_runner_of_packaged_models_comes_with_it(minimal: Path, tmp_path: Path) -> None:
    text = "from studiolo.packaging.runner_layer import runner_folder; print(runner_folder())"
    folder = Path(ran(minimal, "-P", "-c", text, cwd=tmp_path).stdout.strip())
    assert folder.is_relative_to(minimal.parents[1])
    assert (folder / "run.py").is_file()


def test_nothing_of_it_is_imported_when_a_server_starts(minimal: Path) -> None:
    text = "import sys, studiolo_lab; print(sorted({'studiolo', 'httpx', 'pydantic', 'rich'} & set(sys.modules)))"
    assert ran(minimal, "-P", "-c", text, cwd=minimal.parent).stdout == "[]\n"
