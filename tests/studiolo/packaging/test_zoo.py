"""Notebooks as people write them, and what is understood of each: its contract, its module, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studiolo.packaging.errors import ContractRefused, NotebookRefused
from studiolo.packaging.inspection import inspect_file

ZOO = Path(__file__).parents[2] / "data" / "notebooks"
NOTEBOOKS = sorted(ZOO.rglob("*.ipynb"))


def what_is_understood(path: Path) -> dict[str, object]:
    try:
        found = inspect_file(path)
    except ContractRefused as refused:
        return {"refused": list(refused.problems)}
    except NotebookRefused as refused:
        return {"refused": [str(refused)]}
    module = found.module.splitlines()
    return {**found.as_json(), "module": module}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_each_notebook_of_the_zoo_is_understood_as_it_is_written_down(
    path: Path, request: pytest.FixtureRequest
) -> None:
    expected = ZOO / "expected" / f"{path.stem}.json"
    found = json.dumps(what_is_understood(path), indent=1, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-data"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_each_module_of_the_zoo_can_be_parsed_where_nothing_stands_against_it() -> None:
    packaged = [found for path in NOTEBOOKS if not (found := what_is_understood(path)).keys() & {"refused"}]
    good = [found for found in packaged if not found["problems"]]
    assert len(good) >= 30
    for found in good:
        compile("\n".join(found["module"]), "model.py", "exec")  # type: ignore[arg-type]  # lines
