"""Looks at a notebook or a module: which model is in it, what it offers, and what of the file goes in."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from studiolo.packaging.contract import Contract, read_contract
from studiolo.packaging.errors import ContractRefused, NotebookRefused
from studiolo.packaging.notebook import EXCLUDE, INCLUDE, LARGEST_CELL, MOST_STATEMENTS, read_notebook
from studiolo.packaging.pip_lines import pip_installs
from studiolo.packaging.slicing import MODEL, Slice, slice_notebook
from studiolo.packaging.statements import ReadCell, Statement, read_cell, read_statements, why_unreadable
from studiolo.problems import listed
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NOTEBOOK: Final = ".ipynb"
MODULE: Final = ".py"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellUse:
    """What becomes of a cell."""

    number: int
    id: str
    is_kept: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is in a file, as far as it can be known without running it."""

    contract: Contract
    module: str
    """The text of the module that holds the model."""
    entry: str
    """The file of that module, where the model is not in the notebook itself; "" where it is."""
    cells: tuple[CellUse, ...]
    imports: tuple[str, ...]
    """The packages that the module imports, by the first part of their names."""
    pip_installs: tuple[str, ...]
    """What the notebook installs with `%pip install`."""
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    """Why it cannot be packaged as it is; empty where it can."""

    def as_json(self) -> dict[str, Any]:
        """For `studiolo model inspect --json` and JupyterLab."""
        return {
            "methods": [str(method) for method in self.contract.methods],
            "parameters": {str(one.method): list(one.parameters) for one in self.contract.signatures},
            "hyperparameters": [one.as_json() for one in self.contract.hyperparameters],
            "schema": self.contract.schema(),
            "module": self.module,
            "entry": self.entry,
            "cells": [{"number": use.number, "id": use.id, "kept": use.is_kept, "why": use.why} for use in self.cells],
            "imports": list(self.imports),
            "pip_installs": list(self.pip_installs),
            "doc": self.contract.doc,
            "warnings": list(self.warnings),
            "problems": list(self.problems),
        }


def inspect_file(path: Path) -> Inspection:
    """What is in a notebook or a module. Raises NotebookRefused, ContractRefused with every reason, or OSError."""
    data = path.read_bytes()
    beside = modules_beside(path)
    if path.suffix == NOTEBOOK:
        return inspect_notebook(data, beside=beside)
    if path.suffix == MODULE:
        return inspect_module(data, name=path.name)
    raise NotebookRefused(
        f"{path.name} is neither a notebook ({NOTEBOOK}) nor a module ({MODULE}).",
        hint="Name the file that has the class Model.",
    )


def inspect_notebook(data: bytes, *, beside: Mapping[str, bytes]) -> Inspection:
    """The model of a notebook. `beside`: the modules in the same folder, by file name."""
    cells = _read_cells(data)
    models = [one for cell in cells if EXCLUDE not in cell.cell.tags for one in cell.statements if MODEL in one.defines]
    model = _the_model(models, cells, beside)
    sliced = slice_notebook(cells, model)
    if isinstance(model.node, ast.ClassDef):
        contract = read_contract(model.node, module=[one.node for one in sliced.statements])
        entry, module = "", sliced.module
    else:
        entry = _file_of(model, beside)
        found = inspect_module(beside[entry], name=entry)
        contract, module = found.contract, found.module
    installs, wrong_installs = pip_installs(magic for cell in cells for magic in cell.magics)
    return Inspection(
        contract=contract,
        module=module,
        entry=entry,
        cells=tuple(_use(cell, sliced) for cell in cells),
        imports=_imports(sliced.statements),
        pip_installs=installs,
        warnings=(*contract.warnings, *sliced.warnings, *wrong_installs),
        problems=(*contract.problems, *sliced.problems),
    )


def inspect_module(data: bytes, *, name: str) -> Inspection:
    """The model of a module, which goes in as it is."""
    if len(data) > LARGEST_CELL:
        raise NotebookRefused(f"{name} has {format_memory(len(data))}; at most {format_memory(LARGEST_CELL)} are read.")
    try:
        text = data.decode()
        statements = tuple(read_statements(text, cell=0))
    except UnicodeDecodeError as error:
        raise NotebookRefused(f"{name} is no text in UTF-8.") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotebookRefused(f"{name} is no Python: {why_unreadable(error)}") from error
    nodes = [one.node for one in statements]
    models = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == MODEL]
    if len(models) != 1:
        raise ContractRefused((_how_many(models, name),))
    contract = read_contract(models[0], module=nodes)
    return Inspection(
        contract=contract,
        module=text,
        entry=name,
        cells=(),
        imports=_imports(statements),
        pip_installs=(),
        warnings=contract.warnings,
        problems=contract.problems,
    )


