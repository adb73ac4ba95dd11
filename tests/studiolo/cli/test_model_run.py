"""`studiolo model run` as programs use it, and what a shell completes of packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from studiolo.cli import main
from studiolo.cli.completion import VARIABLE

MODEL = """
import os
import signal
from typing import Literal


class Model:
    def train(self, rounds: int = 3, kind: Literal["quick", "deep"] = "quick", how: str = "well"):
        '''Trains.

        Args:
            rounds: how often
        '''
        print("printed by the model")
        if how == "fails":
            raise ValueError("nothing to train on")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "large":
            return "x" * (2 << 20)
        return {"rounds": rounds, "kind": kind}
"""


def types(*words: str) -> Result:
    return CliRunner().invoke(main, ["model", *words], prog_name="studiolo")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody has two packages."""
    home = tmp_path_factory.mktemp("alice")
    (home / "it").mkdir()
    (home / "it" / "iris.py").write_text(MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        for name, version in (("iris", "1.0"), ("iris", "1.1"), ("irma", "2.0")):
            done = types("package", str(home / "it" / "iris.py"), "--name", name, "--version", version)
            assert done.exit_code == 0, done.stderr
    return home


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("STUDIOLO_OUTPUT_DIR", raising=False)


def told(*words: str) -> tuple[dict[str, Any], Result]:
    done = types("run", "iris:1.0", "train", "--json", *words)
    (line,) = done.stdout.splitlines()
    described: dict[str, Any] = json.loads(line)
    assert described["exit_code"] == done.exit_code
    return described, done


def test_a_program_gets_one_line_with_what_came_of_it(tmp_path: Path) -> None:
    described, done = told("--set", "rounds=5", "--set", "kind=deep", "--output", str(tmp_path))
    assert described["result"] == {"rounds": 5, "kind": "deep"}
    assert (described["name"], described["verb"], described["exit_code"]) == ("iris", "train", 0)
    assert described["output"] == str(tmp_path)
    assert "printed by the model" in done.stderr


def test_without_a_folder_it_gets_one_of_its_own() -> None:
    first, _ = told()
    second, _ = told()
    assert first["output"] != second["output"]
    assert json.loads(Path(first["output"], "result.json").read_text()) == first["result"]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--set", "how=fails"), 1, "nothing to train on"),
        (("--set", "rounds=many"), 2, "rounds"),
        (("--set", "kidn=deep"), 2, "Perhaps you meant kind?"),
        (("--set", "how=killed"), 137, "It was ended by SIGKILL."),
    ],
)
def test_a_program_gets_one_line_with_why_it_failed(
    tmp_path: Path, words: tuple[str, ...], code: int, reason: str
) -> None:
    (tmp_path / "failure").write_text("of another run\n")
    described, _ = told(*words, "--output", str(tmp_path))
    assert described["exit_code"] == code
    assert reason in described["reason"]
    assert "result" not in described


def test_what_is_left_of_another_run_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"of": "another run"}')
    described, _ = told("--output", str(tmp_path))
    assert described["result"] == {"rounds": 3, "kind": "quick"}


def test_a_large_result_stays_in_its_file(tmp_path: Path) -> None:
    described, _ = told("--set", "how=large", "--output", str(tmp_path))
    assert described["result"] is None
    assert (tmp_path / "result.json").stat().st_size > 2 << 20


def test_without_json_it_ends_as_the_model_does(tmp_path: Path) -> None:
    assert types("run", "iris:1.0", "train", "--output", str(tmp_path)).exit_code == 0
    assert types("run", "iris:1.0", "train", "--set", "how=fails", "--output", str(tmp_path)).exit_code == 1
    assert (tmp_path / "failure").read_text().strip().endswith("nothing to train on")


def completed(*words: str) -> list[str]:
    *args, incomplete = words
    completion = ShellComplete(main, {}, "studiolo", VARIABLE)
    return [item.value for item in completion.get_completions(["model", *args], incomplete)]


@pytest.mark.parametrize("command", ["run", "show", "push", "delete"])
def test_names_of_packages_are_completed_and_after_a_colon_their_versions(command: str) -> None:
    assert completed(command, "ir") == ["iris", "irma"]
    assert completed(command, "iris:") == ["iris:1.0", "iris:1.1"]
    assert completed(command, "x") == []


def test_verbs_and_hyperparameters_and_their_choices_are_completed() -> None:
    assert completed("run", "iris", "t") == ["train"]
    assert completed("run", "iris", "train", "--set", "") == ["how=", "kind=", "rounds="]
    assert completed("run", "iris", "train", "--set", "rounds=1", "--set", "k") == ["kind="]
    assert completed("run", "iris", "train", "--set", "kind=d") == ["kind=deep"]
    assert "--output" in completed("run", "iris", "--o")


def test_a_package_that_is_not_there_completes_nothing() -> None:
    assert completed("run", "no-such", "train", "--set", "") == []


def test_every_option_of_a_run_is_in_its_help() -> None:
    command = main.get_command(click.Context(main), "model")
    assert isinstance(command, click.Group)
    text = types("run", "--help").stdout
    for word in ("--set", "--input", "--output", "--json", "serve"):
        assert word in text
