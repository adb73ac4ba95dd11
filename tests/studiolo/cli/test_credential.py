from __future__ import annotations

import json
from pathlib import Path

import pytest

from studiolo.cli.exit_codes import ExitCode
from tests.fakes.fake_hub import FakeHub, FakeTeam
from tests.studiolo.cli.conftest import Run

CANARY = "canary-value"


def test_a_value_from_standard_input_is_kept_without_its_line_end_and_printed_nowhere(
    fake_hub: FakeHub, run: Run
) -> None:
    result = run("credential", "add", "hf", "--env", "HF_TOKEN", typed=f"{CANARY}\n")
    assert result.exit_code == ExitCode.OK, result.output
    kept = fake_hub.credentials["alice", "hf"]
    assert (kept["kind"], kept["variable"], kept["value"], kept["always"]) == ("env", "HF_TOKEN", CANARY, True)
    assert CANARY not in result.output
    for words in (("list",), ("list", "--json")):
        assert CANARY not in run("credential", *words).output


def test_a_file_is_kept_as_it_is(fake_hub: FakeHub, run: Run, tmp_path: Path) -> None:
    (tmp_path / "kaggle.json").write_text('{"key": 1}\r\n', newline="")
    source = str(tmp_path / "kaggle.json")
    run("credential", "add", "kaggle", "--file", "kaggle.json", "--from", source, "--not-always")
    kept = fake_hub.credentials["alice", "kaggle"]
    assert (kept["path"], kept["value"], kept["always"]) == ("kaggle.json", '{"key": 1}\r\n', False)


def test_the_home_of_this_machine_means_the_home_of_the_workspace(fake_hub: FakeHub, run: Run, tmp_path: Path) -> None:
    # A shell puts the home in place of ~ before we see it.
    run("credential", "add", "kaggle", "--file", f"{tmp_path}/.kaggle/kaggle.json", typed="{}")
    assert fake_hub.credentials["alice", "kaggle"]["path"] == "~/.kaggle/kaggle.json"


def test_an_ssh_key_is_made_there_and_its_public_half_is_the_output(fake_hub: FakeHub, run: Run) -> None:
    result = run("credential", "add", "work", "--ssh-key")
    assert result.stdout == "ssh-ed25519 AAAA studiolo\n"
    assert "SHA256:abc" in result.stderr
    assert fake_hub.credentials["alice", "work"]["value"] == ""


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("--git", "git.example.org", "--user", "al"), {"kind": "git", "host": "git.example.org", "user": "al"}),
        (("--index", "pip", "--url", "https://x/"), {"kind": "package-index", "tool": "pip", "url": "https://x/"}),
        (("--cloud", "aws"), {"kind": "cloud", "tool": "aws"}),
    ],
)
def test_each_kind_has_its_option(fake_hub: FakeHub, run: Run, words: tuple[str, ...], facts: dict[str, str]) -> None:
    assert run("credential", "add", "x", *words, typed="v").exit_code == ExitCode.OK
    assert fake_hub.credentials["alice", "x"].items() >= facts.items()


@pytest.mark.parametrize("words", [(), ("--ssh-key", "--cloud", "aws"), ("--env", "A", "--file", "b")])
def test_exactly_one_kind_is_chosen(fake_hub: FakeHub, run: Run, words: tuple[str, ...]) -> None:
    result = run("credential", "add", "x", *words, typed="v")
    assert result.exit_code != ExitCode.OK
    assert "Choose one of --env" in result.stderr
    assert not fake_hub.credentials


def test_no_value_is_taken_from_an_argument(run: Run) -> None:
    assert run("credential", "add", "x", CANARY, "--env", "A").exit_code != ExitCode.OK
    assert "--value" not in run("credential", "add", "--help").output


def test_what_is_no_text_is_refused_and_not_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff" + CANARY.encode())
    result = run("credential", "add", "x", "--file", "x", "--from", str(tmp_path / "binary"))
    assert "not text" in result.stderr
    assert CANARY not in result.output
    assert "No such file" in run("credential", "add", "x", "--file", "x", "--from", "nowhere").stderr


def test_rotate_and_remove(fake_hub: FakeHub, run: Run) -> None:
    run("credential", "add", "hf", "--env", "HF_TOKEN", typed="v1\n")
    result = run("credential", "rotate", "hf", typed="v2\n")
    assert "at a workspace's next start" in result.stderr
    assert fake_hub.credentials["alice", "hf"]["value"] == "v2"
    assert run("credential", "remove", "hf").stderr == "Removed hf.\n"
    assert run("credential", "remove", "hf").exit_code == ExitCode.NOT_FOUND
    assert run("credential", "rotate", "hf", typed="v").exit_code == ExitCode.NOT_FOUND


def test_a_new_key_needs_no_value(fake_hub: FakeHub, run: Run) -> None:
    run("credential", "add", "work", "--ssh-key")
    assert run("credential", "rotate", "work", "--new-key").exit_code == ExitCode.OK
    assert fake_hub.credentials["alice", "work"]["value"] == ""


def test_a_list_shows_what_each_is_for(run: Run) -> None:
    run("credential", "add", "hf", "--env", "HF_TOKEN", typed="v")
    assert "HF_TOKEN" in run("credential", "list").stdout
    [listed] = json.loads(run("credential", "list", "--json").stdout)
    assert (listed["name"], listed["env"]) == ("hf", ["HF_TOKEN"])


def test_a_lead_adds_rotates_and_removes_for_a_team_and_a_member_lists_it(fake_hub: FakeHub, run: Run) -> None:
    fake_hub.teams["vision"] = FakeTeam(users=["alice", "bob"], properties={"leads": ["alice"]})
    added = run("credential", "add", "hub", "--env", "HF_TOKEN", "--team", "vision", typed=f"{CANARY}\n")
    assert added.exit_code == ExitCode.OK, added.output
    assert "Kept hub of team vision. Nobody can read its value back. Its members have it in their work" in added.stderr
    assert fake_hub.credentials["team/vision", "hub"]["value"] == CANARY
    rotated = run("credential", "rotate", "hub", "--team", "vision", typed="second\n")
    assert "hub of team vision has a new value." in rotated.stderr
    assert fake_hub.credentials["team/vision", "hub"]["value"] == "second"
    run("credential", "add", "own", "--env", "OWN", typed="v")
    listed = json.loads(run("credential", "list", "--json").stdout)
    assert [(one["name"], one["team"]) for one in listed] == [("own", ""), ("hub", "vision")]
    assert "OWN" not in run("credential", "list", "--team", "vision").stdout

    seen = run("credential", "list", user="bob")
    assert "vision" in seen.stdout
    assert CANARY not in seen.output
    refused = run("credential", "remove", "hub", "--team", "vision", user="bob")
    assert refused.exit_code != ExitCode.OK
    assert "Only who leads" in refused.stderr

    assert "Removed hub of team vision." in run("credential", "remove", "hub", "--team", "vision").stderr
    assert ("team/vision", "hub") not in fake_hub.credentials
