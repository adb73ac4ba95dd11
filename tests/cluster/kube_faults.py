"""Ways in which an API server, or the way to it, misbehaves: each a named object for `in_between`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, and the way on."""

    request: web.Request
    lifted: asyncio.Event
    """The fault that it met is over."""
    pass_on: Callable[[], Awaitable[web.StreamResponse]]

    @property
    def what(self) -> str:
        """Verb and resource: `list pods`, `create secrets`, `get pods/log`."""
        parts = self.request.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            parts = parts[2:]
        resource, is_named = "/".join(parts[::2]), len(parts) > 1
        if self.request.method == "GET" and not is_named:
            verb = "watch" if self.request.query.get("watch") in {"true", "1"} else "list"
        else:
            verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[self.request.method]
        return f"{verb} {resource}"

    async def hang_up(self) -> web.StreamResponse:
        """No answer: the connection is reset."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=500)


class Fault:
    """None: every question is passed on. Others say what is different."""

    refuses = False
    """Nobody listens, and all connections are reset."""
    mutes_watches = False
    """Nothing more comes from the watches that are open, and nobody closes them."""
    ends_watches = False
    """The watches that are open are reset."""

    async def answer(self, question: Question) -> web.StreamResponse:
        """What is answered."""
        return await question.pass_on()


class Away(Fault):
    """The API server is not there."""

    refuses = True


class Hangs(Fault):
    """It takes every question, and answers none until the fault is over; what was asked then is lost."""

    mutes_watches = True

    async def answer(self, question: Question) -> web.StreamResponse:
        await question.lifted.wait()
        return await question.hang_up()


class WatchesCutSilently(Fault):
    """A router forgot the connections: nothing comes, nobody says so. New ones work."""

    mutes_watches = True


@dataclass
class Hides(Fault):
    """Somebody has no right to these."""

    resources: frozenset[str]

    async def answer(self, question: Question) -> web.StreamResponse:
        if question.what.rpartition(" ")[2] in self.resources:
            return _status(403, "Forbidden", "no such right")
        return await question.pass_on()


@dataclass
class Forgetful(Fault):
    """It has forgotten where each watch was: 410, once for each kind of object."""

    ends_watches = True
    met: set[str] = field(default_factory=set)

    async def answer(self, question: Question) -> web.StreamResponse:
        what = question.what
        if what.startswith("watch ") and what not in self.met:
            self.met.add(what)
            return _status(410, "Expired", "too old resource version")
        return await question.pass_on()


@dataclass
class EmptyLists(Forgetful):
    """It has forgotten too what there is: every list is 200, with a good version, and empty."""

    async def answer(self, question: Question) -> web.StreamResponse:
        response = await super().answer(question)
        if question.what.startswith("list ") and isinstance(response, web.Response) and response.status == 200:
            found: dict[str, Any] = json.loads(response.body or b"{}")  # type: ignore[arg-type]  # it was made of bytes
            found["items"] = []
            found["metadata"].pop("continue", None)
            found["metadata"].pop("remainingItemCount", None)
            return web.json_response(found)
        return response


@dataclass
class Throttles(Fault):
    """It has too much to do."""

    retry_after: int = 1
    ends_watches = True

    async def answer(self, question: Question) -> web.StreamResponse:
        response = _status(429, "TooManyRequests", "too many requests, please try again later")
        response.headers["Retry-After"] = str(self.retry_after)
        return response


@dataclass
class LosesTheAnswer(Fault):
    """It does what it is asked, and the first answer of that kind never arrives."""

    what: str
    """As `create pods`."""
    lost: int = 0

    async def answer(self, question: Question) -> web.StreamResponse:
        response = await question.pass_on()
        if question.what == self.what and not self.lost:
            self.lost += 1
            return await question.hang_up()
        return response


@dataclass
class AnswersTooLate(LosesTheAnswer):
    """The same, and the hub waits for the answer until its patience is over."""

    async def answer(self, question: Question) -> web.StreamResponse:
        response = await question.pass_on()
        if question.what == self.what and not self.lost:
            self.lost += 1
            await question.lifted.wait()
            return await question.hang_up()
        return response


@dataclass
class Kills(Fault):
    """Whoever asks this is killed as it asks: before the server has heard of it, or just after it has done it."""

    what: str
    is_after: bool
    kill: Callable[[], None]
    killed: int = 0

    async def answer(self, question: Question) -> web.StreamResponse:
        if self.killed or question.what != self.what:
            return await question.pass_on()
        self.killed += 1
        if not self.is_after:
            self.kill()
            return await question.hang_up()
        response = await question.pass_on()
        self.kill()
        return response


def _status(status: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "reason": reason, "message": message, "code": status}
    return web.json_response(body, status=status)
