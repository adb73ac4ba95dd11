"""How `predict` is called with what a request brought: once for each row, or once with all rows."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ALL_ROWS = frozenset(
    {"rows", "instances", "inputs", "data", "frame", "df", "x", "batch", "table", "features", "records", "samples"}
)
"""Names of a parameter that takes all rows at once, where no annotation says so."""

FRAMES = ("DataFrame",)
LISTS = ("list", "List", "Sequence", "Iterable", "ndarray", "NDArray", "ArrayLike", "array", "Tensor", "tuple")


class BadInput(Exception):
    """A body that does not fit the model: 400. `field` is the place in it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Takes:
    """What `predict` takes."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    is_open: bool
    """Whether it takes names that it does not know."""
    all_rows: bool
    """Whether its one parameter takes all rows."""
    wants_frame: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Takes:
        """Read from the signature of a bound method."""
        parameters = list(inspect.signature(function).parameters.values())
        named = [one for one in parameters if one.kind not in {one.VAR_KEYWORD, one.VAR_POSITIONAL}]
        required = [one for one in named if one.default is one.empty]
        first = named[0] if len(required) <= 1 and named else None
        told = str(first.annotation) if first is not None and first.annotation is not first.empty else ""
        is_only = first is not None and len(required) == 1 and required[0] is first
        wants_frame = is_only and any(word in told for word in FRAMES)
        by_name = not told and first is not None and first.name.lower() in ALL_ROWS
        return cls(
            names=tuple(one.name for one in named),
            required=tuple(one.name for one in required),
            is_open=any(one.kind is one.VAR_KEYWORD for one in parameters),
            all_rows=is_only and (wants_frame or by_name or _is_list(told)),
            wants_frame=wants_frame,
        )

    def check(self, given: Mapping[str, Any], where: str) -> None:
        """Raises BadInput where names are missing or unknown."""
        unknown = [name for name in given if name not in self.names]
        if unknown and not self.is_open:
            raise BadInput(
                f"{where}{unknown[0]}", f"The model takes no {unknown[0]}; it takes {', '.join(self.names)}."
            )
        missing = [name for name in self.required if name not in given]
        if missing:
            raise BadInput(f"{where}{missing[0]}", f"{missing[0]} is missing.")


def rows_as_calls(takes: Takes, rows: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """The calls for some rows: one with all of them, or one each."""
    if takes.all_rows:
        return [{takes.required[0]: _frame(rows) if takes.wants_frame else list(rows)}]
    return [_row_as_call(takes, row, f"{where}[{number}]") for number, row in enumerate(rows)]


def _row_as_call(takes: Takes, row: Any, where: str) -> dict[str, Any]:
    match row:
        case dict():
            if len(takes.required) == 1 and not set(row) & set(takes.names) and not takes.is_open:
                return {takes.required[0]: row}
            given = row
        case list() if len(takes.names) != 1:
            if len(row) > len(takes.names):
                raise BadInput(where, f"{len(row)} values are more than the model takes: {', '.join(takes.names)}.")
            given = dict(zip(takes.names, row, strict=False))
        case _:
            if not takes.names:
                raise BadInput(where, "The model takes nothing.")
            given = {takes.names[0]: row}
    takes.check(given, f"{where}.")
    return given


def _frame(rows: Sequence[Any]) -> Any:
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - a model that wants a frame has it

    return pd.DataFrame(list(rows))


def _is_list(annotation: str) -> bool:
    bare = annotation.removeprefix("<class '").partition("[")[0].rstrip("'>").rpartition(".")[2]
    return bare in LISTS
