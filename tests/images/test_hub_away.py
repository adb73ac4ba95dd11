"""A real server while its hub is away: who is signed in works on, others learn why they cannot, and it does not end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.fakes.hub_of_servers import SERVER_TOKEN, HubOfServers, State

pytestmark = pytest.mark.patient

START_SERVER = Path(__file__).parents[2] / "images" / "base" / "start_server.py"

FORGETFUL = ("-P", str(START_SERVER), "--HubOAuth.cache_max_age=1", "--WorkspaceHubAuth.answer_seconds=10")
"""A second where it is five minutes in life: what comes after them is to be seen. A loaded machine answers slowly."""

ABSENCES = (State.BREAKS_OFF, State.SILENT, State.IN_TROUBLE)
PATIENCE_SECONDS = 120.0

WAITS_SHORTLY = """
import asyncio, sys
sys.path.append({folder!r})
from workspace_server import main, waiting
waiting.FIRST_PAUSE_SECONDS = waiting.LONGEST_PAUSE_SECONDS = 0.05
main.main()
"""


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def until_forgotten() -> None:
    time.sleep(1.5)  # the second of FORGETFUL, by the server's own clock


@pytest.mark.parametrize("absence", ABSENCES, ids=lambda state: state.name.lower())
def test_f4_who_is_signed_in_works_on_while_the_hub_is_away(
    absence: State, start: Any, minimal: Path, hub: HubOfServers
) -> None:
    server = start(minimal, program=FORGETFUL)
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    hub.state = absence
    until_forgotten()
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    questions = hub.questions_for_test("token-of-alice")
    for path in ("lab", "api/contents", "api/kernels", "api/me"):
        assert server.get(path, token="token-of-alice").status_code == 200
    # Four, if each had asked: its absence is noticed once, and looked after apart from them.
    assert hub.questions_for_test("token-of-alice") < questions + 4


@pytest.mark.parametrize("absence", ABSENCES, ids=lambda state: state.name.lower())
def test_f4_whom_the_server_does_not_know_is_told_that_the_hub_is_away(
    absence: State, start: Any, minimal: Path, hub: HubOfServers
) -> None:
    server = start(minimal, program=FORGETFUL)
    hub.state = absence
    page = server.get("lab", token="token-of-bob")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "10"
    assert "Studiolo's hub does not answer" in page.text
    assert 'http-equiv="refresh" content="10"' in page.text
    assert "Traceback" not in page.text
    answer = server.get("api/contents", token="token-of-bob")
    assert answer.status_code == 503
    assert answer.json()["message"].startswith("Studiolo's hub does not answer")
    assert server.get("api").status_code == 200, "whether it is up needs no hub"


def test_f4_a_browser_on_its_way_back_from_the_hub_is_told_so_too(start: Any, minimal: Path, hub: HubOfServers) -> None:
    server = start(minimal, program=FORGETFUL)
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as browser:
        sent = browser.get("/user/alice/lab")
        state = parse_qs(urlsplit(sent.headers["Location"]).query)["state"][0]
        hub.state = State.BREAKS_OFF
        back = browser.get("/user/alice/oauth_callback", params={"code": "from-the-hub", "state": state})
    assert back.status_code == 503
    assert "Studiolo's hub does not answer" in back.text
    assert 'content="10; url=/user/alice/"' in back.text, "the same address would be refused the next time"


def test_f4_a_right_that_was_revoked_ends_when_the_hub_is_back(start: Any, minimal: Path, hub: HubOfServers) -> None:
    server = start(minimal, program=FORGETFUL)
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    hub.state = State.BREAKS_OFF
    until_forgotten()
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    del hub.people["token-of-alice"]
    hub.state = State.HERE
    wait_until(lambda: server.get("api/contents", token="token-of-alice").status_code == 403)


def test_f4_nothing_is_remembered_for_longer_than_it_may(start: Any, minimal: Path, hub: HubOfServers) -> None:
    server = start(minimal, program=(*FORGETFUL, "--WorkspaceHubAuth.remembered_seconds=2"))
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    hub.state = State.BREAKS_OFF
    wait_until(lambda: server.get("api/contents", token="token-of-alice").status_code == 503)


def test_f5_a_server_that_starts_while_the_hub_is_away_waits_for_it(
    start: Any, minimal: Path, hub: HubOfServers
) -> None:
    hub.state = State.BREAKS_OFF
    server = start(minimal, program=("-P", "-c", WAITS_SHORTLY.format(folder=str(START_SERVER.parent))))
    # Stock asks five times and ends.
    wait_until(lambda: sum(path == "/hub/api" for _, path, _, _ in hub.asked) > 10)
    assert server.process.poll() is None
    assert server.get("api").status_code == 200
    hub.state = State.HERE
    assert hub.asked_for_version.wait(PATIENCE_SECONDS)
    assert server.get("api/contents", token="token-of-alice").status_code == 200


def test_activity_is_told_again_until_the_hub_takes_it(start: Any, minimal: Path, hub: HubOfServers) -> None:
    hub.refused_reports = 2
    server = start(minimal, env={"JUPYTERHUB_ACTIVITY_INTERVAL": "1"})
    assert hub.told_of_activity.wait(PATIENCE_SECONDS)
    wait_until(lambda: "was told of activity, after 2 attempts" in server.log.read_text())


def test_a_server_that_nobody_uses_says_so_again_and_again(start: Any, minimal: Path, hub: HubOfServers) -> None:
    """The hub stops only whom it hears: a server that is silent is not idle but out of reach."""
    start(minimal, env={"JUPYTERHUB_ACTIVITY_INTERVAL": "1"})
    wait_until(lambda: len(hub.activity_for_test()) >= 4)
    assert len(set(hub.activity_for_test()[-2:])) == 1


async def test_a_cell_that_computes_is_activity_even_where_it_prints_nothing(
    start: Any, minimal: Path, hub: HubOfServers
) -> None:
    server = start(minimal, env={"JUPYTERHUB_ACTIVITY_INTERVAL": "1"})
    kernel = server.post("api/kernels", token="token-of-alice", json={"name": "python3"}).json()["id"]
    address = f"{server.url.replace('http', 'ws')}/user/alice/api/kernels/{kernel}/channels"
    header = {"msg_id": "1", "username": "alice", "session": "1", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": "import time; time.sleep(600)", "silent": False, "store_history": False, "stop_on_error": True}
    socket = await websocket_connect(HTTPRequest(address, headers={"Authorization": "token token-of-alice"}))
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(message | {"buffers": []}))
    wait_until(lambda: server.get("api/kernels", token="token-of-alice").json()[0]["execution_state"] == "busy")
    # Three times in a row the hub is told of something later, though nothing happens but the cell.
    before = len(hub.activity_for_test())
    wait_until(lambda: len(hub.activity_for_test()) >= before + 5)
    last = hub.activity_for_test()[-3:]
    assert last == sorted(set(last))
    socket.close()


@pytest.mark.long
def test_f4_twenty_minutes_without_a_hub_with_the_limits_of_life(start: Any, minimal: Path, hub: HubOfServers) -> None:
    server = start(minimal)
    assert server.get("api/contents", token="token-of-alice").status_code == 200
    hub.state = State.SILENT
    end = time.monotonic() + 20 * 60
    while time.monotonic() < end:
        assert server.get("api/contents", token="token-of-alice").status_code == 200
        time.sleep(5)
    assert hub.questions_for_test("token-of-alice") < 20, "of some hundred"
    assert hub.questions_for_test(SERVER_TOKEN) > 30, "it was looked after all the time"
    assert server.get("api/contents", token="token-of-bob").status_code == 503
    del hub.people["token-of-alice"]
    hub.state = State.HERE
    wait_until(lambda: server.get("api/contents", token="token-of-alice").status_code == 403)
    assert server.process.poll() is None
