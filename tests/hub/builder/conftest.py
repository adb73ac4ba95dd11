"""A folder with a model, as somebody's client sends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studiolo.client import Studiolo
from studiolo.packaging.project import Project, collect
from studiolo.wire_models import NewModelPackage

MODEL = (
    "from typing import Literal\n\n\nclass Model:\n"
    '    """Counts rounds."""\n\n'
    "    def train(self, rounds: int = 3, optimiser: Literal['adam', 'sgd'] = 'adam'):\n        return rounds\n\n"
    "    def predict(self, x: float):\n        return x\n"
)


def notebook_of(*sources: str) -> str:
    """A notebook that has run."""
    cells = [
        {"cell_type": "code", "source": source, "metadata": {}, "outputs": [{"text": "ran"}], "execution_count": 7}
        for source in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a notebook, a module and some data."""
    place = tmp_path / "project"
    (place / "features").mkdir(parents=True)
    (place / "iris.ipynb").write_text(notebook_of(MODEL, "Model().train()"))
    (place / "features" / "scale.py").write_text("def scale(x):\n    return x\n")
    (place / "rows.csv").write_text("a,b\n1,2\n")
    return place


def wanted(**changes: Any) -> NewModelPackage:
    """A package of that notebook."""
    return NewModelPackage.model_validate({"source": "iris.ipynb", "environment": "python", **changes})


def files_of(folder: Path) -> Project:
    """What a client sends."""
    return collect(folder)


def client_of(url: str, headers: dict[str, str]) -> Studiolo:
    """Somebody's client, which asks the services process directly."""
    return Studiolo(url, headers["Authorization"].removeprefix("token "))
