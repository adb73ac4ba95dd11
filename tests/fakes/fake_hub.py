"""A small hub in memory, spoken to through httpx. tests/integration compares what it answers with a real hub."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

URL = "http://127.0.0.1:8000"
ENVIRONMENTS = ("minimal", "python")
HARDWARE = ("small", "medium")
_SLUG = re.compile(r"[a-z]([a-z0-9]|-(?!-)){0,28}[a-z0-9]|[a-z]")

Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error, as JupyterHub writes it."""

    def __init__(self, status: int, message: str | None, **headers: str) -> None:
        super().__init__(status, message)
        self.response = httpx.Response(status, json={"status": status, "message": message}, headers=headers)


@dataclass
class FakeServer:
    """One workspace."""

    name: str
    display_name: str
    user_options: Json
    state: str = "stopped"
    log: str | None = None
    stops_soon: bool = False

    def as_json(self, user: str) -> Json:
        path = f"/user/{user}/{self.name + '/' if self.name else ''}"
        return {
            "name": self.name,
            "display_name": self.display_name,
            "full_name": f"{user}/{self.name}",
            "ready": self.state == "ready",
            "stopped": self.state == "stopped",
            "pending": {"starting": "spawn", "stopping": "stop"}.get(self.state),
            "started": None if self.state == "stopped" else "2026-03-01T10:00:00.000000Z",
            "last_activity": "2026-03-01T10:05:00.000000Z",
            "url": path,
            "full_url": f"{URL}{path}",
            "user_options": self.user_options,
            "progress_url": f"/hub/api/users/{user}/server/progress",
        }


@dataclass
class FakeUser:
    """One person."""

    name: str
    admin: bool = False
    password: str | None = None
    servers: dict[str, FakeServer] = field(default_factory=dict)


@dataclass
class FakeTeam:
    """One group."""

    users: list[str]
    properties: Json = field(default_factory=dict)


def phase(name: str, state: str, **more: Any) -> Json:
    return {"phase": name, "title": name.capitalize(), "state": state, "detail": "", **more}


class Starts:
    """A start that goes well. Subclasses are starts that do not."""

    status = 202
    refusal: tuple[int, str] | None = None

    def events(self, server: FakeServer) -> Iterable[bytes]:
        yield b"\n\n"
        yield _event(progress=10, message="Room", phases=[phase("room", "running", seconds=0.1)], seconds_left=3.0)
        yield _event(
            progress=60,
            message="Server",
            phases=[phase("room", "done", seconds=0.2), phase("server", "running", seconds=1.0, expected_seconds=2.0)],
        )
        server.state = "ready"
        yield _event(progress=100, ready=True, message="Server ready", url="/user/x/")


class EndsWhileStarting(Starts):
    """The server ends before it is ready."""

    SENTENCE = "Your server ended before it was ready. Exit code 1."

    def events(self, server: FakeServer) -> Iterable[bytes]:
        yield _event(progress=10, message="Room", phases=[phase("server", "running", seconds=1.0)])
        server.state = "stopped"
        yield _event(progress=100, failed=True, message=f"Spawn failed: {self.SENTENCE}")


class EndsAtOnce(Starts):
    """The server ends so early that the hub answers the start itself with it."""

    SENTENCE = "Your home directory cannot be written."
    refusal = (500, SENTENCE)


class HubGoesAway(Starts):
    """The hub ends in the middle of a start."""

    def events(self, server: FakeServer) -> Iterable[bytes]:
        yield _event(progress=10, message="Room")


class SaysNoJson(Starts):
    """The progress stream breaks off inside of an event."""

    def events(self, server: FakeServer) -> Iterable[bytes]:
        yield b'data: {"progress": 10, "mess\n\n'


class NeverEndsAnEvent(Starts):
    """Something sends bytes for ever, and no line ends."""

    def events(self, server: FakeServer) -> Iterable[bytes]:
        while True:
            yield b"x" * 65_536


class PressesControlC(Starts):
    """The person presses Ctrl-C while the workspace starts."""

    def events(self, server: FakeServer) -> Iterable[bytes]:
        yield _event(progress=10, message="Room")
        signal.raise_signal(signal.SIGINT)
        yield _event(progress=11, message="Room")


