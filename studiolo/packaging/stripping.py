"""A notebook without its outputs: they are most of its bytes, and often somebody's data."""

from __future__ import annotations

import json
from typing import Any, Final

NOTEBOOK: Final = ".ipynb"
LARGEST_STRIPPED: Final = 64 * 2**20


def is_notebook(path: str) -> bool:
    """Whether a file is one, by its name."""
    return path.endswith(NOTEBOOK)


def without_outputs(content: bytes) -> bytes:
    """The notebook as it is before it ran; anything else as it is. The same cells give the same bytes."""
    if len(content) > LARGEST_STRIPPED:
        return content
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(notebook, dict) or not isinstance(cells := notebook.get("cells"), list):
        return content
    kept = {**notebook, "cells": [_without_output(cell) for cell in cells], "metadata": _calm(notebook.get("metadata"))}
    return (json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


def _without_output(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    # What has run when is no part of the code; attachments are pictures in its text.
    metadata = cell.get("metadata")
    calm = {key: value for key, value in metadata.items() if key == "tags"} if isinstance(metadata, dict) else {}
    kept = {**cell, "metadata": calm}
    return {**kept, "outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else kept


def _calm(metadata: Any) -> Any:
    """The kernel's name; not its version, nor what extensions remember."""
    if not isinstance(metadata, dict):
        return {}
    return {key: value for key, value in metadata.items() if key == "kernelspec"}
