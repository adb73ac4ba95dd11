"""`studiolo home`, against services that answer what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from studiolo.cli import main
from studiolo.cli.connection import Connection
from studiolo.cli.exit_codes import ExitCode
from studiolo.client import Studiolo

NOW = datetime.now(UTC)
SOON = (NOW + timedelta(days=3, hours=12)).isoformat()  # a run may take long from here to the test
HOME = {"user": "bob", "home": "bob", "since": (NOW - timedelta(hours=2)).isoformat()}
ASIDE = "bob.20261126T201500Z.1"

Answer = Callable[[httpx.Request], httpx.Response]


def run(*words: str, answer: Answer) -> Result:
    def studiolo(*_: object) -> Studiolo:
        return Studiolo("http://127.0.0.1:8000", "token", transport=httpx.MockTransport(answer))

    connection = Connection(open=studiolo, open_at=studiolo)
    return CliRunner().invoke(main, ["home", *words], obj=connection, prog_name="studiolo")


def saying(path: str, body: Any, *, status: int = 200) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == f"/services/studiolo/api/homes{path}"
        return httpx.Response(status, json=body)

    return answer


def test_the_list_says_state_since_and_due() -> None:
    homes = [HOME | {"state": "waiting", "due": SOON}, HOME | {"user": "ada", "state": "archived", "archived": ASIDE}]
    listed = run("list", answer=saying("", {"homes": homes}))
    assert listed.exit_code == ExitCode.OK, listed.output
    heads, *lines = [" ".join(line.split()) for line in listed.stdout.splitlines()]
    assert heads == "ACCOUNT STATE SINCE DUE IN PUT ASIDE AS WHY"
    assert lines == ["bob waiting 2 h 3 d", f"ada archived 2 h {ASIDE}"]
    as_json = run("list", "--json", answer=saying("", {"homes": homes}))
    assert [one["state"] for one in json.loads(as_json.stdout)] == ["waiting", "archived"]


@pytest.mark.parametrize(
    ("words", "path", "known", "sentence"),
    [
        (["archive", "bob"], "/bob/archive", {"state": "waiting", "due": SOON}, "is put aside in 3 d."),
        (["archive", "bob", "--now"], "/bob/archive", {"state": "archived", "archived": ASIDE}, f"aside as {ASIDE}."),
        (
            ["archive", "bob", "--now"],
            "/bob/archive",
            {"state": "failed", "next_try": SOON, "reason": "The disk hangs."},
            "it is tried again in 3 d. The disk hangs.",
        ),
        (["restore", "bob"], "/bob/restore", {"state": "restored"}, "bob has the home again, as it was."),
        (["restore", "bob"], "/bob/restore", {"state": "of a later version"}, "The home of bob: of a later version."),
    ],
)
def test_a_command_says_how_it_is_then(words: list[str], path: str, known: dict[str, str], sentence: str) -> None:
    done = run(*words, answer=saying(path, HOME | known))
    assert done.exit_code == ExitCode.OK, done.output
    assert sentence in done.stderr
    as_json = run(*words, "--json", answer=saying(path, HOME | known))
    assert json.loads(as_json.stdout)["state"] == known["state"]


def test_now_is_sent_only_where_it_was_said() -> None:
    sent: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json=HOME | {"state": "waiting"})

    run("archive", "bob", answer=answer)
    run("archive", "bob", "--now", answer=answer)
    assert sent == [{"now": False}, {"now": True}]


def test_a_refusal_is_told_in_its_own_words() -> None:
    refused = run("restore", "bob", answer=saying("/bob/restore", {"message": "bob has files again."}, status=409))
    assert refused.exit_code != ExitCode.OK
    assert "bob has files again." in refused.stderr
