"""Where a run leaves what came of it: the result, and one line of why it failed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

OUTPUT_VARIABLE = "STUDIOLO_OUTPUT_DIR"
"""Where `train` and `batch_predict` leave files; set for the model's own code, too."""

SAGEMAKER_MODEL = Path("/opt/ml/model")
SAGEMAKER_FAILURE = Path("/opt/ml/output/failure")
ELSEWHERE = Path("/tmp/studiolo-output")  # noqa: S108 - the one place that can be written where nothing is mounted
LONGEST_REASON = 1024
"""Characters. SageMaker shows as many."""


def output_folder(given: str | None) -> Path:
    """The folder for what comes of it, made where it is missing, and told to the model by a variable."""
    told = given or os.environ.get(OUTPUT_VARIABLE)
    folder = Path(told) if told else SAGEMAKER_MODEL if SAGEMAKER_MODEL.is_dir() else ELSEWHERE
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[OUTPUT_VARIABLE] = str(folder)
    return folder


def write_result(folder: Path, result: Any) -> Path:
    """`result.json`: what the method gave back, as far as JSON can hold it."""
    path = folder / "result.json"
    beside = folder / ".result.json.new"
    beside.write_text(json.dumps(as_json(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)
    return path


def write_failure(folder: Path | None, reason: str, *, sagemaker: Path = SAGEMAKER_FAILURE) -> None:
    """`failure`: why, on one line."""
    line = " ".join(reason.split())[:LONGEST_REASON] + "\n"
    places = [folder / "failure"] if folder is not None else []
    if sagemaker.parent.is_dir():
        places.append(sagemaker)
    for place in places:
        try:
            place.write_text(line, encoding="utf-8")
        except OSError:  # a full disk, often the very reason; the exit code and the log still tell
            continue


def say(sentence: str) -> None:
    """Into the log."""
    sys.stderr.write(f"{sentence}\n")


def as_json(value: Any) -> Any:
    """A value as JSON has it: arrays as lists, tables as lists of rows, anything unknown as its text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): as_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item) for item in value]
        case bytes():
            return value.decode(errors="replace")
    columns = getattr(value, "to_dict", None)
    if callable(columns) and hasattr(value, "columns"):  # a table of pandas
        return as_json(columns(orient="records"))
    to_list = getattr(value, "tolist", None)  # arrays and numbers of NumPy, tensors, series
    return as_json(to_list()) if callable(to_list) else str(value)
