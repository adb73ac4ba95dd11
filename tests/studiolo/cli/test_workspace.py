from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from studiolo.cli.exit_codes import ExitCode
from tests.fakes.fake_hub import URL, EndsWhileStarting, FakeHub, HubGoesAway, PressesControlC
from tests.studiolo.cli.conftest import Run


def test_list_shows_a_line_for_each_workspace(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    fake_hub.workspace_for_test("alice", "iris", display_name="Iris [bold]2", user_options={})
    result = run("workspace", "list")
    head, default, iris = result.stdout.splitlines()
    assert head.split() == ["NAME", "TITLE", "STATE", "SOFTWARE", "HARDWARE", "SINCE"]
    assert default.split()[:5] == ["default", "default", "ready", "python", "small"]
    assert "Iris [bold]2" in iris
    assert result.exit_code == ExitCode.OK


def test_list_as_json_is_the_wire_type(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "")
    (view,) = json.loads(run("workspace", "list", "--json").stdout)
    assert view["name"] == "default"
    assert view["url"] == f"{URL}/user/alice/"


def test_everybody_has_the_default_workspace(run: Run) -> None:
    assert run("workspace", "list").stdout.splitlines()[1].split() == ["default", "default", "stopped"]
    assert "was not running" in run("workspace", "stop").stderr
    assert run("workspace", "open", "--print").stdout == f"{URL}/user/alice/\n"


def test_start_prints_the_link_last_and_alone_on_stdout(run: Run) -> None:
    result = run("workspace", "start", "--environment", "minimal", "--env", "SEED=42")
    assert result.stdout == f"{URL}/user/alice/\n"
    assert "Room: done (0.2 s)" in result.stderr
    assert "Server: done" in result.stderr
    assert "Workspace default is ready." in result.stderr
    assert result.exit_code == ExitCode.OK


def test_start_as_json_prints_nothing_but_the_workspace(run: Run) -> None:
    result = run("workspace", "start", "--json", "--env", "SEED=42", "--env", "EMPTY=", "--hardware", "medium")
    view = json.loads(result.stdout)
    assert (view["state"], view["hardware"], view["env"]) == ("ready", "medium", {"SEED": "42", "EMPTY": ""})
    assert result.stderr == ""


def test_an_empty_home_is_for_one_start(fake_hub: FakeHub, run: Run) -> None:
    options = {"environment": "minimal", "hardware": "small"}
    server = fake_hub.workspace_for_test("alice", "", user_options=options)
    assert run("workspace", "start", "--empty-home").exit_code == ExitCode.OK
    assert server.user_options == {**options, "home": "empty"}


def test_start_without_waiting_says_that_it_starts(run: Run) -> None:
    result = run("workspace", "start", "--no-wait")
    assert "Workspace default is starting." in result.stderr
    assert result.stdout == f"{URL}/user/alice/\n"


def test_a_title_makes_a_workspace_with_a_fitting_name(fake_hub: FakeHub, run: Run) -> None:
    assert run("workspace", "start", "Iris, 2nd try").exit_code == ExitCode.OK
    assert fake_hub.users["alice"].servers["iris-2nd-try"].display_name == "Iris, 2nd try"
    run("workspace", "stop", "Iris, 2nd try")
    assert run("workspace", "start", "Iris, 2nd try").exit_code == ExitCode.OK
    assert list(fake_hub.users["alice"].servers) == ["iris-2nd-try"]


def test_a_new_workspace_states_its_options_even_when_there_are_none(fake_hub: FakeHub, run: Run) -> None:
    run("workspace", "start", "iris")
    sent = next(request for request in fake_hub.requests if request.method == "POST")
    assert json.loads(sent.content)["user_options"] == {}


def test_a_workspace_file_says_what_to_start_and_flags_come_before_it(
    fake_hub: FakeHub, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "workspace.yaml"
    path.write_text("name: Iris\nenvironment: minimal\nhardware: small\nenv:\n  SEED: 1\n  MODE: fast\n")
    result = run("workspace", "start", "-f", str(path), "--hardware", "medium", "--env", "SEED=2")
    assert result.exit_code == ExitCode.OK
    server = fake_hub.users["alice"].servers["iris"]
    assert server.display_name == "Iris"
    assert server.user_options == {
        "environment": "minimal",
        "hardware": "medium",
        "env": {"SEED": "2", "MODE": "fast"},
    }


def test_a_broken_workspace_file_is_refused_with_every_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "workspace.yaml"
    path.write_text("enviroment: minimal\nhardware:\n")
    result = run("workspace", "start", "-f", str(path))
    assert result.exit_code == ExitCode.REFUSED
    assert f"{path}:1:1: enviroment:" in result.stderr
    assert f"{path}:2:10: hardware:" in result.stderr


def test_what_is_not_chosen_stays_as_it_was(fake_hub: FakeHub, run: Run) -> None:
    options = {"environment": "minimal", "hardware": "small", "env": {"A": "1"}}
    server = fake_hub.workspace_for_test("alice", "", user_options=options)
    run("workspace", "start", "--hardware", "medium", "--env", "B=2", "--data", "iris", "--data", "scans")
    assert server.user_options == {
        "environment": "minimal",
        "hardware": "medium",
        "env": {"A": "1", "B": "2"},
        "data": ["iris", "scans"],
    }


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ((), ["forge"]),
        (("--credential", "hub", "--credential", "wandb"), ["hub", "wandb"]),
        (("--credential", ""), []),
    ],
)
def test_credentials_stay_as_they_were_unless_others_are_named(
    fake_hub: FakeHub, run: Run, typed: tuple[str, ...], expected: list[str]
) -> None:
    options = {"environment": "minimal", "hardware": "small", "credentials": ["forge"]}
    server = fake_hub.workspace_for_test("alice", "", user_options=options)
    run("workspace", "start", "--hardware", "medium", *typed)
    assert server.user_options == {"environment": "minimal", "hardware": "medium", "credentials": expected}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ((), {"git": "https://git.example.org/iris"}),
        (("--git", "git@git.example.org:iris.git#main"), {"git": "git@git.example.org:iris.git#main"}),
        (("--git", ""), {}),
    ],
)
def test_the_repository_stays_as_it_was_unless_another_is_named(
    fake_hub: FakeHub, run: Run, typed: tuple[str, ...], expected: dict[str, str]
) -> None:
    options = {"environment": "minimal", "hardware": "small", "git": "https://git.example.org/iris"}
    server = fake_hub.workspace_for_test("alice", "", user_options=options)
    run("workspace", "start", "--hardware", "medium", *typed)
    assert server.user_options == {"environment": "minimal", "hardware": "medium", **expected}


