"""Whatever a file holds, looking at it gives an answer or a sentence, and soon."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studiolo.packaging.errors import ContractRefused, NotebookRefused, PackagingError
from studiolo.packaging.inspection import inspect_module, inspect_notebook
from studiolo.packaging.notebook import LARGEST_CELL, LARGEST_NOTEBOOK, MOST_CELLS, read_notebook

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "class Model:\n    def predict(self, x): return x\n"


def notebook(*sources: Any, **more: Any) -> bytes:
    cells = [{"cell_type": "code", "metadata": {}, "source": source} for source in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}).encode()


def look(data: bytes) -> str:
    try:
        return inspect_notebook(data, beside={}).module
    except (NotebookRefused, ContractRefused) as refused:
        return str(refused)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a cell of 10 MB": (lambda: notebook("x = 1\n" * 1_700_000, MODEL), "Cell 1 has 9.7 MiB of code"),
    "a notebook that is too large": (lambda: b" " * (LARGEST_NOTEBOOK + 1), "at most 64 MiB are read"),
    "too much code in all cells": (lambda: notebook(*["x = 1\n" * 30_000] * 4), "The notebook has 703.1 KiB of code"),
    "too many cells": (lambda: notebook(*["x"] * (MOST_CELLS + 1)), "at most 5000 are read"),
    "100,000 nested brackets of JSON": (lambda: b"[" * 100_000, "cannot be read as JSON"),
    "nothing": (lambda: b"", "cannot be read as JSON"),
    "bytes that are no text": (lambda: b"\xff\xfe\x00", "cannot be read as JSON"),
    "JSON that is no notebook": (lambda: b"[1, 2]", "not a notebook"),
    "cells that are no list": (lambda: notebook(cells={"a": 1}), "no list of cells"),
    "a cell that is no object": (lambda: notebook(cells=[None]), "Cell 1 of this notebook is damaged"),
    "a cell without a kind": (lambda: notebook(cells=[{"source": "x"}]), "Cell 1 of this notebook is damaged"),
    "a source that is a number": (lambda: notebook(5, MODEL), "its code is no text"),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_file_that_is_no_sound_notebook_is_refused_with_a_sentence(case: str) -> None:
    make, sentence = REFUSED[case]
    with pytest.raises(NotebookRefused, match=sentence):
        read_notebook(make())


LEFT_OUT: dict[str, str] = {
    "100,000 nested brackets": "(" * 100_000,
    "100,000 nested lists that are closed": "[" * 100_000 + "]" * 100_000,
    "a long chain of signs": "-" * 200_000 + "1",
    "a long chain of attributes": "x" + ".a" * 100_000,
    "a long chain of additions": "+".join(["1"] * 100_000),
    "a null byte": "x = 'a\0b'",
    "a lone surrogate": "x = '\ud800'",
    "deep blocks": "".join(" " * depth + "if x:\n" for depth in range(300)) + " " * 300 + "pass",
    "an open string in every line": "x = '\n" * 40_000,
    "a bracket in every line": "f(\n" * 60_000,
}


@pytest.mark.parametrize("case", LEFT_OUT, ids=str)
def test_a_cell_that_python_cannot_read_is_left_out_and_named(case: str) -> None:
    found = inspect_notebook(notebook(LEFT_OUT[case], MODEL), beside={})
    assert found.module == MODEL
    assert [use.is_kept for use in found.cells] == [False, True]
    assert found.warnings[0].startswith("Cell 1 is no Python and is left out")


KEPT_OUT: dict[str, str] = {
    "magics in 60,000 lines": "!ls\n" * 60_000,
    "assigned magics in 9,000 lines": "x = !ls\n" * 9_000,
    "60,000 questions": "a?\n" * 60_000,
    "nothing but line ends": "\n" * (LARGEST_CELL - 1),
    "9,000 definitions of one name": "x = 1\n" * 9_000,
    "a cell magic over everything": "%%bash\n" + "rm -rf /\n" * 25_000,
}


@pytest.mark.parametrize("case", KEPT_OUT, ids=str)
def test_much_of_what_nobody_needs_changes_nothing(case: str) -> None:
    assert inspect_notebook(notebook(KEPT_OUT[case], MODEL), beside={}).module == MODEL


def test_more_statements_than_anybody_writes_are_refused() -> None:
    assert "more than 10000 statements" in look(notebook("x = 1\n" * 10_001, MODEL))


def test_a_model_that_needs_itself_in_a_circle_ends() -> None:
    source = "a = b\nb = c\nc = a\nclass Model(Model):\n    D = {**D}\n    def train(self, x=D, y=a): return b\n"
    assert "class Model(Model)" in inspect_notebook(notebook(source), beside={}).module


def test_dictionaries_made_of_each_other_end() -> None:
    source = "A = {**B}\nB = {**A}\nclass Model:\n    hyperparameters = {**A}\n    def train(self): pass\n"
    assert inspect_notebook(notebook(source), beside={}).contract.hyperparameters == ()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    look(data)


SNIPPETS = st.sampled_from(
    [
        *("%time ", "%%bash\n", "!ls ", "x = ", "?", "def f(", "):\n", "    ", "class Model:\n", "await ", "'''", '"'),
        *(
            "\\\n",
            "#",
            "import os\n",
            "from a import *\n",
            "global x\n",
            "lambda: ",
            "[x for x in ",
            "]",
            "{",
            "}",
            ";",
        ),
        *(
            "async ",
            "return ",
            "yield ",
            "@d\n",
            "é",
            "\0",
            "\t",
            "\r\n",
            "x",
            "1",
            "\n",
            ":=",
            "del x\n",
            "match x:\n",
        ),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(SNIPPETS, max_size=40).map("".join))
def test_no_code_raises_anything_but_a_refusal_and_every_module_is_python(source: str) -> None:
    try:
        found = inspect_notebook(notebook(source, MODEL), beside={})
    except PackagingError:
        return
    if not found.problems:
        compile(found.module, "model.py", "exec")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["cells", "metadata", "nbformat", "worksheets", "nbformat_minor"]), JSON, max_size=5
    )
)
def test_no_json_raises_anything_but_a_refusal(content: dict[str, Any]) -> None:
    look(json.dumps(content).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (MODEL + text).encode("utf-8", "replace")))
def test_no_module_raises_anything_but_a_refusal(data: bytes) -> None:
    with contextlib.suppress(PackagingError):
        inspect_module(data, name="model.py")
