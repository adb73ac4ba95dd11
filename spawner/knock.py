"""A claim knocks first: nobody's pod is touched before the agent of its node has answered.

What comes to nothing here has cost some time and no pod, and the start goes the normal way. Whoever vanishes after the
knock costs the pod, too (docs/claims.md).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp

from spawner.knock_rules import Knocked, after_knocks, said_by
from spawner.nearby import answer_or_connection, is_fresh

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from typing import Any

    from spawner.claim_rules import Miss

KNOCK_SECONDS: Final = 0.16
"""For an agent's answer, or for its port to take a connection. What a claim that comes to nothing costs a start stays
below 0.3 s with that. An answer over a connection that is open takes some milliseconds.

Many starts at once make no misses of it, however long an answer or a handshake takes then: they share one knock,
whoever was heard of in the last second needs none, an agent that is busy counts as there, and a time in which this hub
is busy itself does not count (`spawner/nearby.py`)."""


def settled(knocked: Knocked) -> asyncio.Future[Knocked]:
    """An answer that is known already."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(knocked)
    return future


class Ask(Protocol):
    """Asks one agent, by its URL."""

    def __call__(self, address: str, *, with_broker: bool) -> Coroutine[Any, Any, int]:
        """The status of its answer, whenever that comes. May raise aiohttp.ClientError and OSError."""


class Knocks:
    """All of a hub. Whoever asks while one stands at a door shares its answer."""

    def __init__(self, ask: Ask) -> None:
        """Has heard of nobody."""
        self._ask = ask
        self._heard: dict[tuple[str, bool], float] = {}
        """By address, when an agent last answered anything; and with True, when a broker answered it."""
        self._going: dict[tuple[str, bool], asyncio.Task[Knocked]] = {}

    def heard(self, address: str, *, with_broker: bool = False) -> None:
        """It has just answered something; `with_broker`: and had an answer of the broker."""
        now = asyncio.get_running_loop().time()
        # Agents come and go with their addresses: what counts no more is forgotten.
        fresh = {key: at for key, at in self._heard.items() if is_fresh(at, now=now)}
        self._heard = fresh | {(address, asked): now for asked in {False, with_broker}}

    def at(self, address: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        """Begins one, if it takes one. `with_broker`: there is nobody unless the broker answers, too."""
        key = (address, with_broker)
        if is_fresh(self._heard.get(key), now=asyncio.get_running_loop().time()):
            return settled(Knocked.THERE)
        if key not in self._going:
            self._going[key] = asyncio.ensure_future(self._knock(address, with_broker=with_broker))
            self._going[key].add_done_callback(lambda _: self._going.pop(key))
        return self._going[key]

    async def close(self) -> None:
        """Waits for none any more."""
        going = tuple(self._going.values())
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    async def _knock(self, address: str, *, with_broker: bool) -> Knocked:
        asking = self._ask(address, with_broker=with_broker)
        try:
            status = await answer_or_connection(asking, address, seconds=KNOCK_SECONDS)
        except (aiohttp.ClientError, OSError):  # TimeoutError is one
            return Knocked.AWAY
        knocked = said_by(status)
        if knocked is not Knocked.AWAY:
            self.heard(address, with_broker=with_broker and knocked is Knocked.THERE and status is not None)
        return knocked


class Knockable(Protocol):
    """Whoever knows the agents."""

    def knock(self, node: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        """Begins to knock at the agent of that node, or says at once what is known. It ends by itself."""


class Knock:
    """Of one start, at the agents of several nodes."""

    def __init__(self, agents: Knockable, *, with_broker: bool) -> None:
        """Knocks at none yet."""
        self._agents = agents
        self._with_broker = with_broker
        self._answers: dict[str, asyncio.Future[Knocked]] = {}

    async def reached(self, nodes: Iterable[str]) -> frozenset[str] | Miss:
        """Those of these nodes whose agents have answered, as soon as there is one; or why none will. A start knocks
        once at each.
        """
        asked = {node: self._answer(node) for node in nodes}
        while (decided := after_knocks({node: _said(answer) for node, answer in asked.items()})) is None:
            await asyncio.wait(
                {answer for answer in asked.values() if not answer.done()}, return_when=asyncio.FIRST_COMPLETED
            )
        return decided

    def _answer(self, node: str) -> asyncio.Future[Knocked]:
        if node not in self._answers:
            self._answers[node] = self._agents.knock(node, with_broker=self._with_broker)
        return self._answers[node]


def _said(answer: asyncio.Future[Knocked]) -> Knocked | None:
    """A door that was closed meanwhile is nobody's."""
    if not answer.done():
        return None
    return Knocked.AWAY if answer.cancelled() else answer.result()