def test_a_workspace_file_names_a_repository_and_what_is_typed_comes_before_it(
    fake_hub: FakeHub, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "workspace.yaml"
    path.write_text("git: https://git.example.org/iris\n")
    server = fake_hub.workspace_for_test("alice", "", user_options={"environment": "minimal", "hardware": "small"})
    run("workspace", "start", "-f", str(path), "--no-wait")
    assert server.user_options["git"] == "https://git.example.org/iris"
    run("workspace", "stop")
    run("workspace", "start", "-f", str(path), "--git", "")
    assert "git" not in server.user_options


BY_THE_HUB = {"environment": "python"}
"""What the hub takes where nobody names an environment; of a package, it is the package's."""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ((), {"environment": "minimal", "model": "iris:1.0"}),
        (("--model", "rose:2"), {**BY_THE_HUB, "model": "rose:2"}),
        (("--model", "vision/rose:2"), {**BY_THE_HUB, "model": "vision/rose:2"}),
        (("--model", "rose:2", "--team", "vision"), {**BY_THE_HUB, "model": "vision/rose:2"}),
        (("--model", "rose:2", "--environment", "minimal"), {"environment": "minimal", "model": "rose:2"}),
        (("--model", ""), {"environment": "minimal"}),
    ],
)
def test_the_package_stays_as_it_was_unless_another_is_named_whose_software_the_hub_knows(
    fake_hub: FakeHub, run: Run, typed: tuple[str, ...], expected: dict[str, str]
) -> None:
    options = {"environment": "minimal", "hardware": "small", "model": "iris:1.0"}
    server = fake_hub.workspace_for_test("alice", "", user_options=options)
    run("workspace", "start", "--hardware", "medium", *typed)
    assert server.user_options == {"hardware": "medium", **expected}


