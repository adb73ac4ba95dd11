"""The hyperparameters of a model: what they are called, which values they take, and what they are when nobody says."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import docstring_parser

from studiolo.packaging.annotations import Values, values_of_annotation, values_of_default

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Function = ast.FunctionDef | ast.AsyncFunctionDef

WHOLE: Final = frozenset({"hyperparameters", "hyperparams", "params"})
"""Parameters that get all of them as one dictionary, LyftLearn's way."""

_NO_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)

MOST_NAMED: Final = 8
"""Steps from name to name: a dictionary may be made from another, and a hostile one from itself."""

LONGEST_TEXT: Final = 200
"""Characters of an expression that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """One of them."""

    name: str
    values: Values
    """Which values it takes."""
    has_default: bool
    default: Any = None
    """A value of JSON, where the default is one that can be read."""
    expression: str = ""
    """The default as it is written, where only running it would tell."""
    description: str = ""

    @property
    def is_required(self) -> bool:
        """Whether somebody must say it."""
        return not self.has_default

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        schema = self.values.schema()
        if self.has_default and not self.expression:
            schema["default"] = self.default
        if self.description:
            schema["description"] = self.description
        return schema

    def as_json(self) -> dict[str, Any]:
        """For `model inspect --json`: `name`, `type`, `required`, and what else is known."""
        described: dict[str, Any] = {"name": self.name, "type": self.values.type_name, "required": self.is_required}
        if self.has_default:
            described["default"] = self.default if not self.expression else None
        if self.expression:
            described["default_expression"] = self.expression
        described |= {key: value for key, value in self.values.schema().items() if key != "type"}
        if self.values.is_nullable:
            described["nullable"] = True
        if self.values.annotation:
            described["annotation"] = self.values.annotation
        if self.description:
            described["description"] = self.description
        return described


def from_signature(function: Function, *, constants: Mapping[str, ast.expr]) -> tuple[Hyperparameter, ...]:
    """Those that a method names among its parameters, with annotation, default and what its docstring says."""
    described = _descriptions(function)
    return tuple(
        _named(argument.arg, argument.annotation, default, constants, described.get(argument.arg, ""))
        for argument, default in _parameters(function)
        if argument.arg not in WHOLE
    )


def from_dictionary(value: ast.expr, *, constants: Mapping[str, ast.expr]) -> tuple[Hyperparameter, ...]:
    """Those in a dictionary of defaults: `{"lr": 0.1}`, `dict(lr=0.1)`, `given or {…}`, `{**DEFAULTS, …}`."""
    pairs = dict(_pairs(value, constants, MOST_NAMED))
    return tuple(_named(name, None, default, constants, "") for name, default in pairs.items())


def _pairs(value: ast.expr, constants: Mapping[str, ast.expr], depth: int) -> Iterator[tuple[str, ast.expr]]:
    match value:
        case ast.Dict():
            for key, item in zip(value.keys, value.values, strict=True):
                match key:
                    case None:
                        yield from _pairs(item, constants, depth - 1)
                    case ast.Constant(value=str(name)):
                        yield name, item
        case ast.Call(func=ast.Name(id="dict"), args=[]):
            yield from ((keyword.arg, keyword.value) for keyword in value.keywords if keyword.arg is not None)
        case ast.BoolOp(values=[*_, last]):
            yield from _pairs(last, constants, depth - 1)
        case ast.Name(id=name) if name in constants and depth > 0:
            yield from _pairs(constants[name], constants, depth - 1)


def merged(*sources: Iterable[Hyperparameter]) -> tuple[Hyperparameter, ...]:
    """All of them, each once: a later source knows its values better, an earlier default is kept where it has none."""
    found: dict[str, Hyperparameter] = {}
    for one in (one for source in sources for one in source):
        before = found.get(one.name)
        if before is None:
            found[one.name] = one
            continue
        if not one.has_default:
            one = replace(one, has_default=before.has_default, default=before.default, expression=before.expression)  # noqa: PLW2901
        found[one.name] = replace(
            one,
            values=one.values if one.values.is_known else before.values,
            description=one.description or before.description,
        )
    return tuple(found.values())


def takes_anything(function: Function) -> bool:
    """Whether it takes what it does not name: `**options`."""
    return function.args.kwarg is not None and function.args.kwarg.arg not in WHOLE


def _parameters(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """All but `self`, with their defaults."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    is_static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    missing: list[ast.expr | None] = [None] * (len(named) - len(arguments.defaults))
    both = [*zip(named, [*missing, *arguments.defaults], strict=True)]
    yield from both if is_static else both[1:]
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _named(
    name: str,
    annotation: ast.expr | None,
    default: ast.expr | None,
    constants: Mapping[str, ast.expr],
    description: str,
) -> Hyperparameter:
    value, is_read = _value(default, constants)
    values = values_of_annotation(annotation)
    if not values.is_known and is_read:
        inferred = values_of_default(value)
        values = replace(inferred, annotation=values.annotation)
    if is_read and value is None and values.is_known:
        values = replace(values, is_nullable=True)
    return Hyperparameter(
        name=name,
        values=values,
        has_default=default is not None,
        default=value,
        expression="" if default is None or is_read else ast.unparse(default)[:LONGEST_TEXT],
        description=description,
    )


def _value(expression: ast.expr | None, constants: Mapping[str, ast.expr]) -> tuple[Any, bool]:
    """The value of an expression as JSON has it, and whether it could be read without running it."""
    if isinstance(expression, ast.Name) and expression.id in constants:
        expression = constants[expression.id]
    if expression is None:
        return None, False
    try:
        return _as_json(ast.literal_eval(expression))
    except _NO_LITERAL:
        return None, False


def _as_json(value: Any) -> tuple[Any, bool]:
    """A literal as JSON would give it back; not what JSON cannot hold."""
    match value:
        case None | bool() | int() | str():
            return value, True
        case float():
            return (value, True) if math.isfinite(value) else (None, False)
        case list() | tuple():
            items = [_as_json(item) for item in value]
            return [item for item, _ in items], all(is_read for _, is_read in items)
        case dict():
            entries = {key: _as_json(item) for key, item in value.items()}
            is_read = all(isinstance(key, str) and read for key, (_, read) in entries.items())
            return {key: item for key, (item, _) in entries.items()}, is_read
        case _:
            return None, False


def _descriptions(function: Function) -> dict[str, str]:
    text = ast.get_docstring(function)
    if not text:
        return {}
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return {}
    return {one.arg_name: " ".join((one.description or "").split()) for one in parsed.params}
