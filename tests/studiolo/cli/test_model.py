"""`studiolo model inspect`, as people run it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from studiolo.cli import main

ZOO = Path(__file__).parents[2] / "data" / "notebooks"


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["model", "inspect", *words])
    return done.exit_code, done.stdout, done.stderr


def test_what_is_in_a_notebook_is_shown_without_a_hub() -> None:
    code, out, err = run(str(ZOO / "iris_with_everything.ipynb"))
    assert (code, err) == (0, "")
    assert "Which iris it is." in out
    assert "Methods: train, init_predict, predict" in out
    assert "inverse of the regularisation" in out
    assert "Cells that go in: 1, 5, 6, 7. Left out: 2, 3, 4, 8, 9." in out
    assert "class Model:" in out


def test_programs_get_it_as_json() -> None:
    code, out, _ = run("--json", str(ZOO / "types_of_all_kinds.ipynb"))
    found = json.loads(out)
    assert code == 0
    assert found["methods"] == ["train"]
    assert {"name": "optimiser", "type": "string", "default": "adam"}.items() <= found["hyperparameters"][4].items()
    assert "class Model" in found["module"]
    assert found["warnings"] == []


def test_what_stands_against_it_ends_with_1_and_is_said_with_its_cell() -> None:
    code, _, err = run(str(ZOO / "needs_an_await.ipynb"))
    assert code == 1
    assert "error: Cell 2, line 1: the model needs this, and it awaits something" in err


def test_a_notebook_without_a_model_is_an_error_and_no_traceback() -> None:
    code, _, err = run(str(ZOO / "no_model.ipynb"))
    assert code != 0
    assert "no class Model" in err
    assert "Is it IrisModel?" in err
    assert "Traceback" not in err


def test_a_file_of_another_kind_is_an_error() -> None:
    code, _, err = run(str(ZOO / "expected" / "plain.json"))
    assert code != 0
    assert "neither a notebook (.ipynb) nor a module (.py)" in err
