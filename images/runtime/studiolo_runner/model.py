"""The model itself: its module is imported, its class made, its methods called with what each of them takes."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from studiolo_runner.errors import ModelFailed, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studiolo_runner.contract import Contract

WHOLE = ("hyperparameters", "hyperparams", "params")
"""Parameters that get all hyperparameters as one dictionary."""

MODULE = "studiolo_model"
"""What the notebook's module is called, so that it hides no package."""


def load_class(contract: Contract) -> type:
    """The class of the model. Its module runs now. Raises ModelFailed, or Refused where it is not in there."""
    os.chdir(contract.folder)
    # The packages first, then the folder: as it was in the notebook.
    for place in (contract.folder, contract.packages):
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))
    is_own_file = contract.module.parent == contract.folder
    name = contract.module.stem if is_own_file else MODULE
    spec = importlib.util.spec_from_file_location(name, contract.module)
    if spec is None or spec.loader is None:
        raise Refused(f"{contract.module} is no module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ModelFailed(f"The module of the model cannot be loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, contract.class_name, None)
    if not isinstance(found, type):
        raise Refused(f"{contract.module} has no class {contract.class_name}.")
    return found


def make(contract: Contract, values: Mapping[str, Any]) -> Any:
    """A model, with the hyperparameters that its `__init__` takes, and its dictionary brought up to date."""
    kind = load_class(contract)
    try:
        model = kind(**_taken(inspect.getattr_static(kind, "__init__"), values, is_bound=False))
        defaults = getattr(model, "hyperparameters", None)
        if isinstance(defaults, dict):
            model.hyperparameters = {**defaults, **{name: values[name] for name in values if name in defaults}}
    except Exception as error:
        raise ModelFailed(f"Model() failed: {type(error).__name__}: {error}") from error
    return model


def train(contract: Contract, model: Any, values: Mapping[str, Any]) -> Any:
    """What `train` gives back."""
    contract.must_offer("train")
    return call(model.train, **_taken(model.train, values))


def call(method: Any, *given: Any, **named: Any) -> Any:
    """What a method gives back, waited for where it is a coroutine's. Raises ModelFailed."""
    try:
        result = method(*given, **named)
        return asyncio.run(_wait(result)) if inspect.isawaitable(result) else result
    except Exception as error:
        raise ModelFailed(f"{method.__name__} failed: {type(error).__name__}: {error}") from error


async def _wait(awaitable: Any) -> Any:
    return await awaitable


def _taken(function: Any, values: Mapping[str, Any], *, is_bound: bool = True) -> dict[str, Any]:
    """Of the hyperparameters those that a function takes."""
    if function is object.__init__:
        return {}
    parameters = list(inspect.signature(function).parameters.values())
    named = parameters if is_bound else parameters[1:]
    takes = {one.name for one in named if one.kind not in {one.VAR_KEYWORD, one.VAR_POSITIONAL}}
    anything = any(one.kind is one.VAR_KEYWORD for one in named) and is_bound
    whole = {name: dict(values) for name in WHOLE if name in takes}
    return {**{name: value for name, value in values.items() if anything or name in takes}, **whole}
