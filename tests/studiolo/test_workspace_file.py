from __future__ import annotations

from pathlib import Path

import pytest

from studiolo.workspace_file import WorkspaceFile, WorkspaceFileInvalid, read_workspace_file


def write(folder: Path, text: str) -> Path:
    path = folder / "workspace.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
name: Iris, 2nd try
environment: pytorch
hardware: gpu-small
env:
  SEED: 42
  VERSION: 1.10
  DEBUG: true
  EMPTY: ""
data: [iris, scans]
credentials: [forge]
git: git@git.example.org:vision/iris.git#main
model: vision/iris:1.0
""",
    )
    assert read_workspace_file(path) == WorkspaceFile(
        name="Iris, 2nd try",
        environment="pytorch",
        hardware="gpu-small",
        env={"SEED": "42", "VERSION": "1.10", "DEBUG": "true", "EMPTY": ""},
        data=("iris", "scans"),
        credentials=("forge",),
        git="git@git.example.org:vision/iris.git#main",
        model="vision/iris:1.0",
    )
    assert read_workspace_file(write(tmp_path, "data: []\n")).data == ()
    assert read_workspace_file(write(tmp_path, "credentials: []\n")).credentials == ()
    assert read_workspace_file(write(tmp_path, 'git: ""\n')).git == ""


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "env:\n"])
def test_a_file_may_leave_everything_open(tmp_path: Path, text: str) -> None:
    assert read_workspace_file(write(tmp_path, text)) == WorkspaceFile()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(
            "enviroment: python\n", ["1:1: enviroment: ", 'Perhaps you meant "environment"?'], id="an unknown key"
        ),
        pytest.param(
            "name:\nhardware: [small]\n", ["1:6: name: There is no value", "2:11: hardware: This is a list"], id="kinds"
        ),
        pytest.param("data: iris\n", ["1:7: data: This is no list."], id="data as a word"),
        pytest.param("credentials: x\n", ["1:14: credentials: This is no list."], id="credentials as a word"),
        pytest.param("git: [x]\n", ["1:6: git: This is a list"], id="git as a list"),
        pytest.param("git:\n", ["1:5: git: There is no value"], id="git with nothing"),
        pytest.param("data: [{}]\n", ["1:8: data[0]: This is"], id="data as blocks"),
        pytest.param('name: "  "\n', ["1:7: name: The text is empty"], id="an empty name"),
        pytest.param("- python\n", ["1:1: (file): This is a list"], id="a list"),
        pytest.param("python\n", ["1:1: (file): This is text"], id="a word"),
        pytest.param("env: [A=1]\n", ["1:6: env: This is a list"], id="env as a list"),
        pytest.param("env:\n  2ND: x\n  A-B: y\n", ["2:3: env.2ND: ", "3:3: env.A-B: "], id="names of variables"),
        pytest.param("env:\n  A:\n  B: {}\n", ["2:5: env.A: There is no value", "3:6: env.B: "], id="values"),
        pytest.param("name: a\nname: b\n", ["2:1: name: ", "line 1"], id="a key twice"),
        pytest.param("name: !secret a\n", ["1:7: name: The tag"], id="a tag"),
        pytest.param("name: 'a\n", ["workspace.yaml:"], id="no YAML"),
    ],
)
def test_all_problems_are_said_with_their_place(tmp_path: Path, text: str, problems: list[str]) -> None:
    with pytest.raises(WorkspaceFileInvalid) as caught:
        read_workspace_file(write(tmp_path, text))
    for problem in problems:
        assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == len(caught.value.problems)


def test_a_file_that_is_not_there_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceFileInvalid, match="There is no such file"):
        read_workspace_file(tmp_path / "none.yaml")