def _event(**values: Any) -> bytes:
    return b"data: " + json.dumps(values).encode() + b"\n\n"


class _Stream(httpx.AsyncByteStream):
    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            await asyncio.sleep(0)  # as a network would, let others run between two parts
            yield part


def _credential_view(kept: Json) -> Json:
    is_key = kept["kind"] == "ssh-key"
    return {
        "name": kept["name"],
        "team": kept.get("team", ""),
        "kind": kept["kind"],
        "always": kept["always"],
        "env": [kept["variable"]] if kept["variable"] else [],
        "files": [kept["path"]] if kept["path"] else [],
        "title": kept["variable"] or kept["path"],
        "public_key": "ssh-ed25519 AAAA studiolo" if is_key else "",
        "fingerprint": "SHA256:abc" if is_key else "",
        "created": "2026-03-01T10:00:00Z",
        "changed": "2026-03-01T10:00:00Z",
    }


class FakeHub:
    """Users, workspaces, teams and the services' routes. Doors for tests end in `_for_test`."""

    def __init__(self) -> None:
        self.users: dict[str, FakeUser] = {}
        self.forecasts: list[Json] = []
        self.teams: dict[str, FakeTeam] = {}
        self.tokens: dict[str, str] = {}
        self.hub_token = "token-hub"
        self.starts: Starts = Starts()
        self.recorded: list[Json] = []
        self.accuracy: Json = {}
        self.credentials: dict[tuple[str, str], Json] = {}
        """What was sent, by owner and name."""
        self.requests: list[httpx.Request] = []
        self.services_are_away = False
        self.person_for_test("admin", admin=True)
        self.person_for_test("alice")
        self.person_for_test("bob")

    @property
    def transport(self) -> httpx.MockTransport:
        """What a client sends its requests into."""
        return httpx.MockTransport(self._answer)

    def person_for_test(self, name: str, *, admin: bool = False) -> None:
        """Put a person there, with the token `token-NAME`."""
        self.users[name] = FakeUser(name, admin=admin)
        self.tokens[f"token-{name}"] = name

    def workspace_for_test(self, user: str, name: str = "", **values: Any) -> FakeServer:
        """Put a workspace there, as if it had been started before."""
        options = {"environment": "python", "hardware": "small"}
        server = FakeServer(**{"name": name, "display_name": name, "user_options": options, **values})
        self.users[user].servers[name] = server
        return server

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.raw_path.decode().partition("?")[0]
        try:
            if path.startswith("/services/studiolo/api/"):
                return self._service(request, path.removeprefix("/services/studiolo/api/"))
            return self._hub(request, path.removeprefix("/hub/api/"))
        except Refusal as refusal:
            return refusal.response

    # -- the hub's API

    def _hub(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "":
            return httpx.Response(200, json={"version": "6.1.1"})
        caller = self._caller(request)
        if path == "user":
            if caller is None:
                raise Refusal(403, None)
            return httpx.Response(200, json={**self._user_json(caller), "scopes": ["servers!user=" + caller.name]})
        if caller is None:
            raise Refusal(403, "Missing or invalid credentials.")
        parts = [unquote(part) for part in path.split("/")]
        body = json.loads(request.content) if request.content else None
        routes: dict[str, Callable[..., httpx.Response]] = {
            "users": self._users,
            "groups": self._groups,
            "studiolo": self._own,
        }
        return routes[parts[0]](request.method, caller, parts[1:], body)

    def _users(self, method: str, caller: FakeUser, parts: list[str], body: Any) -> httpx.Response:
        name, *rest = parts
        match method, rest:
            case "POST", []:
                self._only_admin(caller)
                if name in self.users:
                    raise Refusal(409, f"User {name} already exists")
                self.users[name] = FakeUser(name, admin=bool(body.get("admin")))
                return httpx.Response(201, json=self._user_json(self.users[name]))
            case "PUT", ["password"]:
                self._only_admin(caller)
                if name not in self.users:
                    raise Refusal(404, f'There is no user "{name}".')
                self.users[name].password = body.get("password", "generated-password")
                return httpx.Response(200, json={"password": self.users[name].password})
            case "GET", []:
                return httpx.Response(200, json=self._user_json(self._visible(caller, name), with_servers=True))
            case _, ["server", *more]:
                return self._server(method, self._visible(caller, name), "", more, body)
            case _, ["servers", server, *more]:
                return self._server(method, self._visible(caller, name), server, more, body)
        raise Refusal(404, None)

    def _server(self, method: str, user: FakeUser, name: str, more: list[str], body: Any) -> httpx.Response:
        server = user.servers.get(name)
        match method, more:
            case "POST", []:
                return self._start(user, name, body or {})
            case "GET", ["progress"]:
                if server is None:
                    raise Refusal(404, None)
                if server.state == "stopped":
                    raise Refusal(400, f"{user.name}:{name} is not starting...")
                return httpx.Response(
                    200, headers={"content-type": "text/event-stream"}, stream=_Stream(self.starts.events(server))
                )
            case "DELETE", []:
                return self._stop(user, name, is_removed=bool((body or {}).get("remove")))
        raise Refusal(405, None)

    def _start(self, user: FakeUser, name: str, body: Json) -> httpx.Response:
        if name and name not in user.servers and not _SLUG.fullmatch(name):
            raise Refusal(400, f"Invalid server_name: {name}")
        server = user.servers.setdefault(name, FakeServer(name, body.get("display_name") or name, {}))
        if server.state == "starting":
            return httpx.Response(202, content=b"", headers={"content-type": "text/plain"})
        if server.state != "stopped":
            raise Refusal(400, f"{user.name}:{name} is already running")
        options = body.get("user_options")
        options = server.user_options if options is None else options
        for option, known in (("environment", ENVIRONMENTS), ("hardware", HARDWARE)):
            if options.get(option, known[0]) not in known:
                raise Refusal(400, f'{option}: "{options[option]}" is not on offer. Known are {", ".join(known)}.')
        if self.starts.refusal is not None:
            raise Refusal(*self.starts.refusal)
        server.user_options = {"environment": "python", "hardware": "small", **options}
        server.state = "starting"
        server.log = "the server says hello\n"
        return httpx.Response(self.starts.status, content=b"", headers={"content-type": "text/plain"})

    def _stop(self, user: FakeUser, name: str, *, is_removed: bool) -> httpx.Response:
        if name and name not in user.servers:
            raise Refusal(404, f"{user.name} has no server named '{name}'")
        if name in user.servers:
            user.servers[name].state = "stopped"
        if is_removed:
            del user.servers[name]
        return httpx.Response(204)

    def _own(self, method: str, caller: FakeUser, parts: list[str], _body: Any) -> httpx.Response:
        match method, parts:
            case "POST", ["workspaces", name, workspace, "extend"]:
                server = self._visible(caller, name).servers.get("" if workspace == "default" else workspace)
                if server is None:
                    raise Refusal(404, "There is no workspace of this name.")
                if not server.stops_soon:
                    raise Refusal(409, "Nothing is about to stop this workspace.")
                server.stops_soon = False
                return httpx.Response(200, json={"until": "2026-03-01T15:20:00+00:00"})
            case "GET", ["capacity", "forecast"]:
                return httpx.Response(200, json={"forecasts": self.forecasts})
        raise Refusal(404, None)

    def _groups(self, method: str, caller: FakeUser, parts: list[str], body: Any) -> httpx.Response:
        self._only_admin(caller)
        name, *rest = parts
        if rest and name not in self.teams:
            raise Refusal(404, f"No such group: {name}")
        for user in body.get("users", ()):
            if user not in self.users:
                raise Refusal(400, f"No such user: {user}")
        match method, rest:
            case "POST", []:
                if name in self.teams:
                    raise Refusal(409, f"Group {name} already exists")
                self.teams[name] = FakeTeam(users=body["users"])
            case "PUT", ["properties"]:
                self.teams[name].properties = body
            case "POST", ["users"]:
                team = self.teams[name]
                team.users += [user for user in body["users"] if user not in team.users]
        team = self.teams[name]
        model = {"kind": "group", "name": name, "users": team.users, "properties": team.properties}
        return httpx.Response(200, json=model)

    # -- the services' API

    def _service(self, request: httpx.Request, path: str) -> httpx.Response:
        if self.services_are_away:  # what configurable-http-proxy says for a target that does not answer
            return httpx.Response(503, html="<html>Service Unavailable</html>")
        if path == "health":
            return httpx.Response(200, json={"status": "ok", "version": "0.1.0"})
        if path in {"expectations", "starts"}:
            if request.headers.get("authorization") != f"token {self.hub_token}":
                raise Refusal(403, "This address is for the hub itself.")
            if path == "starts":
                self.recorded.append(json.loads(request.content))
                return httpx.Response(201, json={})
            return httpx.Response(200, json={"accuracy": self.accuracy})
        caller = self._caller(request)
        if caller is None:
            raise Refusal(403, "Sign in, or send a token that has the scope access:services!service=studiolo.")
        if path.startswith("credentials"):
            body = json.loads(request.content) if request.content else {}
            parts = [unquote(part) for part in path.split("/")[1:]]
            team = body.get("team") or request.url.params.get("team")
            return self._credentials(request.method, self._owner(request.method, caller.name, team), parts, body)
        _, owner, shown, _ = (unquote(part) for part in path.split("/"))
        server = self.users[owner].servers.get("" if shown == "default" else shown)
        if caller.name != owner or server is None or server.log is None:
            raise Refusal(404, f'You have no workspace "{shown}" that has printed anything.')
        return httpx.Response(200, text=server.log)

    def _seen_by(self, owner: str) -> list[Json]:
        """Those of a person and of their teams, or of one team."""
        teams = [f"team/{name}" for name in sorted(self.teams) if owner in self.teams[name].users]
        return [self.credentials[key] for one in (owner, *teams) for key in sorted(self.credentials) if key[0] == one]

    def _owner(self, method: str, caller: str, team: str | None) -> str:
        if not team:
            return caller
        if caller not in self.teams[team].users:
            raise Refusal(404, f'You are in no team "{team}".')
        if method != "GET" and caller not in self.teams[team].properties["leads"]:
            raise Refusal(403, f'Only who leads the team "{team}" may change its credentials.')
        return f"team/{team}"

    def _credentials(self, method: str, owner: str, parts: list[str], body: Json) -> httpx.Response:
        mine = {name: kept for (person, name), kept in self.credentials.items() if person == owner}
        match method, parts:
            case "GET", []:
                return httpx.Response(200, json={"credentials": list(map(_credential_view, self._seen_by(owner)))})
            case "POST", []:
                if body["name"] in mine:
                    raise Refusal(400, "name: you have a credential of this name. Rotate it, or remove it first.")
                self.credentials[owner, body["name"]] = body
                return httpx.Response(201, json=_credential_view(body))
            case _, [name, *_] if name not in mine:
                raise Refusal(404, f'You have no credential "{name}".')
            case "DELETE", [name]:
                del self.credentials[owner, name]
                return httpx.Response(204)
            case "POST", [name, "rotate"]:
                self.credentials[owner, name] = mine[name] | body
                return httpx.Response(200, json=_credential_view(mine[name]))
        raise Refusal(405, None)

    # -- who is who

    def _caller(self, request: httpx.Request) -> FakeUser | None:
        token = request.headers.get("authorization", "").removeprefix("token ")
        return self.users.get(self.tokens.get(token, ""))

    def _only_admin(self, caller: FakeUser) -> None:
        if not caller.admin:
            raise Refusal(403, "Action is not authorized with current scopes; requires any of [admin:users]")

    def _visible(self, caller: FakeUser, name: str) -> FakeUser:
        if name not in self.users or (name != caller.name and not caller.admin):
            raise Refusal(404, "No access to resources or resources not found")
        return self.users[name]

    def _user_json(self, user: FakeUser, *, with_servers: bool = False) -> Json:
        groups = [name for name, team in self.teams.items() if user.name in team.users]
        model: Json = {"kind": "user", "name": user.name, "admin": user.admin, "groups": groups, "roles": ["user"]}
        if with_servers:
            model["servers"] = {name: server.as_json(user.name) for name, server in user.servers.items()}
        return model
