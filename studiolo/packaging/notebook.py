"""Reads a notebook as data: its cells of code, in order, with their tags. Whatever the file is, nothing of it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from studiolo.packaging.errors import NotebookRefused
from studiolo.quantities import format_memory

LARGEST_NOTEBOOK: Final = 64 * 2**20
"""Bytes. Plots and tables in the outputs make notebooks large; beyond this, reading one takes seconds."""

LARGEST_CELL: Final = 2**18
"""Characters of code in one cell. A larger one holds data, which belongs into a file."""

LARGEST_CODE: Final = 2**19
"""Characters of code in all cells together: looking at them takes two seconds at most, whatever they are."""

MOST_STATEMENTS: Final = 10_000
"""In all cells, for the same reason."""

MOST_CELLS: Final = 5_000

INCLUDE: Final = "model-include"
"""Tag of a cell that goes in whole, needed or not."""

EXCLUDE: Final = "model-exclude"
"""Tag of a cell that stays out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of code."""

    number: int
    """Which of all the notebook's cells it is, from 1, as JupyterLab shows them from top to bottom."""
    source: str
    tags: frozenset[str] = frozenset()
    id: str = ""
    """The notebook's own name for it; "" in notebooks older than format 4.5."""


def read_notebook(data: bytes) -> tuple[Cell, ...]:
    """The cells of code of a notebook file. Raises NotebookRefused, saying what is wrong with it."""
    if len(data) > LARGEST_NOTEBOOK:
        raise NotebookRefused(
            f"The notebook has {format_memory(len(data))}; at most {format_memory(LARGEST_NOTEBOOK)} are read.",
            hint="Clear its outputs (Edit > Clear Outputs of All Cells), then save it.",
        )
    cells = _cells_in(_parsed(data))
    if len(cells) > MOST_CELLS:
        raise NotebookRefused(f"The notebook has {len(cells)} cells; at most {MOST_CELLS} are read.")
    code = tuple(
        _code_cell(number, cell) for number, cell in enumerate(cells, start=1) if _kind(number, cell) == "code"
    )
    if (size := sum(len(cell.source) for cell in code)) > LARGEST_CODE:
        raise NotebookRefused(
            f"The notebook has {format_memory(size)} of code; at most {format_memory(LARGEST_CODE)} are read.",
            hint="Move functions into modules beside it, and import them.",
        )
    return code


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
        raise NotebookRefused(
            "This is not a notebook: it cannot be read as JSON.", hint="Name a file that JupyterLab saved as .ipynb."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise NotebookRefused("This is JSON, but not a notebook: it does not say which format of notebooks it has.")
    if language := _foreign_language(content):
        raise NotebookRefused(
            f"This notebook is in {language[:40]!a}, and models are packaged from Python.",
            hint="Write the class Model in a Python notebook.",
        )
    return content


def _foreign_language(content: dict[str, Any]) -> str:
    """The language of the notebook where it says one that is not Python; notebooks that never ran often say nothing."""
    metadata = content.get("metadata")
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    named = info.get("name") if isinstance(info, dict) else spec.get("language") if isinstance(spec, dict) else ""
    return named if isinstance(named, str) and "python" not in named.lower() else ""  # also "ipython", "xpython"


def _cells_in(content: dict[str, Any]) -> list[Any]:
    cells = content.get("cells")
    if cells is None and isinstance(worksheets := content.get("worksheets"), list):  # format 3
        cells = [
            cell
            for sheet in worksheets
            if isinstance(sheet, dict)
            for cell in (sheet["cells"] if isinstance(sheet.get("cells"), list) else ())
        ]
    if not isinstance(cells, list):
        raise NotebookRefused("This notebook has no list of cells, so it is damaged.")
    return cells


def _kind(number: int, cell: Any) -> str:
    if not isinstance(cell, dict) or not isinstance(kind := cell.get("cell_type"), str):
        raise NotebookRefused(f"Cell {number} of this notebook is damaged: it does not say what kind it is.")
    return kind


def _code_cell(number: int, cell: dict[str, Any]) -> Cell:
    source = cell.get("source", cell.get("input", ""))  # format 3 calls it input
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotebookRefused(f"Cell {number} of this notebook is damaged: its code is no text.")
    size = len(source)
    if size > LARGEST_CELL:
        raise NotebookRefused(
            f"Cell {number} has {format_memory(size)} of code; at most {format_memory(LARGEST_CELL)} are read.",
            hint="Put what it holds into a file beside the notebook, and read that.",
        )
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    name = cell.get("id")
    return Cell(
        number=number,
        source=source,
        tags=frozenset(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else frozenset(),
        id=name if isinstance(name, str) else "",
    )
