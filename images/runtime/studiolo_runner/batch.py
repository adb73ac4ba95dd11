"""Predicting in batch: the input is read as its name says, and handed to `batch_predict` as it likes it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studiolo_runner.errors import Refused
from studiolo_runner.model import call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studiolo_runner.contract import Contract


def batch_predict(contract: Contract, model: Any, values: Mapping[str, Any], *, input_path: str | None) -> Any:
    """What `batch_predict` gives back. What it names of the hyperparameters it gets; the input comes first."""
    names = contract.parameters.get("batch_predict", ())
    named = {name: values[name] for name in names if name in values}
    free = [name for name in names if name not in named]
    if "init_predict" in contract.methods:
        call(model.init_predict)
    if input_path is None:
        return call(model.batch_predict, **named)
    if not free:
        raise Refused("batch_predict of this model takes no input: leave --input out.")
    return call(model.batch_predict, **{free[0]: read_input(Path(input_path))}, **named)


def read_input(path: Path) -> Any:
    """A table as pandas has it where pandas is there, a list of rows where it is not. Raises Refused."""
    try:
        import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - only where the image has it
    except ImportError:
        return _plain(path)
    readers: dict[str, Callable[[Path], Any]] = {
        ".csv": pd.read_csv,
        ".tsv": lambda place: pd.read_csv(place, sep="\t"),
        ".jsonl": lambda place: pd.read_json(place, lines=True),
        ".parquet": pd.read_parquet,
    }
    return readers.get(path.suffix, _plain)(path)


def _plain(path: Path) -> Any:
    match path.suffix:
        case ".csv" | ".tsv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
        case ".json":
            return _json(path.read_text(encoding="utf-8"), path)
        case ".jsonl":
            return [_json(line, path) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    raise Refused(
        f"{path.name} is no input that is understood here: .csv, .tsv, .json or .jsonl (.parquet with pandas)."
    )


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Refused(f"{path.name} is no JSON: {error}") from error
