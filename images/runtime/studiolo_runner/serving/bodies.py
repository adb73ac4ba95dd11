"""What the bodies of the serving protocols mean, and how they are answered. Pure.

Sources: SageMaker's contract for inference containers; MLflow's scoring protocol; Vertex AI's custom containers;
KServe's protocol V1; the Open Inference Protocol (V2).
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

from studiolo_runner.outputs import as_json
from studiolo_runner.serving.calls import BadInput, Takes, rows_as_calls

TABLES = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""MLflow's keys; exactly one of them."""

DATATYPES: dict[str, tuple[type, ...]] = {
    "BOOL": (bool,),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"), (int,)),
    **dict.fromkeys(("FP16", "FP32", "FP64"), (int, float)),
    "BYTES": (str,),
}


@dataclass(frozen=True)
class Calls:
    """What a request asks of `predict`."""

    calls: list[dict[str, Any]]
    is_single: bool = False
    """One object, answered by one value."""
    is_batch: bool = False
    """One call with all rows: what it gives back is a value for each."""
    id: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def read_json(body: bytes) -> Any:
    """The JSON of a body. Raises BadInput."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput("", f"The body is no JSON: {error}") from error


def invocation(body: bytes, content_type: str, takes: Takes) -> Calls:
    """A body of `/invocations`: MLflow's tables, SageMaker's JSON, JSON lines and CSV, or the parameters themselves."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"text/csv", "application/csv"}:
        return _table(_csv(body), takes, "")
    if kind in {"application/jsonlines", "application/x-jsonlines", "application/jsonl"}:
        return _table([read_json(line) for line in body.splitlines() if line.strip()], takes, "")
    if kind not in {"", "application/json"}:
        raise BadInput("Content-Type", f"{kind} is not understood here: application/json, jsonlines or text/csv.")
    content = read_json(body)
    if isinstance(content, dict):
        return _object(content, takes)
    return _table(content if isinstance(content, list) else [content], takes, "")


def _object(content: dict[str, Any], takes: Takes) -> Calls:
    """MLflow's tables, or the parameters of one call."""
    found = [key for key in TABLES if key in content and key not in takes.names]
    if len(found) > 1:
        raise BadInput(found[1], f"There are {' and '.join(found)}; one of them is meant.")
    if not found:
        takes.check(content, "")
        return Calls([content], is_single=True)
    match found[0], content[found[0]]:
        case "dataframe_split", table:
            return _table(_split(table), takes, "dataframe_split.data")
        case "inputs", dict() as columns:
            return _table(_columns(columns), takes, "inputs")
        case key, list() as rows:
            return _table(rows, takes, key)
    raise BadInput(found[0], f"{found[0]} is no list of rows.")


def instances(body: bytes, takes: Takes) -> Calls:
    """A body of KServe V1 and of Vertex AI: `{"instances": […]}`."""
    content = read_json(body)
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise BadInput("instances", 'The body must be {"instances": […]}.')
    return _table(content["instances"], takes, "instances")


def infer(body: bytes, takes: Takes) -> Calls:
    """A body of the Open Inference Protocol: named tensors, their first dimension the rows."""
    content = read_json(body)
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), list) or not content["inputs"]:
        raise BadInput("inputs", "The body must hold inputs: tensors with name, shape, datatype and data.")
    if not isinstance(content.get("id", ""), str):
        raise BadInput("id", "The id is no text.")
    tensors = [_tensor(tensor, f"inputs[{number}]") for number, tensor in enumerate(content["inputs"])]
    wanted = _wanted_output(content)
    named = dict(tensors)
    if len(named) < len(tensors):
        raise BadInput("inputs", "Two tensors have the same name.")
    more = {"id": content.get("id", ""), "extra": {"output": wanted}}
    if takes.all_rows and len(named) == 1:
        (data,) = named.values()
        return Calls([{takes.required[0]: data}], is_batch=True, **more)
    rows = {len(data) if isinstance(data, list) else -1 for data in named.values()}
    if len(rows) != 1 or -1 in rows:
        raise BadInput("inputs", "The tensors have not the same number of rows.")
    if len(named) == 1 and not set(named) & set(takes.names):
        (data,) = named.values()
        return Calls(rows_as_calls(takes, data, "inputs[0].data"), **more)
    takes.check(named, "inputs.")
    names = list(named)
    return Calls([dict(zip(names, row, strict=True)) for row in zip(*named.values(), strict=True)], **more)


def predictions(results: list[Any], calls: Calls) -> dict[str, Any]:
    """The answer of `/invocations`, KServe V1 and Vertex AI."""
    if calls.is_single:
        return {"predictions": finite(as_json(results[0]))}
    if calls.is_batch:
        return {"predictions": finite(_as_rows(as_json(results[0])))}
    return {"predictions": finite([as_json(result) for result in results])}


