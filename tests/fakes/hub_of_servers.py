"""The part of JupyterHub's API that a person's server talks to, over real HTTP, and the ways in which it is away."""

from __future__ import annotations

import contextlib
import enum
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SERVER_TOKEN = "token-of-the-server"

PEOPLE = {
    "token-of-alice": {"kind": "user", "name": "alice", "scopes": ["access:servers!user=alice"]},
    "token-of-bob": {"kind": "user", "name": "bob", "scopes": ["access:servers!user=bob"]},
}


class State(enum.Enum):
    """What becomes of a request."""

    HERE = "answered"
    BREAKS_OFF = "the connection is closed without an answer"
    SILENT = "nothing comes back, as from a machine that is off"
    IN_TROUBLE = "503, as without a database"


@dataclass
class HubOfServers:
    """Notes what it was asked. Doors for tests end in `_for_test`."""

    url: str
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    told_of_activity: threading.Event = field(default_factory=threading.Event)
    asked_for_version: threading.Event = field(default_factory=threading.Event)
    people: dict[str, Mapping[str, Any]] = field(default_factory=lambda: dict(PEOPLE))
    state: State = State.HERE
    is_over: threading.Event = field(default_factory=threading.Event)
    refused_reports: int = 0
    """So many reports of activity are answered with an error."""

    def questions_for_test(self, token: str) -> int:
        """How often it was asked who has this token."""
        said = f"token {token}"
        return sum(path == "/hub/api/user" and said == sent.get("Authorization") for _, path, sent, _ in self.asked)

    def activity_for_test(self) -> list[str]:
        """The times it was told of, first to last."""
        bodies = [body for _, path, _, body in self.asked if path.endswith("/activity")]
        return [json.loads(body)["servers"][""]["last_activity"] for body in bodies]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any] | None:
        """Status and JSON, or None for no answer at all."""
        self.asked.append((method, path, headers, body))
        match self.state:
            case State.BREAKS_OFF:
                return None
            case State.SILENT:
                self.is_over.wait()
                return None
            case State.IN_TROUBLE:
                return 503, {"message": "The database is away."}
            case State.HERE:
                return self._answer(method, path, headers)

    def _answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        match method, path.partition("?")[0]:
            case "GET", "/hub/api":
                self.asked_for_version.set()
                return 200, {"version": "6.1.1"}
            case "GET", "/hub/api/user":
                person = self.people.get(headers.get("Authorization", "").removeprefix("token "))
                return (200, {**person, "groups": [], "admin": False}) if person else (403, {"message": "who?"})
            case "POST", "/hub/api/oauth2/token":
                return 200, {"access_token": "token-of-alice", "token_type": "Bearer", "scope": "access:servers"}
            case "POST", "/hub/api/users/alice/activity" if self.refused_reports:
                self.refused_reports -= 1
                return 500, {"message": "not now"}
            case "POST", "/hub/api/users/alice/activity":
                self.told_of_activity.set()
                return 200, {}
            case _:
                return 404, {"message": path}


@contextlib.contextmanager
def running_hub() -> Iterator[HubOfServers]:
    """A hub that answers until the end, in threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = known.answer(self.command, self.path, dict(self.headers), body)
            if answer is None:
                self.close_connection = True
                return
            text = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("X-JupyterHub-Version", "6.1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever asked did not wait for the answer
                self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = HubOfServers(url=f"http://127.0.0.1:{server.server_port}/hub/api")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield known
    finally:
        known.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
