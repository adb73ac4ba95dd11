"""The list of workspaces: a word for each state, and the buttons that make sense in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.idle.loop import StopNotice
from hub.idle.rules import Why
from hub.pages.home_view import WorkspaceFacts, WorkspaceRow, WorkspaceState, home_view, when
from hub.pages.tones import Tone
from studiolo.catalog import Catalog
from studiolo.choice import Choice

PYTHON = Choice(environment="python", hardware="small", env=(("A", "1"),))


def row(catalog: Catalog, now: datetime, **facts: Any) -> WorkspaceRow:
    merged = {"user": "ada", "server": "iris", "title": "Iris", "choice": PYTHON, "url": "/user/ada/iris/", **facts}
    (only,) = home_view([WorkspaceFacts(**merged)], catalog=catalog, base_url="/hub/", now=now).rows
    return only


@pytest.mark.parametrize(
    ("facts", "words", "detail", "labels"),
    [
        pytest.param(
            {"state": WorkspaceState.RUNNING, "ago": timedelta(minutes=130)},
            "running",
            "for 2 h 10 min",
            ["Open", "Stop"],
            id="running",
        ),
        pytest.param(
            {"state": WorkspaceState.RUNNING, "ago": timedelta(seconds=5)},
            "running",
            "since just now",
            ["Open", "Stop"],
            id="running since just now",
        ),
        pytest.param({"state": WorkspaceState.RUNNING}, "running", "", ["Open", "Stop"], id="nobody knows since when"),
        pytest.param(
            {"state": WorkspaceState.STARTING, "seconds_left": 4.4},
            "starting",
            "about 4 s left",
            ["Watch", "Stop"],
            id="starting",
        ),
        pytest.param({"state": WorkspaceState.STARTING}, "starting", "", ["Watch", "Stop"], id="no estimate"),
        pytest.param({"state": WorkspaceState.STOPPING}, "stopping", "", ["Watch"], id="stopping"),
        pytest.param(
            {"state": WorkspaceState.CHECKING},
            "checking",
            "Studiolo was restarted and looks whether it still runs",
            ["Watch"],
            id="after a restart",
        ),
        pytest.param(
            {"state": WorkspaceState.FAILED, "failure": "No room."},
            "did not start",
            "No room.",
            ["Why?", "Start on …", "Delete"],
            id="failed",
        ),
        pytest.param(
            {"state": WorkspaceState.STOPPED, "ago": timedelta(hours=3)},
            "stopped 3 h ago",
            "",
            ["Start", "Start on …", "Delete"],
            id="stopped",
        ),
        pytest.param(
            {"state": WorkspaceState.STOPPED, "ago": timedelta(minutes=1), "ending": "It used all memory."},
            "ended 1 min ago",
            "It used all memory.",
            ["Start", "Start on …", "Delete"],
            id="ended in a way nobody asked for",
        ),
        pytest.param(
            {"state": WorkspaceState.STOPPED, "choice": None}, "stopped", "", ["Start on …", "Delete"], id="never used"
        ),
    ],
)
def test_each_state_has_its_words_and_its_buttons(
    *, facts: dict[str, Any], words: str, detail: str, labels: list[str], sample_catalog: Catalog, now: datetime
) -> None:
    ago = facts.pop("ago", None)
    line = row(sample_catalog, now, **facts, since=None if ago is None else now - ago)
    assert (line.words, line.detail, [action.label for action in line.actions]) == (words, detail, labels)


def test_what_will_be_stopped_says_when_and_can_be_extended(sample_catalog: Catalog, now: datetime) -> None:
    notice = StopNotice(
        why=Why.IDLE, limit=timedelta(hours=2), at=now + timedelta(minutes=12), extend_by=timedelta(hours=1)
    )
    line = row(sample_catalog, now, state=WorkspaceState.RUNNING, notice=notice)
    assert line.notice == "stops at 12:12 (in 12 min) unless it is used"
    (extend,) = (action for action in line.actions if action.id == "extend-iris")
    assert (extend.label, extend.url, extend.method) == ("Extend by 1 h", "/hub/workspaces/ada/iris/extend", "post")
    often_enough = row(sample_catalog, now, state=WorkspaceState.RUNNING, notice=replace(notice, extend_by=None))
    assert [action.label for action in often_enough.actions] == ["Open", "Stop"]


def test_what_it_started_without_is_said_as_long_as_it_runs(sample_catalog: Catalog, now: datetime) -> None:
    lacks = ("Your credentials are missing.", "The data is missing.")
    running = row(sample_catalog, now, state=WorkspaceState.RUNNING, lacks=lacks)
    assert running.lacks == "Your credentials are missing. The data is missing."
    assert row(sample_catalog, now, state=WorkspaceState.RUNNING).lacks == ""


def test_what_it_lacks_and_what_will_stop_it_are_told_apart(sample_catalog: Catalog, now: datetime) -> None:
    notice = StopNotice(why=Why.IDLE, limit=timedelta(hours=2), at=now + timedelta(minutes=12), extend_by=None)
    both = row(sample_catalog, now, state=WorkspaceState.RUNNING, lacks=("No data.",), notice=notice)
    assert (both.lacks, both.notice) == ("No data.", "stops at 12:12 (in 12 min) unless it is used")


def test_what_was_extended_says_until_when_it_is_kept(sample_catalog: Catalog, now: datetime) -> None:
    later, passed = (
        row(sample_catalog, now, state=WorkspaceState.RUNNING, kept_until=now + length)
        for length in (timedelta(hours=1), timedelta(0))
    )
    assert (later.notice, passed.notice) == ("not stopped before 13:00", "")


def test_what_the_rules_stopped_is_no_trouble_and_says_why(sample_catalog: Catalog, now: datetime) -> None:
    line = row(sample_catalog, now, state=WorkspaceState.STOPPED, since=now - timedelta(hours=3), reason="Unused.")
    assert (line.tone, line.words, line.detail) == (Tone.CALM, "stopped 3 h ago", "Unused.")


def test_everything_that_changes_something_is_a_form_and_no_link(sample_catalog: Catalog, now: datetime) -> None:
    running = row(sample_catalog, now, state=WorkspaceState.RUNNING)
    stopped = row(sample_catalog, now, state=WorkspaceState.STOPPED)
    methods = {action.id: action.method for line in (running, stopped) for action in line.actions}
    # Delete asks first, on a page of its own.
    assert methods == {
        "open-iris": "get",
        "stop-iris": "post",
        "start-iris": "post",
        "choose-iris": "get",
        "delete-iris": "get",
    }


def test_start_sends_the_last_choice(sample_catalog: Catalog, now: datetime) -> None:
    start = row(sample_catalog, now, state=WorkspaceState.STOPPED).actions[0]
    assert start.url == "/hub/spawn/ada/iris"
    assert start.fields == (("environment", "python"), ("hardware", "small"), ("env", "A=1"))


def test_the_default_workspace_has_an_address_and_cannot_be_deleted(sample_catalog: Catalog, now: datetime) -> None:
    line = row(sample_catalog, now, server="", title="", state=WorkspaceState.STOPPED)
    assert (line.title, [action.label for action in line.actions]) == ("default", ["Start", "Start on …"])
    assert line.actions[0].url == "/hub/spawn/ada/default"


def test_apps_open_beside_jupyterlab_while_it_runs(sample_catalog: Catalog, now: datetime) -> None:
    choice = Choice(environment="pytorch", hardware="gpu")
    line = row(sample_catalog, now, state=WorkspaceState.RUNNING, choice=choice)
    assert ("TensorBoard", "/user/ada/iris/tensorboard/") in [(action.label, action.url) for action in line.actions]


def test_names_in_addresses_are_quoted(sample_catalog: Catalog, now: datetime) -> None:
    line = row(sample_catalog, now, user="a b/c?", state=WorkspaceState.STOPPED)
    assert line.actions[0].url == "/hub/spawn/a%20b%2Fc%3F/iris"


def test_what_left_the_catalog_keeps_the_name_it_had(sample_catalog: Catalog, now: datetime) -> None:
    line = row(sample_catalog, now, state=WorkspaceState.RUNNING, choice=Choice(environment="gone", hardware="away"))
    assert (line.software, line.hardware) == ("gone", "away")


def test_what_is_in_use_comes_first(sample_catalog: Catalog, now: datetime) -> None:
    def facts(server: str, state: WorkspaceState) -> WorkspaceFacts:
        return WorkspaceFacts(user="ada", server=server, title=server, state=state, choice=None, url="/")

    rows = home_view(
        [
            facts("b", WorkspaceState.STOPPED),
            facts("", WorkspaceState.STOPPED),
            facts("z", WorkspaceState.RUNNING),
            facts("a", WorkspaceState.FAILED),
        ],
        catalog=sample_catalog,
        base_url="/hub/",
        now=now,
    ).rows
    assert [line.name for line in rows] == ["z", "default", "a", "b"]


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        pytest.param(timedelta(seconds=59), "just now", id="seconds"),
        pytest.param(timedelta(seconds=-5), "just now", id="a clock that was set back"),
        pytest.param(timedelta(minutes=59, seconds=59), "59 min ago", id="minutes"),
        pytest.param(timedelta(hours=23), "23 h ago", id="hours"),
        pytest.param(timedelta(hours=30), "yesterday", id="yesterday"),
        pytest.param(timedelta(days=10), "on 12 Nov", id="this year"),
        pytest.param(timedelta(days=400), "on 18 Oct 2025", id="another year"),
    ],
)
def test_times_are_told_as_people_tell_them(passed: timedelta, words: str, now: datetime) -> None:
    assert when(now - passed, now) == words


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        pytest.param([], 15.0, id="nothing there"),
        pytest.param([WorkspaceState.STOPPED, WorkspaceState.FAILED], 15.0, id="nothing happens"),
        pytest.param([WorkspaceState.STOPPED, WorkspaceState.RUNNING], 4.0, id="something runs"),
        pytest.param([WorkspaceState.RUNNING, WorkspaceState.STARTING], 1.5, id="something happens"),
    ],
)
def test_the_list_asks_for_news_as_often_as_there_may_be_some(
    states: list[WorkspaceState], seconds: float, sample_catalog: Catalog, now: datetime
) -> None:
    workspaces = [
        WorkspaceFacts(user="ada", server=f"w{number}", title="", state=state, choice=None, url="/")
        for number, state in enumerate(states)
    ]
    assert home_view(workspaces, catalog=sample_catalog, base_url="/hub/", now=now).refresh_seconds == seconds
