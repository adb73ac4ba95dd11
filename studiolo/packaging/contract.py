"""What a model offers: its methods and its hyperparameters, read from the text of its class. Nothing is run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.hyperparameters import (
    Hyperparameter,
    from_dictionary,
    from_signature,
    merged,
    takes_anything,
)
from studiolo.problems import listed, perhaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Method(StrEnum):
    """What a model may offer, by LyftLearn's names."""

    TRAIN = "train"
    BATCH_PREDICT = "batch_predict"
    INIT_PREDICT = "init_predict"
    PREDICT = "predict"


USEFUL: Final = (Method.TRAIN, Method.BATCH_PREDICT, Method.PREDICT)
"""One of these at least."""

DICTIONARY: Final = "hyperparameters"
"""LyftLearn's way: `hyperparameters = {…}` in the class, or `self.hyperparameters = {…}` in `__init__`."""

JSON_SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One method."""

    method: Method
    parameters: tuple[str, ...]
    """By name, without `self`."""
    is_async: bool
    doc: str = ""
    """The first line of its docstring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What can be asked of a model."""

    signatures: tuple[Signature, ...]
    hyperparameters: tuple[Hyperparameter, ...] = ()
    is_open: bool = False
    """Whether it takes hyperparameters that it does not name (`**options`)."""
    doc: str = ""
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[Method, ...]:
        """What it offers."""
        return tuple(signature.method for signature in self.signatures)

    def schema(self) -> dict[str, Any]:
        """Its hyperparameters as a JSON Schema, from which forms and checks are made."""
        return {
            "$schema": JSON_SCHEMA,
            "type": "object",
            "properties": {one.name: one.schema() for one in self.hyperparameters},
            "required": [one.name for one in self.hyperparameters if one.is_required],
            "additionalProperties": self.is_open,
        }


def read_contract(model: ast.ClassDef, *, module: Iterable[ast.stmt]) -> Contract:
    """The contract of a class. `module`: what stands beside it, which it may be derived from and take defaults from."""
    statements = tuple(module)
    classes = {node.name: node for node in statements if isinstance(node, ast.ClassDef)}
    family = tuple(_family(model, classes))
    functions = _functions(family)
    signatures = tuple(_signature(method, functions[method]) for method in Method if method in functions)
    train, init = functions.get(Method.TRAIN), functions.get("__init__")
    constants = dict(_constants((*statements, *(node for one in reversed(family) for node in one.body))))
    parameters = merged(
        _dictionaries(family, constants),
        from_signature(init, constants=constants) if init is not None else (),
        from_signature(train, constants=constants) if train is not None else (),
    )
    return Contract(
        signatures=signatures,
        hyperparameters=parameters,
        is_open=any(takes_anything(function) for function in (train, init) if function is not None),
        doc=_first_line(model),
        warnings=tuple(_warnings(model, classes, functions)),
        problems=tuple(_problems(functions)),
    )


def _family(model: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """The class and those of the same module that it is derived from, nearest first."""
    waiting, seen = [model], set[int]()
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [classes[base.id] for base in found.bases if isinstance(base, ast.Name) and base.id in classes]


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(family: tuple[ast.ClassDef, ...]) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for one in reversed(family):
        found |= {node.name: node for node in one.body if isinstance(node, Function)}
    return found


def _constants(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """What is given a value by name: defaults may name it."""
    for node in statements:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _signature(method: Method, function: Function) -> Signature:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    own = named if _is_static(function) else named[1:]
    return Signature(
        method=method,
        parameters=tuple(argument.arg for argument in [*own, *arguments.kwonlyargs]),
        is_async=isinstance(function, ast.AsyncFunctionDef),
        doc=_first_line(function),
    )


def _is_static(function: Function) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)


def _dictionaries(family: tuple[ast.ClassDef, ...], constants: Mapping[str, ast.expr]) -> tuple[Hyperparameter, ...]:
    """The defaults in `hyperparameters = {…}`, of the class or set by its `__init__`; the nearest class counts."""
    for one in family:
        for node in one.body:
            inside = node.body if isinstance(node, ast.FunctionDef) and node.name == "__init__" else [node]
            found = [value for inner in inside if (value := _dictionary_in(inner)) is not None]
            if found:
                return from_dictionary(found[-1], constants=constants)
    return ()


def _dictionary_in(node: ast.stmt) -> ast.expr | None:
    """The value that a statement gives `hyperparameters`, the class' own or `self`'s."""
    match node:
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            match target:
                case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name) if name == DICTIONARY:
                    return value
    return None


def _problems(functions: Mapping[str, Function]) -> Iterator[str]:
    if not any(method in functions for method in USEFUL):
        near = next((hint for name in functions if (hint := perhaps(name, list(Method)))), "")
        has = [name for name in functions if not name.startswith("_")]
        what = f"It has {listed(has)}." if has else "It has no methods."
        yield f"class Model has none of {listed(USEFUL, last='or')}. {what}{near}"


def _warnings(
    model: ast.ClassDef, classes: Mapping[str, ast.ClassDef], functions: Mapping[str, Function]
) -> Iterator[str]:
    unknown = [
        ast.unparse(base)
        for one in _family(model, classes)
        for base in one.bases
        if not (isinstance(base, ast.Name) and (base.id in classes or base.id in {"object", "ABC", "Protocol"}))
    ]
    if unknown:
        yield f"What Model inherits from {listed(unknown)} is not known here: only its own methods are offered."
    if Method.INIT_PREDICT in functions and Method.PREDICT not in functions:
        yield "Model has init_predict and no predict, so nothing calls it."
    for method in Method:
        function = functions.get(method)
        if function is not None and not _takes_self(function):
            yield f"Model.{method} takes no self, so it cannot be called on a model."


def _takes_self(function: Function) -> bool:
    arguments = function.args
    return _is_static(function) or bool(arguments.posonlyargs or arguments.args or arguments.vararg)


def _first_line(node: ast.ClassDef | Function) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0].strip()
