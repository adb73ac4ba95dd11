"""The hyperparameters of one run: from a file, from SageMaker's file, from the command line; checked all at once.

Everything that arrives may be text (SageMaker's always is): it is read as its annotation says, and refused where it
cannot be. Source: the JSON Schema in the contract, made from the signature.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studiolo_runner.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FILE_VARIABLE = "STUDIOLO_HYPERPARAMETERS"
"""Names a file with a JSON object, such as a mounted ConfigMap."""

SAGEMAKER_FILE = Path("/opt/ml/input/config/hyperparameters.json")
SAGEMAKER_OWN = "sagemaker_"
"""Hyperparameters that SageMaker adds for itself."""

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def gather(words: Iterable[str], *, sagemaker: Path = SAGEMAKER_FILE) -> dict[str, Any]:
    """All that was said, later over earlier: file, SageMaker's, `name=value`. Raises Refused with all that is wrong."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    named = os.environ.get(FILE_VARIABLE)
    for path in [*([Path(named)] if named else []), *([sagemaker] if sagemaker.is_file() else [])]:
        values |= _in_file(path, problems)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            problems.append(f"--set {word}: write name=value.")
        else:
            values[name.strip()] = value
    if problems:
        raise Refused(*problems)
    return values


def check(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the model gets them, with the types of its annotations. Raises Refused with all that is wrong."""
    known: dict[str, Any] = schema.get("properties", {})
    is_open = bool(schema.get("additionalProperties"))
    problems: list[str] = []
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name in known:
            try:
                checked[name] = coerce(value, known[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
        elif is_open:
            checked[name] = _as_json(value)
        else:
            problems.append(f"{name}: there is no such hyperparameter.{_perhaps(name, known)}")
    missing = [name for name in schema.get("required", ()) if name not in values]
    problems += [f"{name}: this model needs it, and nobody gave it." for name in missing]
    if problems:
        raise Refused(*problems)
    return checked


def coerce(value: Any, schema: Mapping[str, Any]) -> Any:
    """One value as its schema has it: "0.5" -> 0.5. Raises ValueError, saying what it should be."""
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind] if kind else []
    if value is None or (
        isinstance(value, str) and value.strip().lower() in {"none", "null"} and "string" not in kinds
    ):
        if "null" in kinds or not kinds:
            return None
        raise ValueError(f"nothing is no {kinds[0]}.")
    wanted = next((one for one in kinds if one != "null"), "")
    read = _READERS[wanted](value) if wanted in _READERS else _as_json(value)
    _check_limits(read, schema)
    return read


def _in_file(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{path} cannot be read as JSON: {error}")
        return {}
    if not isinstance(content, dict):
        problems.append(f"{path} holds no set of named values.")
        return {}
    return {str(name): value for name, value in content.items() if not str(name).startswith(SAGEMAKER_OWN)}


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value.strip())
        except ValueError:
            pass
    raise ValueError(f"{value!r} is no whole number.")


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value.strip())
        except ValueError:
            pass
    raise ValueError(f"{value!r} is no number.")


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if isinstance(value, bool | int | str) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError(f"{value!r} is neither true nor false.")


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise ValueError(f"{value!r} is no text.")


def _of_kind(kind: type, words: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        found = _as_json(value)
        if isinstance(found, tuple):
            found = list(found)
        if not isinstance(found, kind):
            raise ValueError(f"{value!r} is no {words}. Write it as JSON.")  # noqa: TRY004 - what a person gave, not a mistake in the code
        return found

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "array": _of_kind(list, "list"),
    "object": _of_kind(dict, "set of named values"),
}


def _as_json(value: Any) -> Any:
    """What a text holds where it is JSON; the text itself where it is not."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _check_limits(value: Any, schema: Mapping[str, Any]) -> None:
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(repr(choice) for choice in choices)}.")
    for key, is_kept, words in _LIMITS:
        if key in schema and isinstance(value, int | float) and not is_kept(value, schema[key]):
            raise ValueError(f"{value!r} is not {words} {schema[key]}.")
    for key, is_kept, words in _LENGTHS:
        if key in schema and isinstance(value, str | list) and not is_kept(len(value), schema[key]):
            raise ValueError(f"{value!r} has not {words} {schema[key]} characters or items.")


_LIMITS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", lambda value, limit: value >= limit, "at least"),
    ("exclusiveMinimum", lambda value, limit: value > limit, "more than"),
    ("maximum", lambda value, limit: value <= limit, "at most"),
    ("exclusiveMaximum", lambda value, limit: value < limit, "less than"),
    ("multipleOf", lambda value, limit: value % limit == 0, "a multiple of"),
)
_LENGTHS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = tuple(
    (f"{which}{what}", is_kept, words)
    for what in ("Length", "Items")
    for which, is_kept, words in (
        ("min", lambda length, limit: length >= limit, "at least"),
        ("max", lambda length, limit: length <= limit, "at most"),
    )
)


def _perhaps(name: str, known: Iterable[str]) -> str:
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f" Perhaps you meant {folded[near[0]]}?" if near else f" There are: {', '.join(known) or 'none'}."