@pytest.mark.parametrize("typed", [("--team", "vision"), ("--model", "vision/iris")])
def test_a_package_that_is_named_by_halves_is_asked_for(run: Run, typed: tuple[str, ...]) -> None:
    assert run("workspace", "start", *typed).exit_code == 2


def test_starting_what_runs_prints_its_link_again(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    result = run("workspace", "start")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, f"{URL}/user/alice/\n")
    assert run("workspace", "start", "--environment", "python").exit_code == ExitCode.OK


def test_starting_what_starts_joins_the_start(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="starting")
    result = run("workspace", "start")
    assert "Workspace default is ready." in result.stderr


def test_another_choice_for_what_runs_is_refused_with_the_way_out(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    result = run("workspace", "start", "--hardware", "medium")
    assert result.exit_code == ExitCode.REFUSED
    assert "ready with python on small" in result.stderr
    assert "studiolo workspace stop default" in result.stderr


def test_what_is_just_stopping_is_not_started(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="stopping")
    result = run("workspace", "start")
    assert (result.exit_code, "still stopping" in result.stderr) == (ExitCode.REFUSED, True)


def test_a_refused_start_is_the_hubs_sentence_on_one_line(run: Run) -> None:
    result = run("workspace", "start", "--environment", "pyton")
    assert result.exit_code == ExitCode.REFUSED
    assert result.stderr == 'Error: environment: "pyton" is not on offer. Known are minimal, python.\n'
    assert result.stdout == ""


def test_a_refused_start_of_a_new_workspace_leaves_none_behind(fake_hub: FakeHub, run: Run) -> None:
    assert run("workspace", "start", "new", "--environment", "pyton").exit_code == ExitCode.REFUSED
    assert "new" not in fake_hub.users["alice"].servers


def test_a_refused_start_of_an_old_workspace_keeps_it(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "old", state="stopped")
    assert run("workspace", "start", "old", "--environment", "pyton").exit_code == ExitCode.REFUSED
    assert "old" in fake_hub.users["alice"].servers


def test_a_failed_start_says_why_and_where_to_look(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.starts = EndsWhileStarting()
    result = run("workspace", "start")
    assert result.exit_code == ExitCode.REFUSED
    assert "Server: failed" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        f"Error: {EndsWhileStarting.SENTENCE} See what it printed: studiolo workspace logs default"
    )


def test_a_hub_that_goes_away_while_starting_has_its_exit_code(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.starts = HubGoesAway()
    assert run("workspace", "start").exit_code == ExitCode.UNREACHABLE


@pytest.fixture
def in_a_terminal() -> Iterator[None]:
    """Ctrl-C reaches the program. Where a shell runs the tests behind itself (`&`), they are started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_a_terminal")
def test_ctrl_c_ends_the_waiting_and_not_the_start(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.starts = PressesControlC()
    result = run("workspace", "start")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "The start goes on. To end it: studiolo workspace stop default" in result.stderr
    assert fake_hub.users["alice"].servers[""].state == "starting"


@pytest.mark.parametrize("value", ["SEED", "=1", "2ND=1", "A-B=1"])
def test_a_variable_that_is_none_is_wrong_usage(run: Run, value: str) -> None:
    result = run("workspace", "start", "--env", value)
    assert result.exit_code == ExitCode.USAGE
    assert "NAME=VALUE" in result.stderr


def test_two_names_are_one_too_many(run: Run) -> None:
    assert run("workspace", "start", "iris", "--name", "rose").exit_code == ExitCode.USAGE
    assert run("workspace", "start", "--name", "rose").exit_code == ExitCode.OK


def test_stop_waits_and_says_so(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    assert "Workspace default is stopped." in run("workspace", "stop").stderr
    result = run("workspace", "stop")
    assert (result.exit_code, "was not running" in result.stderr) == (ExitCode.OK, True)
    assert json.loads(run("workspace", "stop", "--json").stdout)["state"] == "stopped"


def test_extend_says_until_when_and_that_nothing_is_near(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready", stops_soon=True)
    result = run("workspace", "extend", "--json")
    assert json.loads(result.stdout) == {"name": "default", "until": "2026-03-01T15:20:00+00:00"}
    fake_hub.users["alice"].servers[""].stops_soon = True
    assert "Workspace default is not stopped before" in run("workspace", "extend").stderr
    refused = run("workspace", "extend")
    assert (refused.exit_code, "Nothing is about to stop" in refused.stderr) == (ExitCode.REFUSED, True)


def test_an_unknown_name_is_not_found_and_the_nearest_is_named(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "iris")
    for command in ("stop", "extend", "open", "logs", "delete"):
        result = run("workspace", command, "irsi")
        assert result.exit_code == ExitCode.NOT_FOUND
        assert 'Perhaps you meant "iris"?' in result.stderr


def test_delete_forgets_a_stopped_workspace(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "iris")
    assert "Your files are untouched" in run("workspace", "delete", "iris").stderr
    assert fake_hub.users["alice"].servers == {}


def test_delete_takes_a_running_workspace_only_by_force(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "iris", state="ready")
    result = run("workspace", "delete", "iris")
    assert (result.exit_code, "--force" in result.stderr) == (ExitCode.REFUSED, True)
    assert json.loads(run("workspace", "delete", "iris", "--force", "--json").stdout) == {
        "name": "iris",
        "deleted": True,
    }


def test_the_default_workspace_is_not_deleted(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    result = run("workspace", "delete", "default", "--force")
    assert (result.exit_code, "everybody has it" in result.stderr) == (ExitCode.REFUSED, True)


def test_logs_print_what_the_workspace_printed(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", log="first\nlast\n")
    assert run("workspace", "logs").stdout == "first\nlast\n"
    assert json.loads(run("workspace", "logs", "--json").stdout) == {"name": "default", "log": "first\nlast\n"}


def test_logs_without_services_say_what_is_away(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "", log="x")
    fake_hub.services_are_away = True
    result = run("workspace", "logs")
    assert (result.exit_code, "services process" in result.stderr) == (ExitCode.UNREACHABLE, True)


def test_open_prints_or_opens_the_link(fake_hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub.workspace_for_test("alice", "", state="ready")
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return len(opened) - 1  # the second time there is no browser

    monkeypatch.setattr(click, "launch", launch)
    assert run("workspace", "open", "--print").stdout == f"{URL}/user/alice/\n"
    assert run("workspace", "open").stdout == ""
    assert opened == [f"{URL}/user/alice/"]
    assert run("workspace", "open").stdout == f"{URL}/user/alice/\n"
    assert json.loads(run("workspace", "open", "--json").stdout)["state"] == "ready"


def test_open_says_that_a_workspace_is_stopped(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.workspace_for_test("alice", "")
    assert "the page offers to start it" in run("workspace", "open", "--print").stderr


FORECAST = {
    "environment": "python",
    "hardware": "gpu",
    "kind": "not_now",
    "words": "not now: 8 of 8 GPUs in use, next likely free at 14:20",
    "instead": "small",
    "of-a-later-version": 1,
}


def test_forecast_shows_what_each_choice_would_come_to_and_starts_nothing(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.forecasts = [FORECAST]
    result = run("workspace", "forecast")
    head, line = result.stdout.splitlines()
    assert head.split() == ["SOFTWARE", "HARDWARE", "FORECAST", "INSTEAD"]
    assert "not now: 8 of 8 GPUs in use, next likely free at 14:20" in line
    assert not fake_hub.users["alice"].servers
    (told,) = json.loads(run("workspace", "forecast", "--json").stdout)
    assert (told["kind"], told["seconds"], told["instead"]) == ("not_now", None, "small")


def test_forecast_of_what_is_not_on_offer_says_so(run: Run) -> None:
    result = run("workspace", "forecast", "--environment", "r", "--hardware", "huge")
    assert 'Nothing like "r" on "huge" is on offer to you.' in result.stderr
    assert result.exit_code == ExitCode.NOT_FOUND
    assert "Nothing is on offer to you yet." in run("workspace", "forecast").stderr
