"""The tables of attacks and faults name tests, and those exist: a renamed test takes its row along."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ATTACKS = {*map(str, (6, *range(8, 11), *range(13, 17), 19, 20, 22, 23))}
FAULTS = {f"F{number}" for number in (*range(1, 23), 25, 27, 34, 39, 40)}
WORD = re.compile(r"`(?P<word>[^`]+)`")


def rows(page: str) -> dict[str, list[tuple[str, str]]]:
    """By the first cell of each row: the file and the name of each test."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in (CHECKOUT / "docs" / page).read_text().splitlines():
        if not line.startswith("| ") or line.startswith(("| ---", "| Group", "| Fault")):
            continue
        first, *_, tests = (cell.strip() for cell in line.strip("|").split(" | "))
        file, named = "", []
        for match in WORD.finditer(tests):
            if match["word"].startswith("tests/"):
                file = match["word"]
            else:
                named.append((file, match["word"]))
        found[first] = named
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    path = CHECKOUT / file
    if not path.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions))


@pytest.mark.parametrize(("page", "asked"), [("attacks.md", ATTACKS), ("faults.md", FAULTS)])
def test_every_group_and_every_fault_has_a_test(page: str, asked: set[str]) -> None:
    found = rows(page)
    assert asked <= found.keys()
    assert [name for name, tests in found.items() if not tests] == []


@pytest.mark.parametrize("page", ["attacks.md", "faults.md"])
def test_every_test_that_a_table_names_exists(page: str) -> None:
    named = {one for tests in rows(page).values() for one in tests}
    assert sorted((file, name) for file, name in named if name not in names_in(file)) == []
