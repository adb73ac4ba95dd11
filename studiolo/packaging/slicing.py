"""Which statements of a notebook a model needs: those, in their order, are its module. Nothing is run to find out.

From `class Model` on: the imports, functions, classes and assignments that it uses, and those that they use. Where a
name is defined more than once, the last definition counts; a statement that runs at once sees those above it.
"""

from __future__ import annotations

import ast
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.packaging.notebook import EXCLUDE, INCLUDE
from studiolo.packaging.statements import BUILTINS, walk_what_runs
from studiolo.problems import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from studiolo.packaging.statements import ReadCell, Statement

MODEL: Final = "Model"
"""What the class is called: LyftLearn's word."""

NOTEBOOK_NAMES: Final = frozenset({"display", "get_ipython", "In", "Out", "_", "__", "___", "exit", "quit"})
"""What IPython defines, and a module has not."""

HARMLESS_CALLS: Final = frozenset(
    {
        *("dict", "frozenset", "list", "set", "tuple", "range", "int", "float", "str", "bytes", "bool", "object"),
        *("Path", "PurePath", "pathlib.Path", "re.compile", "logging.getLogger", "getLogger", "TypeVar", "namedtuple"),
        *("collections.namedtuple", "timedelta", "datetime.timedelta", "defaultdict", "collections.defaultdict"),
        *("Counter", "collections.Counter", "OrderedDict", "collections.OrderedDict", "NamedTuple", "NewType"),
        *("abs", "enumerate", "isinstance", "len", "max", "min", "print", "reversed", "round", "sorted", "sum", "zip"),
    }
)
"""Calls that only make a value: nobody needs to be warned of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What of a notebook becomes the module of its model."""

    statements: tuple[Statement, ...]
    """In the order of the notebook."""
    problems: tuple[str, ...] = ()
    """Why it cannot be packaged like this."""
    warnings: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[int, ...]:
        """The numbers of the cells that something is taken from."""
        return tuple(sorted({statement.cell for statement in self.statements}))

    @property
    def module(self) -> str:
        """The module as text."""
        return "".join(_with_gaps(sorted(self.statements, key=lambda one: not _is_future(one))))


def slice_notebook(cells: Sequence[ReadCell], model: Statement) -> Slice:
    """What `model`, the statement that defines the class, needs of these cells."""
    return _Slicer(cells).run(model)


