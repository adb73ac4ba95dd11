"""Which values an annotation allows: `float`, `Literal["a", "b"]`, `Annotated[int, Ge(1)]`, `list[str] | None`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ANNOTATION: Final = 200

_PLAIN: Final[Mapping[str, str]] = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "Path": "string",
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "set", "frozenset"), "array"),
    **dict.fromkeys(("Sequence", "Iterable", "Collection"), "array"),
    **dict.fromkeys(("dict", "Dict", "Mapping"), "object"),
}
"""What JSON calls it."""

_BY_KEYWORD: Final[Mapping[str, str]] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
}
"""Limits of annotated_types' `Interval` and `Len`, and of pydantic's `Field`."""

_BY_NAME: Final[Mapping[str, str]] = {
    **{name.capitalize(): _BY_KEYWORD[name] for name in ("ge", "gt", "le", "lt")},
    "MultipleOf": "multipleOf",
    "MinLen": "minLength",
    "MaxLen": "maxLength",
}
"""Limits of annotated_types that have a class of their own, and one argument."""

_POSITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Interval": (),
    "Field": (),
    "Len": ("min_length", "max_length"),
    "Range": ("ge", "le"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that something may have, as JSON Schema says it."""

    type: str = ""
    """`integer`, `number`, …; "" where it is not known."""
    items: str = ""
    """Of what an array consists."""
    choices: tuple[Any, ...] = ()
    limits: tuple[tuple[str, int | float], ...] = ()
    """Whole numbers stay whole: 1 and 1.0 are different JSON, and so different digests."""
    is_nullable: bool = False
    annotation: str = ""
    """As it is written."""

    @property
    def is_known(self) -> bool:
        """Whether anything can be checked."""
        return bool(self.type or self.choices)

    @property
    def type_name(self) -> str:
        """The type for people and programs; "any" where it is not known."""
        return self.type or "any"

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema."""
        schema: dict[str, Any] = {}
        if self.type:
            schema["type"] = [self.type, "null"] if self.is_nullable else self.type
        if self.choices:
            schema["enum"] = [*self.choices, *([None] if self.is_nullable and None not in self.choices else [])]
        if self.items:
            schema["items"] = {"type": self.items}
        return {**schema, **dict(self.limits)}


def values_of_annotation(annotation: ast.expr | None) -> Values:
    """What an annotation allows; one that is not understood allows anything, and is shown as it is written."""
    if annotation is None:
        return Values()
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        text = annotation.value
        try:
            annotation = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Values(annotation=text[:LONGEST_ANNOTATION])
    return replace(_read(annotation), annotation=ast.unparse(annotation)[:LONGEST_ANNOTATION])


def values_of_default(value: Any) -> Values:
    """What a value that stands in for an annotation seems to allow."""
    if isinstance(value, list):
        kinds = {values_of_default(item).type for item in value}
        return Values(type="array", items=kinds.pop() if len(kinds) == 1 else "")
    return Values(type=_OF_VALUES.get(type(value), ""))


_OF_VALUES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
}


def _read(annotation: ast.expr) -> Values:
    match annotation:
        case ast.BinOp(op=ast.BitOr()):
            return _one_of(_alternatives(annotation))
        case ast.Subscript(value=generic, slice=inside):
            return _read_generic(_name(generic), list(inside.elts) if isinstance(inside, ast.Tuple) else [inside])
        case ast.Constant(value=str(text)):
            return replace(values_of_annotation(ast.Constant(value=text)), annotation="")
        case _:
            return Values(type=_PLAIN.get(_name(annotation), ""))


def _read_generic(name: str, inside: list[ast.expr]) -> Values:
    match name:
        case "Optional" if inside:
            return replace(_read(inside[0]), is_nullable=True)
        case "Union":
            return _one_of(inside)
        case "Literal":
            return _choices(inside)
        case "Annotated" if inside:
            return _limited(_read(inside[0]), inside[1:])
        case "Final" | "ClassVar" | "Required" | "NotRequired" if inside:
            return _read(inside[0])
        case _:
            kind = _PLAIN.get(name, "")
            return Values(type=kind, items=_read(inside[0]).type if kind == "array" and inside else "")


def _alternatives(annotation: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    while isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        found.append(annotation.right)
        annotation = annotation.left
    return [annotation, *reversed(found)]


def _one_of(alternatives: list[ast.expr]) -> Values:
    wanted = [one for one in alternatives if not _is_none(one)]
    read = [_read(one) for one in wanted]
    is_nullable = len(wanted) < len(alternatives) or any(one.is_nullable for one in read)
    if len(read) == 1:
        return replace(read[0], is_nullable=is_nullable)
    kinds = {one.type for one in read}
    if kinds == {"integer", "number"}:
        return Values(type="number", is_nullable=is_nullable)
    return Values(type=kinds.pop() if len(kinds) == 1 else "", is_nullable=is_nullable)


def _is_none(annotation: ast.expr) -> bool:
    return (isinstance(annotation, ast.Constant) and annotation.value is None) or _name(annotation) == "NoneType"


def _choices(inside: list[ast.expr]) -> Values:
    found = [one.value for one in inside if isinstance(one, ast.Constant)]
    if len(found) < len(inside) or not all(isinstance(value, str | int | bool | None) for value in found):
        return Values()
    kinds = {values_of_default(value).type for value in found if value is not None}
    return Values(type=kinds.pop() if len(kinds) == 1 else "", choices=tuple(found), is_nullable=None in found)


def _limited(values: Values, notes: list[ast.expr]) -> Values:
    limits: dict[str, float] = {}
    for note in notes:
        if isinstance(note, ast.Call):
            limits |= _limits(note)
    is_text = values.type != "array"
    named = {key if is_text else key.replace("Length", "Items"): limit for key, limit in limits.items()}
    return replace(values, limits=tuple(named.items()))


def _limits(call: ast.Call) -> dict[str, float]:
    name = _name(call.func)
    if name in _BY_NAME and len(call.args) == 1:
        return _limit(_BY_NAME[name], call.args[0])
    found: dict[str, float] = {}
    if name in _POSITIONS:
        for keyword, argument in zip(_POSITIONS[name], call.args, strict=False):
            found |= _limit(_BY_KEYWORD[keyword], argument)
    for given in call.keywords:
        if given.arg is not None and given.arg in _BY_KEYWORD:
            found |= _limit(_BY_KEYWORD[given.arg], given.value)
    return found


def _limit(key: str, expression: ast.expr) -> dict[str, float]:
    try:
        value = ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return {}
    return {key: value} if isinstance(value, int | float) and not isinstance(value, bool) else {}


def _name(expression: ast.expr) -> str:
    """The last part of a name: `Annotated` of `typing.Annotated`."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
