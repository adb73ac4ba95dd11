"""What a person is told in JupyterLab."""

from __future__ import annotations

import json

import pytest

from studiolo_lab.notices import VARIABLE, Action, Board, Notice, tell_what_the_start_knew


def test_notices_stand_in_the_order_in_which_they_were_told() -> None:
    board = Board()
    board.tell("home", "warning", "Your home is nearly full.", Action(label="Show", command="studiolo-lab:open-home"))
    board.tell("git", "info", "Your repository was cloned.")
    assert [notice.as_json() for notice in board.current()] == [
        {
            "key": "home",
            "level": "warning",
            "text": "Your home is nearly full.",
            "action": {"label": "Show", "command": "studiolo-lab:open-home"},
        },
        {"key": "git", "level": "info", "text": "Your repository was cloned.", "action": None},
    ]


def test_a_key_told_again_takes_the_old_ones_place() -> None:
    board = Board()
    board.tell("home", "warning", "Nearly full.")
    board.tell("home", "error", "Full.")
    assert board.current() == (Notice(key="home", level="error", text="Full."),)


def test_what_is_withdrawn_is_gone_and_nothing_happens_to_a_key_that_nobody_told() -> None:
    board = Board()
    board.tell("home", "warning", "Nearly full.")
    board.withdraw("home")
    board.withdraw("never told")
    assert board.current() == ()


def test_what_the_start_knew_is_told_and_no_kernel_inherits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps([{"key": "credentials", "level": "warning", "text": "github is missing."}]))
    board = Board()
    tell_what_the_start_knew(board)
    assert board.current() == (Notice(key="credentials", level="warning", text="github is missing."),)
    monkeypatch.delenv(VARIABLE, raising=False)
    tell_what_the_start_knew(board)  # a server that was started without says the same as before
    assert len(board.current()) == 1


@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "{}", "[1]", '[{"key": "a", "level": "loud", "text": "b"}]', '[{"key": "a", "level": "info"}]'],
)
def test_what_cannot_be_read_ends_no_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    board = Board()
    tell_what_the_start_knew(board)
    assert board.current() == ()
