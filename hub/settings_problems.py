"""From a settings file to plain values, and from what pydantic refuses to problems with file, line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from studiolo.problems import Problem, perhaps, quoted
from studiolo.yaml_tree import START, Broken, Kind, Mapping, Node, Place, Scalar, Sequence

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str, ...]

_WORDS = {
    "int_type": "a whole number belongs here",
    "float_type": "a number belongs here",
    "string_type": "text belongs here; put it in quotes if it looks like a number",
    "bool_type": "true or false belongs here",
    "model_type": "a block of settings belongs here",
    "path_type": "a path belongs here",
}
"""What pydantic means, for people who have never heard of it."""


def plain_values(root: Node) -> tuple[Any, dict[Path, Place]]:
    """A document as Python's own values, and where each was written: keys by their name, list items by their number."""
    places: dict[Path, Place] = {}
    return _plain(root, (), places), places


def _plain(node: Node, path: Path, places: dict[Path, Place]) -> Any:
    places.setdefault(path, node.place)
    match node:
        case Mapping():
            values: dict[str, Any] = {}
            for pair in node.pairs:
                places.setdefault((*path, pair.key), pair.key_place)
                values.setdefault(pair.key, _plain(pair.value, (*path, pair.key), places))
            return values
        case Sequence():
            return [_plain(item, (*path, str(number)), places) for number, item in enumerate(node.items)]
        case Scalar():
            return _scalar(node)
        case Broken():
            return None


def _scalar(scalar: Scalar) -> Any:
    match scalar.kind:
        case Kind.NOTHING:
            return None
        case Kind.BOOLEAN:
            return scalar.text.lower() == "true"
        case Kind.NUMBER:
            try:
                return int(scalar.text)
            except ValueError:
                return float(scalar.text)
        case _:
            return scalar.text


def as_problem(
    detail: ErrorDetails, *, schema: type[BaseModel], file: str, places: dict[Path, Place], flags: set[str]
) -> Problem:
    """What pydantic refused, as people read it; a value that came from a flag says so instead of a line."""
    path = tuple(str(part) for part in detail["loc"])
    dotted = ".".join(path)
    is_flag = dotted in flags
    place = START if is_flag else _place(path, places)
    return Problem(
        file="command line" if is_flag else file,
        line=place.line,
        column=place.column,
        path=dotted or "(file)",
        message=_sentence(detail, schema),
    )


def _place(path: Path, places: dict[Path, Place]) -> Place:
    while path and path not in places:
        path = path[:-1]
    return places.get(path, START)


def _sentence(detail: ErrorDetails, schema: type[BaseModel]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        *parents, name = detail["loc"]
        known = _known_names(schema, parents)
        return f"This setting is not known.{perhaps(str(name), known)} Correct its name or remove it."
    if kind == "missing":
        return "This setting is missing and has no default. Add it."
    if kind == "value_error":
        return _as_sentence(str(detail["ctx"]["error"]))
    given = quoted(str(detail["input"]))
    if kind in _WORDS:
        return f"{given} was given. {_as_sentence(_WORDS[kind])}"
    return _as_sentence(f"{detail['msg'].replace('Input should be', 'the value must be')}, and {given} was given")


def _as_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _known_names(schema: type[BaseModel], parents: list[int | str]) -> tuple[str, ...]:
    """The names a section may hold."""
    for parent in parents:
        schema = next(
            field.annotation
            for field in schema.model_fields.values()
            if field.alias == parent and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        )
    return tuple(str(field.alias) for field in schema.model_fields.values())
