"""The process beside JupyterLab: whatever it is given, it answers in JSON, soon, and says what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from studiolo.packaging.child import MOST_CPU_SECONDS
from studiolo.packaging.commands import pull_command, run_commands

MODEL = (
    "class Model:\n    def train(self, C: float = 1.0):\n        pass\n\n    def predict(self, a, b):\n        pass\n"
)


def notebook(*sources: str) -> bytes:
    cells = [{"cell_type": "code", "id": f"c{n}", "source": one, "metadata": {}} for n, one in enumerate(sources)]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def asked(what: str, question: Mapping[str, Any], content: bytes = b"", **env: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "studiolo.packaging.child", what],
        input=json.dumps(question).encode() + b"\n" + content,
        capture_output=True,
        check=False,
        timeout=120,
        env={"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8", **env},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def inspected(folder: Path, content: bytes, name: str = "iris.ipynb") -> dict[str, Any]:
    (line,) = asked("inspect", {"path": str(folder / name)}, content)
    answer: dict[str, Any] = line["answer"]
    return answer


def test_what_is_being_edited_is_looked_at_and_not_what_is_saved(folder: Path) -> None:
    found = inspected(folder, notebook(MODEL, "Model().train()"))
    assert found["methods"] == ["train", "predict"]
    assert found["parameters"]["predict"] == ["a", "b"]
    assert [cell["kept"] for cell in found["cells"]] == [True, False]
    assert found["problems"] == []


def test_a_module_beside_an_edited_notebook_is_read_where_it_is(folder: Path) -> None:
    (folder / "mine.py").write_text(MODEL)
    found = inspected(folder, notebook("from mine import Model"))
    assert (found["entry"], found["methods"]) == ("mine.py", ["train", "predict"])


def test_a_module_can_be_edited_too(folder: Path) -> None:
    assert inspected(folder, MODEL.encode(), "mine.py")["methods"] == ["train", "predict"]
    assert inspected(folder, b"class Model", "mine.py")["problems"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (notebook("x = '" + "a" * 10**7 + "'"), "Cell 1 has 9.5 MiB of code"),
        (notebook("(" * 100_000 + MODEL), "The class Model is in cell 1"),
        (notebook("\0" + MODEL), "null byte"),
        (b"no notebook", "cannot be read as JSON"),
        (b"[" * 10**6, "cannot be read as JSON"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\ud800"}]}', "no class Model"),
        (b"", "cannot be read as JSON"),
    ],
    ids=[
        "10 MB in a cell",
        "100,000 brackets",
        "a null byte",
        "no notebook",
        "deep JSON",
        "half a character",
        "nothing",
    ],
)
def test_a_hostile_notebook_gets_a_sentence(folder: Path, content: bytes, said: str) -> None:
    (problem,) = inspected(folder, content)["problems"]
    assert said in problem


def test_looking_may_take_two_seconds_of_the_processor_and_no_more() -> None:
    assert MOST_CPU_SECONDS["inspect"] == 2


def test_a_plan_without_a_hub_says_what_goes_in_and_that_the_hub_is_not_there(folder: Path) -> None:
    (folder / "requirements.txt").write_text("no-such-package==1\n")
    (folder / ".env").write_text("A=b")
    (folder / "keys.py").write_text('KEY = "AKIAIOSFODNN7EXAMPLE"\n')
    (line,) = asked("plan", {"path": str(folder / "iris.ipynb")}, STUDIOLO_ENVIRONMENT="python")
    plan = line["answer"]
    assert (plan["name"], plan["environment"], plan["choices"]) == ("iris", "python", None)
    assert "not signed in" in plan["away"]
    assert {file["path"] for file in plan["files"]} >= {"iris.ipynb", "rows.csv", "features/scale.py"}
    assert [one["path"] for one in plan["left_out"]] == [".env"]
    assert [one["place"] for one in plan["secrets"]] == ["keys.py:1"]
    assert plan["packages"] == [
        {"requirement": "no-such-package==1", "source": "requirements.txt", "is_present": False}
    ]


def test_a_folder_that_cannot_go_in_is_a_problem_of_the_plan(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    (line,) = asked("plan", {"path": str(folder / "iris.ipynb")})
    (problem,) = line["answer"]["problems"]
    assert "link is a link" in problem


def test_the_whole_home_is_no_folder_of_a_model(folder: Path) -> None:
    (line,) = asked("plan", {"path": str(folder / "iris.ipynb")}, HOME=str(folder))
    (problem,) = line["answer"]["problems"]
    assert "Give it a folder of its own." in problem


def test_what_cannot_be_packaged_is_refused_with_a_way_out(folder: Path) -> None:
    question = {"environment": "python", "name": "iris", "version": "", "team": "", "allowed_secrets": []}
    first, last = asked("package", {"path": str(folder / "iris.ipynb"), **question})
    assert first == {"phase": "look"}
    assert last["refused"]["code"] == "not_signed_in"
    assert last["refused"]["hint"]


def test_commands_name_what_must_be_said_and_some_of_what_may_be() -> None:
    described = {name: {"type": "number", "default": 0.5} for name in ("a", "b", "c")}
    schema = {"properties": {"data": {"type": "string"}, **described}, "required": ["data"]}
    found = dict(run_commands("iris", "1", methods=("train", "predict"), schema=schema, parameters={"predict": ["x"]}))
    assert found["Train"] == "studiolo model run iris:1 train --set 'data=…' --set a=0.5 --set b=0.5"
    assert """-H 'Content-Type: application/json' -d '{"instances": [{"x": 0}]}' """ in found["Ask what is served"]
    assert pull_command("iris", "1", team="R & D") == "studiolo model pull --team 'R & D' iris:1"
