from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from studiolo.cli import main
from studiolo.cli.completion import VARIABLE, complete_workspace, whole
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from tests.fakes.fake_hub import URL, FakeHub
from tests.studiolo.cli.conftest import Run


def completed(fake_hub: FakeHub, incomplete: str, token: str = "token-alice") -> list[str]:
    connection = Connection(
        open=lambda: Studiolo(URL, token, transport=fake_hub.transport),
        open_at=lambda url, token: Studiolo(url, token, transport=fake_hub.transport),
    )
    context = click.Context(main, obj=connection)
    return [item.value for item in complete_workspace(context, click.Argument(["name"]), incomplete)]


def test_workspace_names_are_completed(fake_hub: FakeHub) -> None:
    fake_hub.workspace_for_test("alice", "")
    fake_hub.workspace_for_test("alice", "iris")
    fake_hub.workspace_for_test("alice", "irma")
    assert completed(fake_hub, "ir") == ["iris", "irma"]
    assert completed(fake_hub, "") == ["default", "iris", "irma"]


def test_a_hub_that_cannot_tell_completes_nothing(fake_hub: FakeHub) -> None:
    assert completed(fake_hub, "", token="wrong") == []


def test_commands_are_completed() -> None:
    completion = BashComplete(main, {}, "studiolo", VARIABLE)
    assert {item.value for item in completion.get_completions(["workspace"], "st")} == {"start", "stop"}
    assert "workspace" in {item.value for item in completion.get_completions([], "w")}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_is_good_shell(shell: str, run: Run, tmp_path: Path) -> None:
    program = shutil.which(shell)
    assert program is not None, f"{shell} is missing: `make test` installs it where it may, else apt install {shell}"
    script = tmp_path / "script"
    script.write_text(run("completion", shell).stdout)
    subprocess.run([program, "-n", str(script)], check=True)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["run", "iris", ":", "1"], ["run", "iris:1"]),
        (["run", "iris", ":"], ["run", "iris:"]),
        (["run", "iris", ":", "1.0", "train", "--set", "C", "=", ""], ["run", "iris:1.0", "train", "--set", "C=", ""]),
        (
            ["push", "iris", ":", "1", "localhost", ":", "5000/iris", ":", "1"],
            ["push", "iris:1", "localhost:5000/iris:1"],
        ),
        (["run", ""], ["run", ""]),
        ([":"], [":"]),
    ],
)
def test_words_that_bash_takes_apart_are_whole_again(parts: list[str], words: list[str]) -> None:
    assert whole(parts) == words


def test_bash_completes_versions_and_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bash itself, with the script that we print."""
    bash = shutil.which("bash")
    assert bash is not None
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    module = tmp_path / "it" / "iris.py"
    module.parent.mkdir()
    module.write_text("class Model:\n    def train(self, rounds: int = 3):\n        return rounds\n")
    made = CliRunner().invoke(main, ["model", "package", str(module), "--version", "1.0"])
    assert made.exit_code == 0, made.stderr
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout

    def replies(*words: str) -> list[str]:
        typed = " ".join(f"'{word}'" for word in ("studiolo", *words))
        program = Path(sys.executable).with_name("studiolo")
        asks = (
            f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}; COMPREPLY=()\n"
            f"_studiolo_completion '{program}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        )
        done = subprocess.run([bash, "--norc", "-c", asks], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert replies("model", "run", "ir") == ["iris"]
    assert replies("model", "run", "iris", ":") == ["1.0"]
    assert replies("model", "run", "iris", ":", "1") == ["1.0"]
    assert replies("model", "run", "iris", ":", "1.0", "train", "--set", "r") == ["rounds="]