def _read_cells(data: bytes) -> tuple[ReadCell, ...]:
    cells: list[ReadCell] = []
    statements = 0
    for cell in read_notebook(data):
        cells.append(read_cell(cell))
        statements += len(cells[-1].statements)
        if statements > MOST_STATEMENTS:
            raise NotebookRefused(
                f"The notebook has more than {MOST_STATEMENTS} statements, and no more are read.",
                hint="Move functions into modules beside it, and import them.",
            )
    return tuple(cells)


def _the_model(models: Sequence[Statement], cells: Sequence[ReadCell], beside: Mapping[str, bytes]) -> Statement:
    if len(models) == 1 and (isinstance(models[0].node, ast.ClassDef) or _file_of(models[0], beside)):
        return models[0]
    if len(models) > 1:
        where = listed([f"{one.cell}" for one in models])
        raise ContractRefused(
            (f"Cells {where} each define Model, and only one can be packaged. Tag the others {EXCLUDE}.",)
        )
    if models:
        one = models[0]
        sentence = (
            f"Model in cell {one.cell} is neither a class nor imported from a file beside the notebook. "
            "Write `class Model:` in the notebook, or in a module beside it that the notebook imports."
        )
        raise ContractRefused((sentence,))
    raise ContractRefused((_no_model(cells, beside),))


def _no_model(cells: Sequence[ReadCell], beside: Mapping[str, bytes]) -> str:
    """Why there is none, and where it may be."""
    broken = [cell for cell in cells if cell.problem and "class Model" in cell.cell.source]
    if broken:
        return f"The class Model is in cell {broken[0].cell.number}, which is no Python: {broken[0].problem}"
    excluded = [cell for cell in cells if any(MODEL in one.defines for one in cell.statements)]
    if excluded:
        return f"The class Model is in cell {excluded[0].cell.number}, which is tagged {EXCLUDE}. Remove the tag."
    elsewhere = [name for name, data in sorted(beside.items()) if b"class Model" in data]
    if elsewhere:
        name = elsewhere[0]
        return (
            f"The notebook has no class Model; {name} beside it has one. Package that file, or import it in the "
            f"notebook: from {name.removesuffix(MODULE)} import Model"
        )
    named = [
        one.node.name
        for cell in cells
        for one in cell.statements
        if isinstance(one.node, ast.ClassDef) and "model" in one.node.name.lower()
    ]
    near = f" Is it {named[0]}? Call it Model." if named else ""
    return f"The notebook has no class Model, with train, predict or batch_predict.{near}"


def _how_many(models: Sequence[ast.ClassDef], name: str) -> str:
    if not models:
        return f"{name} has no class Model, with train, predict or batch_predict."
    where = listed([str(one.lineno) for one in models])
    return f"{name} defines Model more than once, in lines {where}. Leave one of them."


def _file_of(model: Statement, beside: Mapping[str, bytes]) -> str:
    """The module beside the notebook that a Model is imported from; "" where it is not."""
    match model.node:
        case ast.ImportFrom(module=str(module), names=names) if f"{module}{MODULE}" in beside:
            is_model = any(alias.name == MODEL and alias.asname in {None, MODEL} for alias in names)
            return f"{module}{MODULE}" if is_model else ""
    return ""


def modules_beside(path: Path) -> dict[str, bytes]:
    """The modules in the folder of a file; not those that cannot be read, or that nobody would read."""
    found: dict[str, bytes] = {}
    for module in sorted(path.parent.glob(f"*{MODULE}")):
        if module != path and module.is_file() and module.stat().st_size <= LARGEST_CELL:
            found[module.name] = module.read_bytes()
    return found


def _imports(statements: Iterable[Statement]) -> tuple[str, ...]:
    found: set[str] = set()
    for node in (inner for one in statements for inner in ast.walk(one.node)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.partition(".")[0])
    return tuple(sorted(found))


def _use(cell: ReadCell, sliced: Slice) -> CellUse:
    is_kept = cell.cell.number in sliced.cells
    tags = cell.cell.tags
    why = (
        f"tagged {INCLUDE}" if is_kept and INCLUDE in tags
        else "the model needs it" if is_kept
        else f"tagged {EXCLUDE}" if EXCLUDE in tags
        else f"no Python: {cell.problem}" if cell.problem
        else "nothing in it is needed"
    )  # fmt: skip
    return CellUse(number=cell.cell.number, id=cell.cell.id, is_kept=is_kept, why=why)
