"""A package is trained and predicts in batch: what it is given, what it leaves, how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from studiolo_runner.errors import Refused
from studiolo_runner.hyperparameters import check, coerce, gather
from studiolo_runner.outputs import as_json, write_failure

from tests.images.runtime.packages import package, run

if TYPE_CHECKING:
    from pathlib import Path

MODEL = """
import os
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le


class Model:
    hyperparameters = {"depth": 3}

    def __init__(self, size: int = 1):
        self.size = size

    def train(self, rate: Annotated[float, Ge(0), Le(1)] = 0.1, kind: Literal["a", "b"] = "a", when: bool = False):
        Path(os.environ["STUDIOLO_OUTPUT_DIR"], "weights.txt").write_text(str(rate))
        return {"rate": rate, "kind": kind, "when": when, "size": self.size, **self.hyperparameters}

    def batch_predict(self, rows, factor: int = 2):
        return [float(row["x"]) * factor for row in rows]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return package(tmp_path / "image", MODEL)


def test_without_a_word_it_trains_with_its_defaults(root: Path) -> None:
    done = run(root, "train")
    assert (done.code, done.result) == (0, {"rate": 0.1, "kind": "a", "when": False, "size": 1, "depth": 3})
    assert (done.output / "weights.txt").read_text() == "0.1"


def test_values_come_from_file_and_command_and_get_the_types_of_their_annotations(root: Path, tmp_path: Path) -> None:
    told = tmp_path / "values.json"
    told.write_text(json.dumps({"rate": "0.5", "when": "true", "depth": "7"}))
    done = run(root, "train", "--set", "rate=0.25", "--set", "size=4", env={"STUDIOLO_HYPERPARAMETERS": str(told)})
    assert done.result == {"rate": 0.25, "kind": "a", "when": True, "size": 4, "depth": 7}


def test_everything_wrong_is_said_at_once_before_the_model_is_loaded(root: Path) -> None:
    done = run(root, "train", "--set", "rte=1", "--set", "kind=c", "--set", "rate=2", "--set", "when=maybe")
    assert done.code == 2
    assert done.err.splitlines() == [
        "rte: there is no such hyperparameter. Perhaps you meant rate?",
        "kind: 'c' is none of 'a', 'b'.",
        "rate: 2.0 is not at most 1.",
        "when: 'maybe' is neither true nor false.",
    ]
    assert done.failure.count("\n") == 1


def test_a_model_that_fails_ends_with_1_and_its_reason_on_one_line(tmp_path: Path) -> None:
    root = package(tmp_path / "image", "class Model:\n    def train(self):\n        raise ValueError('no\\nrows')\n")
    done = run(root, "train")
    assert done.code == 1
    assert done.failure == "train failed: ValueError: no rows\n"
    assert "Traceback" in done.err


def test_a_module_that_cannot_be_loaded_is_the_models_own_failure(tmp_path: Path) -> None:
    root = package(tmp_path / "image", "import nothing_of_the_kind\nclass Model:\n    def train(self): pass\n")
    done = run(root, "train")
    assert done.code == 1
    assert "cannot be loaded: ModuleNotFoundError" in done.failure


def test_what_a_model_has_not_is_refused_with_what_it_has(tmp_path: Path) -> None:
    root = package(tmp_path / "image", "class Model:\n    def predict(self, x): pass\n")
    done = run(root, "train")
    assert (done.code, done.err) == (2, "This model has no train; it has predict.\n")


