from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from studiolo.cli import main
from studiolo.cli.completion import VARIABLE, complete_workspace
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
