"""Many people who start a workspace in the same moment, each watching the progress as a browser does."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

START_DEADLINE_SECONDS: Final = 300.0
STOP_DEADLINE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one person saw."""

    user: str
    accepted_seconds: float
    """Until the hub took the request, or refused it."""
    ready_seconds: float | None = None
    """Until the hub said that the server is ready; None where it never did."""
    reason: str = ""
    """Why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """People of one hub, and a token that may make them and stop their servers."""

    url: str
    token: str
    users: tuple[str, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    """What each of them chooses."""

    def _http(self, *, token: str = "") -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{self.url}/hub/api/",
            headers={"Authorization": f"token {token or self.token}"},
            timeout=START_DEADLINE_SECONDS,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def create_users(self) -> tuple[str, ...]:
        """Make all of them known to the hub, each with a token of their own."""
        async with self._http() as http:
            (await http.post("users", json={"usernames": list(self.users)})).raise_for_status()
            made = [await http.post(f"users/{user}/tokens", json={}) for user in self.users]
            return tuple(str(answer.raise_for_status().json()["token"]) for answer in made)

    async def start_all(self, tokens: tuple[str, ...]) -> tuple[Outcome, ...]:
        """All at once, each with their own token; returns when each is ready, or will not be."""
        async with AsyncExitStack() as clients:
            people = [await clients.enter_async_context(self._http(token=token)) for token in tokens]
            begin = time.perf_counter()
            starts = (_start(http, user, self.options, begin) for http, user in zip(people, self.users, strict=True))
            return tuple(await asyncio.gather(*starts))

    async def running(self) -> int:
        """How many of them have a server that is ready, by the hub's word."""
        async with self._http() as http:
            models = await asyncio.gather(*(http.get(f"users/{user}") for user in self.users))
        return sum(bool(model.json()["servers"].get("", {}).get("ready")) for model in models)

    async def stop_all(self) -> int:
        """End all servers; how many are left when the patience for it is over."""
        end = time.monotonic() + STOP_DEADLINE_SECONDS
        async with self._http() as http:
            left: Iterable[str] = self.users
            while time.monotonic() < end:
                # Asked again and again: a hub refuses to stop what it still starts.
                await asyncio.gather(*(http.delete(f"users/{user}/server") for user in left))
                models = await asyncio.gather(*(http.get(f"users/{user}") for user in left))
                left = [model.json()["name"] for model in models if model.json()["servers"]]
                if not left:
                    return 0
                await asyncio.sleep(1)
            return len(tuple(left))


async def _start(http: httpx.AsyncClient, user: str, options: Mapping[str, object], begin: float) -> Outcome:
    answer = await http.post(f"users/{user}/server", json={"user_options": dict(options)} if options else {})
    accepted = time.perf_counter() - begin
    if answer.status_code == httpx.codes.CREATED:
        return Outcome(user=user, accepted_seconds=accepted, ready_seconds=accepted)
    if answer.status_code != httpx.codes.ACCEPTED:
        reason = f"{answer.status_code} {answer.text[:200]}"
        return Outcome(user=user, accepted_seconds=accepted, reason=reason)
    try:
        async with asyncio.timeout(START_DEADLINE_SECONDS):
            reason = await _watch(http, user)
    except (TimeoutError, httpx.TransportError) as error:
        reason = repr(error)
    ready = None if reason else time.perf_counter() - begin
    return Outcome(user=user, accepted_seconds=accepted, ready_seconds=ready, reason=reason)


async def _watch(http: httpx.AsyncClient, user: str) -> str:
    """Returns when the server is ready; the reason where it does not become so."""
    async with http.stream("GET", f"users/{user}/server/progress") as stream:
        async for line in stream.aiter_lines():
            event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if event.get("ready"):
                return ""
            if event.get("failed"):
                return str(event.get("message"))
    return "the hub stopped telling before the server was ready"