class _Slicer:
    def __init__(self, cells: Sequence[ReadCell]) -> None:
        self._cells = cells
        self._statements = [one for cell in cells if EXCLUDE not in cell.cell.tags for one in cell.statements]
        self._included = {cell.cell.number for cell in cells if INCLUDE in cell.cell.tags}
        self._definers: defaultdict[str, list[int]] = defaultdict(list)
        self._changers: defaultdict[str, list[int]] = defaultdict(list)
        for index, statement in enumerate(self._statements):
            for name in statement.defines:
                self._definers[name].append(index)
            for name in statement.changes - statement.defines:
                self._changers[name].append(index)
        self._excluded = {
            name: cell.cell.number
            for cell in cells
            if EXCLUDE in cell.cell.tags
            for statement in cell.statements
            for name in statement.defines
        }
        self._kept: set[int] = set()
        self._waiting: list[int] = []
        self._missing: dict[str, Statement] = {}
        self._late: dict[str, tuple[Statement, Statement]] = {}
        self._left_out_changes: dict[int, str] = {}

    def run(self, model: Statement) -> Slice:
        for index, statement in enumerate(self._statements):
            is_wanted = statement is model or statement.cell in self._included
            if is_wanted or _is_future(statement) or statement.takes_everything:
                self._keep(index)
        while self._waiting:
            self._follow(self._waiting.pop())
        kept = tuple(self._statements[index] for index in sorted(self._kept))
        return Slice(statements=kept, problems=tuple(self._problems(kept)), warnings=tuple(self._warnings(kept)))

    def _keep(self, index: int) -> None:
        if index not in self._kept:
            self._kept.add(index)
            self._waiting.append(index)

    def _follow(self, index: int) -> None:
        statement = self._statements[index]
        for name in sorted(statement.needs_now - BUILTINS):
            self._need(name, by=statement, before=index)
        for name in sorted(statement.needs_later - BUILTINS):
            self._need(name, by=statement, before=math.inf)
        for name in statement.defines:
            self._keep_changes(name, statement)

    def _need(self, name: str, *, by: Statement, before: float) -> None:
        definers = self._definers[name]
        above = [index for index in definers if index < before]
        if above:
            self._keep(above[-1])
        elif name in by.defines:
            pass  # a class that uses its own name inside, an assignment expression
        elif definers:
            self._late.setdefault(name, (by, self._statements[definers[-1]]))
            self._keep(definers[-1])
        else:
            self._missing.setdefault(name, by)

    def _keep_changes(self, name: str, definition: Statement) -> None:
        for index in self._changers[name]:
            if definition.is_import:
                self._left_out_changes[index] = name  # of the world outside, such as os.environ: not ours to repeat
            else:
                self._keep(index)

    def _problems(self, kept: Sequence[Statement]) -> Iterator[str]:
        for name, by in self._missing.items():
            if name in self._excluded:
                yield (
                    f"{name}, which cell {by.cell} needs, is only defined in cell {self._excluded[name]}, tagged "
                    f"{EXCLUDE}. Remove the tag, or define {name} elsewhere."
                )
        yield from (
            f"Cell {one.cell}, line {one.line}: the model needs this, and it awaits something outside a function, "
            "which only a notebook can. Move it into a function."
            for one in kept
            if one.awaits
        )
        yield from (
            f"Cell {cell.cell.number} is tagged {INCLUDE} and is no Python: {cell.problem}"
            for cell in self._cells
            if cell.problem and INCLUDE in cell.cell.tags
        )

    def _warnings(self, kept: Sequence[Statement]) -> Iterator[str]:
        yield from _unreadable_cells(self._cells)
        yield from self._unknown_names(kept)
        for name, (by, definition) in self._late.items():
            yield (
                f"{name} is used in cell {by.cell} and defined below it, in cell {definition.cell}. "
                "A module runs from top to bottom: move the definition up."
            )
        for one in kept:
            if one.magic:
                yield (
                    f"Cell {one.cell}, line {one.line}: {listed(sorted(one.defines))} has its value from "
                    f"{_short(one.magic)}, which exists in a notebook only. In the module it is None."
                )
            elif one.cell not in self._included and (called := _runs_when_imported(one)):
                yield (
                    f"Cell {one.cell}, line {one.line}: {_short(one.text)} calls {called} each time the model is "
                    "loaded. Move it into train or init_predict if it takes long or reads data."
                )
        yield from self._left_out(kept)

    def _left_out(self, kept: Sequence[Statement]) -> Iterator[str]:
        """What is not repeated in the module, and may be missed: changes of what the model uses."""
        used = {name for one in kept for name in one.defines} | {"sys"}
        for index, one in enumerate(self._statements):
            changed = self._left_out_changes.get(index) or _called_on(one.node)
            if index not in self._kept and changed in used:
                yield (
                    f"Cell {one.cell}, line {one.line}: {_short(one.text)} may change {changed} and is left out. "
                    f"Tag the cell {INCLUDE} if the model needs it."
                )

    def _unknown_names(self, kept: Sequence[Statement]) -> Iterator[str]:
        stars = [one for one in kept if one.takes_everything]
        for one in stars:
            yield (
                f"Cell {one.cell}, line {one.line}: {_short(one.text)} may define anything, so it goes in whether it "
                "is needed or not. Name what you use."
            )
        in_notebooks = sorted(self._missing.keys() & NOTEBOOK_NAMES)
        if in_notebooks:
            yield f"The model uses {listed(in_notebooks)}: that exists in a notebook only."
        unknown = sorted(self._missing.keys() - NOTEBOOK_NAMES - self._excluded.keys())
        if unknown and not stars:
            by = sorted({self._missing[name].cell for name in unknown})
            yield f"Nothing in the notebook defines {listed(unknown)} (used in {_cells(by)}). The model fails there."


def _unreadable_cells(cells: Iterable[ReadCell]) -> Iterator[str]:
    for cell in cells:
        if cell.problem and not {INCLUDE, EXCLUDE} & cell.cell.tags:
            yield f"Cell {cell.cell.number} is no Python and is left out: {cell.problem}"


def _runs_when_imported(statement: Statement) -> str:
    """What a statement calls each time the module is imported; "" for nothing that anybody should know of."""
    if isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return ""
    calls = (node for node in walk_what_runs(statement.node) if isinstance(node, ast.Call))
    named = ((call.lineno, call.col_offset, _called(call.func)) for call in calls)
    # What is called on a name of its own, as in a comprehension, says little.
    known = [found for found in named if found[-1].partition(".")[0] in statement.needs_now]
    telling = [name for *_, name in sorted(known) if name not in HARMLESS_CALLS]
    return telling[0] if telling else ""


def _called_on(node: ast.stmt) -> str:
    """`config` of a statement that is nothing but `config.update(…)`; "" for others."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
            return _called(function).partition(".")[0]
    return ""


def _called(function: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    parts.append(function.id if isinstance(function, ast.Name) else "…")
    return ".".join(reversed(parts))


def _is_future(statement: Statement) -> bool:
    return isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__"


def _short(text: str) -> str:
    first, *more = text.strip().split("\n")
    cut = 60
    return f"`{first[:cut]}{'…' if more or len(first) > cut else ''}`"


def _cells(numbers: Sequence[int]) -> str:
    return f"cell{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def _with_gaps(statements: Sequence[Statement]) -> Iterator[str]:
    """The statements with the blank lines that Python's style has between them."""
    before: Statement | None = None
    for statement in statements:
        if before is not None:
            blocks = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            is_block = isinstance(statement.node, blocks) or isinstance(before.node, blocks)
            is_new = statement.cell != before.cell or statement.is_import != before.is_import
            yield "\n\n\n" if is_block else "\n\n" if is_new else "\n"
        yield statement.text
        before = statement
    if before is not None:
        yield "\n"