def inferred(results: list[Any], calls: Calls, *, model: str, version: str) -> dict[str, Any]:
    """The answer of the Open Inference Protocol."""
    rows = as_json(results[0]) if calls.is_batch else [as_json(result) for result in results]
    tensors = _outputs(finite(_as_rows(rows)), calls.extra["output"])
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": tensors}
    return {**answer, "id": calls.id} if calls.id else answer


def finite(value: Any) -> Any:
    """JSON knows no infinity and no "not a number": null stands for both."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [finite(item) for item in value]
        case dict():
            return {key: finite(item) for key, item in value.items()}
        case _:
            return value


def _table(rows: list[Any], takes: Takes, where: str) -> Calls:
    return Calls(rows_as_calls(takes, rows, where), is_batch=takes.all_rows)


def _split(table: Any) -> list[Any]:
    if not isinstance(table, dict) or not isinstance(table.get("data"), list):
        raise BadInput("dataframe_split.data", "dataframe_split holds columns and data, a list of rows.")
    columns = table.get("columns")
    if columns is None:
        return list(table["data"])
    if not isinstance(columns, list):
        raise BadInput("dataframe_split.columns", "The columns are no list of names.")
    for number, row in enumerate(table["data"]):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadInput(f"dataframe_split.data[{number}]", f"This row has not {len(columns)} values.")
    return [dict(zip(map(str, columns), row, strict=True)) for row in table["data"]]


def _columns(columns: dict[str, Any]) -> list[Any]:
    lengths = {len(column) for column in columns.values() if isinstance(column, list)}
    if not columns or len(lengths) != 1 or not all(isinstance(column, list) for column in columns.values()):
        raise BadInput("inputs", "The columns are not lists of the same length.")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv(body: bytes) -> list[Any]:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput("", f"The body is no CSV: {error}") from error
    return [[_number(value) for value in line] for line in lines if line]


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _tensor(tensor: Any, where: str) -> tuple[str, Any]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise BadInput(f"{where}.name", "A tensor has no name.")
    shape, datatype = tensor.get("shape"), tensor.get("datatype")
    if not isinstance(shape, list) or not all(isinstance(one, int) and one >= 0 for one in shape):
        raise BadInput(f"{where}.shape", "The shape is no list of whole numbers.")
    if datatype not in DATATYPES:
        raise BadInput(f"{where}.datatype", f"{datatype!r} is no datatype of the protocol: {', '.join(DATATYPES)}.")
    if not isinstance(tensor.get("data"), list):
        raise BadInput(f"{where}.data", "The data is no list.")
    flat = list(_flat(tensor["data"]))
    if len(flat) != math.prod(shape):
        raise BadInput(f"{where}.data", f"{len(flat)} values do not fill the shape {shape}.")
    kinds = DATATYPES[datatype]
    wrong = next(
        (value for value in flat if not isinstance(value, kinds) or isinstance(value, bool) != (kinds == (bool,))), None
    )
    if wrong is not None:
        raise BadInput(f"{where}.data", f"{wrong!r} is no {datatype}.")
    return tensor["name"], _shaped(flat, shape)


def _flat(data: list[Any]) -> list[Any]:
    found: list[Any] = []
    waiting: list[Any] = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        else:
            found.append(one)
    return found


def _shaped(flat: list[Any], shape: list[int]) -> Any:
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)] if size else []
    return flat


def _wanted_output(content: dict[str, Any]) -> str:
    outputs = content.get("outputs")
    if outputs is None:
        return ""
    match outputs:
        case [{"name": str(name)}]:
            return name
    raise BadInput("outputs", "This model has one output; leave outputs out, or name one.")


def _as_rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _outputs(rows: list[Any], name: str) -> list[dict[str, Any]]:
    """A tensor for each name where rows are named values, one otherwise."""
    if rows and all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows) and not name:
        return [_output(str(key), [row[key] for row in rows]) for key in rows[0]]
    return [_output(name or "predict", rows)]


def _output(name: str, rows: list[Any]) -> dict[str, Any]:
    shape = [len(rows)]
    level: list[Any] = rows
    while level and all(isinstance(one, list) for one in level) and len({len(one) for one in level}) == 1:
        shape.append(len(level[0]))
        level = [item for one in level for item in one]
    kinds = {type(value) for value in level}
    if kinds <= {bool}:
        datatype = "BOOL"
    elif kinds <= {int}:
        datatype = "INT64"
    elif kinds <= {int, float}:
        datatype = "FP64"
    else:
        datatype = "BYTES"
        level = [value if isinstance(value, str) else json.dumps(value) for value in level]
    return {"name": name, "shape": shape, "datatype": datatype, "data": level}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
