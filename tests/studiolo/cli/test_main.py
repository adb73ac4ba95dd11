from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import studiolo
from studiolo import cli
from studiolo.cli import COMMANDS, checkout, main
from studiolo.cli.exit_codes import IN_WORDS, ExitCode, exit_code_of
from studiolo.cli.output import one_line
from studiolo.client_errors import (
    AddressInvalid,
    Busy,
    HubAway,
    HubFault,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    ServiceAway,
    StartFailed,
    UnexpectedAnswer,
)
from studiolo.errors import StudioloError
from tests.studiolo.cli.conftest import Run

ROOT = Path(studiolo.__file__).parents[1]


def plugin(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = metadata.EntryPoint(name=name, value=value, group=cli.ENTRY_POINTS)
    monkeypatch.setattr(cli, "_entry_points", lambda: {name: point})


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(sys.modules[__name__], "command_of_test", fail, raising=False)
    plugin(monkeypatch, "fail", f"{__name__}:command_of_test")


def test_the_version_is_that_of_the_distribution() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"studiolo, version {studiolo.__version__}\n"
    assert f'version = "{studiolo.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_help_lists_every_command_and_the_exit_codes() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    for name in (*COMMANDS, *checkout.CHECKOUT_COMMANDS):
        assert re.search(rf"^  {name} +[A-Z]", output, re.MULTILINE)
    for code in ExitCode:
        assert re.search(rf"\b{code.value} [a-z]", IN_WORDS)
    assert re.sub(r"\s+", " ", IN_WORDS) in re.sub(r"\s+", " ", output)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == ExitCode.OK
    assert COMMANDS[name].help


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StudioloError("x"), ExitCode.REFUSED),
        (Refused("x"), ExitCode.REFUSED),
        (StartFailed("x"), ExitCode.REFUSED),
        (AddressInvalid("x"), ExitCode.REFUSED),
        (Busy("x"), ExitCode.REFUSED),
        (NotSignedIn("x"), ExitCode.NOT_ALLOWED),
        (NotAllowed("x"), ExitCode.NOT_ALLOWED),
        (NotFound("x"), ExitCode.NOT_FOUND),
        (HubAway("x"), ExitCode.UNREACHABLE),
        (ServiceAway("x"), ExitCode.UNREACHABLE),
        (UnexpectedAnswer("x"), ExitCode.UNREACHABLE),
        (HubFault("x", who="The hub"), ExitCode.UNREACHABLE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(error: StudioloError, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_an_error_is_one_line_with_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, Refused("The hub said\x1b[2Jno.", hint="Ask again."))
    result = CliRunner().invoke(main, ["fail"])
    assert result.stderr == "Error: The hub said [2Jno. Ask again.\n"
    assert (result.stdout, result.exit_code) == ("", ExitCode.REFUSED)


def test_an_error_that_is_a_list_of_problems_has_a_line_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, StudioloError("a:1:1: x: one\na:2:1: y: two", hint="Correct them."))
    assert CliRunner().invoke(main, ["fail"]).stderr == "Error: a:1:1: x: one\na:2:1: y: two\nCorrect them.\n"


def test_a_bug_is_called_one_and_shows_its_traceback_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("oh"))
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (ExitCode.BUG, 1)
    assert "ZeroDivisionError: oh" in result.stderr
    monkeypatch.setenv("STUDIOLO_DEBUG", "1")
    assert "Traceback" in CliRunner().invoke(main, ["fail"]).stderr


def test_interrupting_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, "Interrupted." in result.stderr) == (ExitCode.INTERRUPTED, True)


def test_without_a_login_a_command_says_how_to_sign_in() -> None:
    result = CliRunner().invoke(main, ["workspace", "list"])
    assert result.stderr == "Error: You are not signed in. Sign in: studiolo login URL\n"
    assert result.exit_code == ExitCode.NOT_ALLOWED


def test_wrong_usage_stays_clicks_own() -> None:
    assert CliRunner().invoke(main, ["no-such-command"]).exit_code == ExitCode.USAGE
    assert CliRunner().invoke(main, ["workspace", "list", "--no-such-option"]).exit_code == ExitCode.USAGE


def test_another_distribution_can_add_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, "hello", "click:echo")
    assert CliRunner().invoke(main, ["hello"]).exit_code == ExitCode.BUG  # not a command
    failing(monkeypatch, Refused("x"))
    assert re.search(r"^  fail", CliRunner().invoke(main, ["--help"]).output, re.MULTILINE)


def test_a_command_that_cannot_be_loaded_does_not_spoil_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, "lame", "no_such_module:command")
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == ExitCode.OK
    assert "no_such_module" in result.output
    assert "no_such_module" in CliRunner().invoke(main, ["lame"]).stderr


def test_a_checkout_whose_packages_are_missing_says_what_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(monkeypatch, "up", "no_such_module:up")
    result = CliRunner().invoke(main, ["up"])
    assert result.exit_code == ExitCode.REFUSED
    assert "make up" in result.stderr


@pytest.mark.parametrize("name", checkout.CHECKOUT_COMMANDS)
@pytest.mark.parametrize("arguments", [(), ("--port", "8123"), ("--help",), ("build", "python")])
def test_the_bare_wheel_says_what_needs_a_checkout(
    name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "is_checkout", lambda: False)
    result = CliRunner().invoke(main, [name, *arguments])
    assert result.exit_code == ExitCode.REFUSED
    assert f"`studiolo {name}` needs a checkout" in result.stderr
    assert "make up" in result.stderr
    assert "(needs a" in CliRunner().invoke(main, ["--help"]).output


def test_a_checkout_without_its_entry_points_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_entry_points", dict)
    assert CliRunner().invoke(main, ["up"]).exit_code == ExitCode.REFUSED


def imported_by(*arguments: str) -> set[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not imported_by("-c", "import studiolo") & {"pydantic", "httpx", "rich", "yaml", "click", "asyncio"}


def test_help_loads_nothing_heavy() -> None:
    heavy = {"pydantic", "httpx", "rich", "yaml", "asyncio", "studiolo.cli.workspace", "deploy"}
    assert not imported_by("-m", "studiolo", "--help") & heavy


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert one_line("a\x1b[31m\r\nb\u202e") == "a [31m  b"


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -o nosort"), ("zsh", "#compdef studiolo")])
def test_completion_prints_a_script_that_asks_this_program(shell: str, mark: str, run: Run) -> None:
    result = run("completion", shell)
    assert mark in result.stdout
    assert "_STUDIOLO_COMPLETE" in result.stdout
    assert run("completion", "tcsh").exit_code == ExitCode.USAGE
