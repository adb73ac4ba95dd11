"""A cell taken apart into its statements: what each defines, and which names it needs, at once or when it is called."""

from __future__ import annotations

import ast
import builtins
import symtable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from studiolo.packaging.magics import MagicKind, without_magics
from studiolo.packaging.notebook import MOST_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from studiolo.packaging.magics import Magic
    from studiolo.packaging.notebook import Cell

BUILTINS: Final = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__annotations__", "__builtins__"}

_AT_ONCE: Final = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
"""Scopes of their own that run where they stand."""

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What Python's parser raises: a mistake, a null byte, or brackets that are nested too deep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement at the top of a cell."""

    cell: int
    line: int
    """Its first line in the cell, from 1; a decorator's where it has one."""
    text: str
    node: ast.stmt = field(repr=False, compare=False)
    defines: frozenset[str]
    changes: frozenset[str]
    """Names of which it changes a part: `config["a"] = 1`, `total += 1`."""
    needs_now: frozenset[str]
    """Names that must have a value when it runs."""
    needs_later: frozenset[str]
    """Names that functions in it use when they are called."""
    magic: str = ""
    """The magic that a name has its value from, where it does."""

    @property
    def is_import(self) -> bool:
        """Whether it is an `import`."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def takes_everything(self) -> bool:
        """Whether it is a `from … import *`, which may define anything."""
        return isinstance(self.node, ast.ImportFrom) and any(alias.name == "*" for alias in self.node.names)

    @property
    def awaits(self) -> bool:
        """Whether it waits for something, which only notebooks can do outside a function."""
        kinds = ast.Await | ast.AsyncFor | ast.AsyncWith
        return any(isinstance(node, kinds) for node in walk_what_runs(self.node))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCell:
    """A cell, read."""

    cell: Cell
    statements: tuple[Statement, ...] = ()
    magics: tuple[Magic, ...] = ()
    problem: str = ""
    """Why it is no Python; "" where it is."""


def read_cell(cell: Cell) -> ReadCell:
    """The statements of a cell; a cell that is no Python has none, and says why."""
    source, magics = without_magics(cell.source)
    try:
        statements = tuple(islice(read_statements(source, cell=cell.number, magics=magics), MOST_STATEMENTS + 1))
    except _UNREADABLE as error:
        return ReadCell(cell=cell, magics=magics, problem=why_unreadable(error))
    return ReadCell(cell=cell, statements=statements, magics=magics)


def read_statements(source: str, *, cell: int, magics: Iterable[Magic] = ()) -> Iterator[Statement]:
    """The statements at the top of some Python. Raises what Python's parser does."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")  # as Python's parser counts lines
    assigned = {magic.line: magic.text for magic in magics if magic.kind is MagicKind.ASSIGNED}
    lines = [line.encode() for line in source.split("\n")]  # columns of the parser are bytes
    for node in ast.parse(source).body:
        if _says_nothing(node):
            continue
        first = _first_place(node)
        text = _between(lines, first, (node.end_lineno or node.lineno, node.end_col_offset or 0))
        yield _statement(node, text, cell=cell, line=first[0], magic=assigned.get(first[0], ""))


def why_unreadable(error: BaseException) -> str:
    """Why Python does not understand a text, as the end of a sentence, with the line."""
    match error:
        case SyntaxError(msg=str(words), lineno=int(line)):
            return f"line {line}: {words.rstrip('.')}{'' if words.endswith('?') else '.'}"
        case SyntaxError() | ValueError():
            return "it holds a null byte, or another character that no Python has."
        case _:
            return "it is nested too deep."


def walk_what_runs(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it that runs when it does: not what is inside functions and classes."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        match found:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                waiting += [*found.decorator_list, *found.args.defaults, *filter(None, found.args.kw_defaults)]
            case ast.ClassDef():
                waiting += [*found.decorator_list, *found.bases]
            case ast.Lambda():
                waiting += [*found.args.defaults, *filter(None, found.args.kw_defaults)]
            case _:
                waiting += ast.iter_child_nodes(found)


def _says_nothing(node: ast.stmt) -> bool:
    """What is left of a magic, and text that stands alone."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _first_place(node: ast.stmt) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", [])
    if decorators:  # "@" itself has no place: it is the only thing before the decorator on its line
        return min(decorator.lineno for decorator in decorators), 0
    return node.lineno, node.col_offset


def _between(lines: list[bytes], start: tuple[int, int], end: tuple[int, int]) -> str:
    (first, begin), (last, stop) = start, end
    if first == last:
        return lines[first - 1][begin:stop].decode()
    return b"\n".join([lines[first - 1][begin:], *lines[first : last - 1], lines[last - 1][:stop]]).decode()


def _statement(node: ast.stmt, text: str, *, cell: int, line: int, magic: str) -> Statement:
    table = symtable.symtable(text, "<cell>", "exec")
    symbols = table.get_symbols()
    now = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    later: set[str] = set()
    for child in table.get_children():
        _needs(child, now, later, runs_now=True)
    changes = _changed(node)
    return Statement(
        cell=cell,
        line=line,
        text=text,
        node=node,
        defines=frozenset(symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()),
        changes=frozenset(changes),
        needs_now=frozenset(now | changes),
        needs_later=frozenset(later),
        magic=magic,
    )


def _needs(table: symtable.SymbolTable, now: set[str], later: set[str], *, runs_now: bool) -> None:
    """The names from outside that a scope uses. A class runs where it stands, a function when it is called."""
    is_function = table.get_type() == "function" and table.get_name() not in _AT_ONCE
    runs_now = runs_now and not is_function
    (now if runs_now else later).update(symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    for child in table.get_children():
        _needs(child, now, later, runs_now=runs_now)


def _changed(node: ast.stmt) -> set[str]:
    match node:
        case ast.AugAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            owners = [_owner(target) for target in targets]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            owners = [_owner(target)]
        case _:
            owners = []
    return {owner for owner in owners if owner is not None}


def _owner(target: ast.expr) -> str | None:
    """`config` of `config["a"].b`; None for a name itself."""
    inner = target
    while isinstance(inner, ast.Attribute | ast.Subscript):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) and inner is not target else None
