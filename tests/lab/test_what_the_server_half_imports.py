"""The server half runs in any environment, and people wait for it at each start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "lab"
MODULES = sorted((LAB / "studiolo_lab").rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "jupyter_server", "studiolo_lab", "tornado"}


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_it_imports_only_what_every_environment_has(module: Path) -> None:
    assert set(imported(module)) <= ALLOWED


def test_naming_the_extension_imports_no_other_part_of_it() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import studiolo_lab; "
        "studiolo_lab._jupyter_server_extension_points(); print(*sorted(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-I", "-c", program, LAB], check=True, capture_output=True, text=True)
    imported_now = answer.stdout.split()
    assert [name for name in imported_now if name.startswith("studiolo_lab")] == ["studiolo_lab"]
    assert {"tornado", "jupyter_server", "json"}.isdisjoint(imported_now)
