"""Keys and passwords in what would go into an image are found, and never repeated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from studiolo.packaging.project import collect
from studiolo.packaging.secret_scan import scan

if TYPE_CHECKING:
    from pathlib import Path

AMAZON = "AKIA" + "IOSFODNN7EXAMPLE"


def test_a_token_is_found_with_its_file_and_line(folder: Path) -> None:
    (folder / "features" / "upload.py").write_text(f"import os\n\nKEY = '{AMAZON}'\n")
    found = scan(collect(folder))
    assert [str(one) for one in found] == [
        "features/upload.py, line 3: this looks like a key, a token or a password.",
    ]
    assert AMAZON not in repr(found)


def test_in_a_notebook_it_is_found_in_its_cell(folder: Path) -> None:
    notebook = json.loads((folder / "iris.ipynb").read_text())
    notebook["cells"] += [{"cell_type": "code", "source": f"x = 1\nkey = '{AMAZON}'\n", "metadata": {}}]
    (folder / "iris.ipynb").write_text(json.dumps(notebook))
    assert [str(one) for one in scan(collect(folder))] == [
        "iris.ipynb, cell 2, line 2: this looks like a key, a token or a password."
    ]


def test_what_a_notebook_printed_is_not_searched_as_it_does_not_go_in(folder: Path) -> None:
    notebook = json.loads((folder / "iris.ipynb").read_text())
    notebook["cells"][0]["outputs"] = [{"text": AMAZON}]
    (folder / "iris.ipynb").write_text(json.dumps(notebook))
    assert scan(collect(folder)) == ()


HARMLESS = ["import secrets\n", "token = os.environ['TOKEN']\n", "x" * 50_000 + AMAZON, "a\0" + AMAZON]


@pytest.mark.parametrize("content", HARMLESS, ids=["code", "a variable", "a line of data", "no text"])
def test_what_is_no_secret_or_no_text_is_left_alone(folder: Path, content: str) -> None:
    (folder / "rows.csv").write_text(content)
    assert scan(collect(folder)) == ()