def test_an_image_without_a_contract_says_so(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    done = run(tmp_path / "image", "train")
    assert done.code == 2
    assert "contract.json does not say what this model is" in done.err


def test_train_may_be_a_coroutine_and_may_take_all_hyperparameters_as_one(tmp_path: Path) -> None:
    source = (
        "class Model:\n    hyperparameters = {'a': 1}\n"
        "    async def train(self, hyperparameters):\n        return hyperparameters\n"
    )
    done = run(package(tmp_path / "image", source), "train", "--set", "a=5")
    assert done.result == {"a": 5}


def test_files_beside_the_notebook_are_found_and_packages_come_first(tmp_path: Path) -> None:
    source = (
        "from scale import FACTOR\nclass Model:\n"
        "    def train(self):\n        return [FACTOR, open('rows.csv').read()]\n"
    )
    root = package(tmp_path / "image", source, scale__py="FACTOR = 3\n", rows__csv="a\n")
    assert run(root, "train").result == [3, "a\n"]


INPUTS = {
    "rows.csv": "x,y\n1,2\n3,4\n",
    "rows.tsv": "x\ty\n1\t2\n3\t4\n",
    "rows.json": '[{"x": 1}, {"x": 3}]',
    "rows.jsonl": '{"x": 1}\n{"x": 3}\n',
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_batch_is_read_as_its_name_says(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(INPUTS[name])
    done = run(root, "batch_predict", "--input", str(tmp_path / name))
    assert (done.code, done.result) == (0, [2.0, 6.0])


def test_a_batch_that_nobody_understands_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.xls").write_text("x")
    done = run(root, "batch_predict", "--input", str(tmp_path / "rows.xls"))
    assert done.code == 2
    assert "rows.xls is no input that is understood here" in done.err


def test_sagemakers_own_file_is_read_and_its_own_names_are_left_out(tmp_path: Path) -> None:
    told = tmp_path / "hyperparameters.json"
    told.write_text(json.dumps({"rate": "0.5", "sagemaker_region": "eu", "sagemaker_program": "x"}))
    assert gather(["rate=0.6"], sagemaker=told) == {"rate": "0.6"}


def test_a_file_that_is_no_json_is_said_to_be(tmp_path: Path) -> None:
    told = tmp_path / "hyperparameters.json"
    told.write_text("rate=1")
    with pytest.raises(Refused, match="cannot be read as JSON"):
        gather([], sagemaker=told)


COERCED = [
    ("3", {"type": "integer"}, 3),
    (3.0, {"type": "integer"}, 3),
    ("1e-3", {"type": "number"}, 0.001),
    (1, {"type": "number"}, 1.0),
    ("on", {"type": "boolean"}, True),
    ("no", {"type": "boolean"}, False),
    (5, {"type": "string"}, "5"),
    ("[1, 2]", {"type": "array"}, [1, 2]),
    ('{"a": 1}', {"type": "object"}, {"a": 1}),
    ("null", {"type": ["integer", "null"]}, None),
    ("null", {"type": "string"}, "null"),
    ("x", {}, "x"),
    ("5", {}, 5),
]


@pytest.mark.parametrize(("value", "schema", "expected"), COERCED)
def test_a_value_gets_the_type_of_its_annotation(value: object, schema: dict[str, object], expected: object) -> None:
    found = coerce(value, schema)
    assert (found, type(found)) == (expected, type(expected))


WRONG = [
    ("3.5", {"type": "integer"}),
    (True, {"type": "integer"}),
    ("x", {"type": "number"}),
    ("2", {"type": "boolean"}),
    ([1], {"type": "string"}),
    ("{", {"type": "array"}),
    ("null", {"type": "integer"}),
    ("1", {"type": "integer", "minimum": 2}),
    ("1", {"type": "number", "exclusiveMinimum": 1}),
    ("3", {"type": "integer", "multipleOf": 2}),
    ("abc", {"type": "string", "maxLength": 2}),
    ("[]", {"type": "array", "minItems": 1}),
]


@pytest.mark.parametrize(("value", "schema"), WRONG)
def test_what_its_annotation_does_not_allow_is_refused(value: object, schema: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        coerce(value, schema)


def test_what_is_needed_and_missing_is_named_and_an_open_model_takes_anything() -> None:
    with pytest.raises(Refused, match="a: this model needs it"):
        check({}, {"properties": {"a": {"type": "integer"}}, "required": ["a"]})
    assert check({"b": "[1]"}, {"properties": {}, "additionalProperties": True}) == {"b": [1]}


def test_results_of_any_kind_become_json() -> None:
    class Array:
        def tolist(self) -> list[int]:
            return [1, 2]

    assert as_json({"a": (1, {2}), 3: Array(), "b": b"x", "c": object}) == {
        "a": [1, [2]],
        "3": [1, 2],
        "b": "x",
        "c": "<class 'object'>",
    }


def test_a_disk_that_is_full_keeps_no_reason_from_the_log(tmp_path: Path) -> None:
    write_failure(tmp_path / "nowhere", "why", sagemaker=tmp_path / "neither" / "failure")
