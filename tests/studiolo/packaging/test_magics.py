"""What IPython understands and Python does not is put out of the way; every line keeps its number."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studiolo.packaging.magics import MagicKind, without_magics

CASES = [
    pytest.param("%matplotlib inline\nx = 1", "pass\nx = 1", [MagicKind.LINE], id="line magic"),
    pytest.param("!ls 'it's\nx = 1", "pass\nx = 1", [MagicKind.LINE], id="command with an open quote"),
    pytest.param("if x:\n    %ls\n", "if x:\n    pass\n", [MagicKind.LINE], id="in a block"),
    pytest.param("x = !ls\n", "x = None\n", [MagicKind.ASSIGNED], id="assigned command"),
    pytest.param("x = %env HOME\n", "x = None\n", [MagicKind.ASSIGNED], id="assigned magic"),
    pytest.param("x = %time f()\n", "x = f()\n", [MagicKind.RUNS_PYTHON], id="assigned python"),
    pytest.param("%time x = f()\n", "x = f()\n", [MagicKind.RUNS_PYTHON], id="python after a magic"),
    pytest.param("%%time\nx = 1\n", "\nx = 1\n", [MagicKind.RUNS_PYTHON], id="cell of python"),
    pytest.param("\n\n%%bash\nls\n", "\n\n\n\n", [MagicKind.CELL], id="cell of something else"),
    pytest.param("%%capture\n%ls\nx = 1", "\npass\nx = 1", [MagicKind.RUNS_PYTHON, MagicKind.LINE], id="both"),
    pytest.param("df.head()?\n", "pass\n", [MagicKind.LINE], id="help behind"),
    pytest.param("?str\n", "pass\n", [MagicKind.LINE], id="help before"),
    pytest.param("!pip install a \\\n  b\nx = 1", "pass\n\nx = 1", [MagicKind.LINE], id="joined lines"),
]


@pytest.mark.parametrize(("source", "python", "kinds"), CASES)
def test_it_becomes_python_with_as_many_lines(source: str, python: str, kinds: list[MagicKind]) -> None:
    text, magics = without_magics(source)
    assert text == python
    assert [magic.kind for magic in magics] == kinds


PYTHON = [
    'x = """\n%not a magic\n!nor this\n"""\n',
    "x = (10\n  % 3)\n",
    "x = a != b\n",
    "x %= 3\n",
    "x = 'what?'\n",
    "# is this one?\n",
    "print('a', '%s' % 1)\n",
    "f(a=\n  1)\n",
    "x = 1 \\\n  % 2\n",
    "x = y = 10 % 3\n",
    "x = {'a': 1, **b}\n",
    "def f(a, *, b=1): ...\n",
    "x: int = 5\n",
    "x = f'{a!r}'\n",
]


@pytest.mark.parametrize("source", PYTHON)
def test_python_stays_as_it_is(source: str) -> None:
    ast.parse(source)
    assert without_magics(source) == (source, ())


def test_each_find_knows_its_line() -> None:
    _, magics = without_magics("import os\n%ls\n\nx = !pwd\ny = 1\nz?\n")
    assert [(magic.line, magic.text) for magic in magics] == [(2, "%ls"), (4, "x = !pwd"), (6, "z?")]


@given(st.text(alphabet="%!?=\\\n'\"#()[]{} ax1:", max_size=60))
def test_whatever_it_is_the_lines_are_as_many(source: str) -> None:
    text, magics = without_magics(source)
    assert text.count("\n") == source.count("\n")
    assert without_magics(source) == (text, magics)
