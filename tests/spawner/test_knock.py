"""A claim knocks first: how long it waits, that many share one knock, and that nobody is asked twice for nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field

import aiohttp
import pytest

from spawner import knock, nearby
from spawner.claim_rules import Miss
from spawner.knock import KNOCK_SECONDS, Knock, Knocks, settled
from spawner.knock_rules import Knocked
from spawner.nearby import FRESH_SECONDS, SLICE_SECONDS, answer_or_connection
from tests.lost_packets import lost_packets

SLOW = 0.02
"""Of an answer."""


@dataclass
class Agents:
    """By address, the status that each answers with after a while; None: packets to it get lost."""

    answers: dict[str, int | None]
    asked: list[tuple[str, bool]] = field(default_factory=list)

    async def __call__(self, address: str, *, with_broker: bool) -> int:
        self.asked.append((address, with_broker))
        status = self.answers[address]
        await asyncio.sleep(SLOW if status else 3600)
        if status == 599:
            raise aiohttp.ClientConnectionError
        return status or 0


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_one_whose_packets_get_lost_is_away() -> None:
    with lost_packets() as port:
        url = f"https://127.0.0.1:{port}"
        async with asyncio.timeout(30):
            assert await Knocks(Agents({url: None})).at(url, with_broker=True) is Knocked.AWAY


async def test_one_that_is_busy_is_there_and_nobody_knows_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernel takes a connection, and it has no processor for an answer."""
    monkeypatch.setattr(knock, "KNOCK_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        url = f"https://127.0.0.1:{busy.getsockname()[1]}"
        agents = Agents({url: None})
        knocks = Knocks(agents)
        assert await knocks.at(url, with_broker=True) is Knocked.THERE
        assert await knocks.at(url, with_broker=False) is Knocked.THERE
        assert agents.asked == [(url, True)]


@pytest.mark.looptime
async def test_one_that_refuses_the_connection_is_away_at_once() -> None:
    began = now()
    assert await Knocks(Agents({"a": 599})).at("a", with_broker=False) is Knocked.AWAY
    assert now() - began < KNOCK_SECONDS / 2


@pytest.mark.looptime
async def test_ten_starts_at_once_are_one_knock_and_for_a_second_nobody_knocks_again() -> None:
    agents = Agents({"a": 204})
    knocks = Knocks(agents)
    assert set(await asyncio.gather(*(knocks.at("a", with_broker=False) for _ in range(10)))) == {Knocked.THERE}
    assert await knocks.at("a", with_broker=False) is Knocked.THERE
    assert agents.asked == [("a", False)]
    await asyncio.sleep(FRESH_SECONDS)
    assert await knocks.at("a", with_broker=False) is Knocked.THERE
    assert len(agents.asked) == 2


@pytest.mark.looptime
async def test_an_agent_that_was_heard_of_is_asked_for_the_broker_all_the_same() -> None:
    agents = Agents({"a": 502})
    knocks = Knocks(agents)
    knocks.heard("a")
    assert await knocks.at("a", with_broker=False) is Knocked.THERE
    assert await knocks.at("a", with_broker=True) is Knocked.NO_BROKER
    assert agents.asked == [("a", True)]
    agents.answers["a"] = 204
    assert await knocks.at("a", with_broker=True) is Knocked.THERE  # what was no answer is not remembered
    assert await knocks.at("a", with_broker=True) is Knocked.THERE
    assert agents.asked == [("a", True)] * 2


@pytest.mark.looptime
async def test_whoever_has_the_broker_s_answer_is_there_too() -> None:
    agents = Agents({"a": 204})
    knocks = Knocks(agents)
    assert await knocks.at("a", with_broker=True) is Knocked.THERE
    assert await knocks.at("a", with_broker=False) is Knocked.THERE
    assert agents.asked == [("a", True)]


@pytest.mark.looptime
async def test_an_answer_in_the_second_half_of_the_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:

    async def lost(_: str) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(nearby, "_connect", lost)
    began = now()

    async def answer(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "there"

    nobody = "https://192.0.2.1:1"
    assert await answer_or_connection(answer(0.075), nobody, seconds=0.1) == "there"
    with pytest.raises(TimeoutError):
        await answer_or_connection(answer(0.2), nobody, seconds=0.1)
    assert now() - began == pytest.approx(0.175)


async def test_a_hub_that_was_busy_itself_takes_nobody_for_away() -> None:
    """All that a knock may wait passes while this process does other things, and its answer lies there."""
    began = asyncio.Event()

    async def answer() -> str:
        began.set()
        await asyncio.sleep(SLICE_SECONDS / 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "there"

    waiting = asyncio.create_task(answer_or_connection(answer(), "https://192.0.2.1:1", seconds=0.2))
    await began.wait()
    time.sleep(0.3)  # noqa: ASYNC251 - the loop stands still
    assert await waiting == "there"


async def test_a_door_that_closes_waits_for_nobody() -> None:
    knocks = Knocks(Agents({"a": None}))
    knocked = knocks.at("a", with_broker=False)
    await asyncio.sleep(0)
    await knocks.close()
    assert knocked.cancelled()


@dataclass
class Nodes:
    """Knows what is said of each node, or will be."""

    said: dict[str, asyncio.Future[Knocked]]
    asked: list[str] = field(default_factory=list)

    def knock(self, node: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        assert with_broker
        self.asked.append(node)
        return self.said[node]


async def test_a_start_goes_on_with_the_first_answer_and_knocks_once_at_each_node() -> None:
    silent: asyncio.Future[Knocked] = asyncio.get_running_loop().create_future()
    nodes = Nodes({"a": silent, "b": settled(Knocked.THERE), "c": settled(Knocked.AWAY)})
    one = Knock(nodes, with_broker=True)
    assert await one.reached(("a", "b", "c")) == {"b"}
    waiting = asyncio.create_task(one.reached(("a", "c")))
    await asyncio.sleep(0)
    assert not waiting.done()
    silent.set_result(Knocked.THERE)
    assert await waiting == {"a"}
    assert await one.reached(("c",)) is Miss.AGENT
    assert nodes.asked == ["a", "b", "c"]


async def test_a_knock_that_was_broken_off_was_answered_by_nobody() -> None:
    broken: asyncio.Future[Knocked] = asyncio.get_running_loop().create_future()
    broken.cancel()
    assert await Knock(Nodes({"a": broken}), with_broker=True).reached(("a",)) is Miss.AGENT
