"""How long the hub's word about a person counts, with it and without it: by a clock that the tests own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from workspace_server.hub_away import HubAway
from workspace_server.people import BELIEF_SECONDS, FRESH_SECONDS, LOOK_SECONDS, REMEMBERED_SECONDS, People

pytestmark = pytest.mark.looptime

ALICE = {"name": "alice"}
BOB = {"name": "bob"}
ANSWER_SECONDS = 5.0
MINUTES = 60.0


@dataclass
class Hub:
    """Knows people by their tokens; while it is away, a question takes its time and gets no answer."""

    people: dict[str, Mapping[str, Any]] = field(default_factory=lambda: {"a": ALICE, "b": BOB})
    is_away: bool = False
    questions: list[str] = field(default_factory=list)

    async def who(self, token: str) -> Mapping[str, Any] | None:
        self.questions.append(token)
        if self.is_away:
            await asyncio.sleep(ANSWER_SECONDS)
            raise HubAway
        return self.people.get(token)

    async def answers(self) -> bool:
        return not self.is_away


@dataclass
class Server:
    """Asks for people as a request does."""

    hub: Hub
    people: People

    async def who(self, token: str) -> Mapping[str, Any] | None:
        return await self.people.find(token, lambda: self.hub.who(token))


def virtual_time() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def server() -> Server:
    hub = Hub()
    return Server(hub=hub, people=People(hub_answers=hub.answers, clock=virtual_time))


async def test_the_hub_is_asked_once_in_five_minutes(server: Server) -> None:
    for _ in range(10):
        assert await server.who("a") == ALICE
        await asyncio.sleep(FRESH_SECONDS / 10 - 1)
    assert server.hub.questions == ["a"]
    await asyncio.sleep(FRESH_SECONDS)
    assert await server.who("a") == ALICE
    assert server.hub.questions == ["a", "a"]


async def test_somebody_the_hub_does_not_know_is_nobody(server: Server) -> None:
    assert await server.who("x") is None
    assert await server.who("x") is None
    assert server.hub.questions == ["x"]


async def test_f4_who_is_signed_in_keeps_working_while_the_hub_is_away_for_twenty_minutes(server: Server) -> None:
    await server.who("a")
    server.hub.is_away = True
    for _ in range(20 * 6):
        await asyncio.sleep(10)
        assert await server.who("a") == ALICE
    server.hub.is_away = False
    await asyncio.sleep(LOOK_SECONDS + ANSWER_SECONDS)
    assert await server.who("a") == ALICE
    assert not server.people.hub_is_away


async def test_f4_nobody_waits_twice_for_a_hub_that_is_away(server: Server) -> None:
    await server.who("a")
    await server.who("b")
    server.hub.is_away = True
    server.hub.questions.clear()
    await asyncio.sleep(FRESH_SECONDS + 1)
    await server.who("a")
    for _ in range(20 * 60):
        before = asyncio.get_running_loop().time()
        assert await server.who("a") == ALICE
        assert await server.who("b") == BOB
        assert asyncio.get_running_loop().time() == before
        await asyncio.sleep(1)
    assert server.hub.questions == ["a"]


async def test_f4_nobody_new_is_let_in_while_the_hub_is_away(server: Server) -> None:
    await server.who("a")
    server.hub.is_away = True
    await asyncio.sleep(FRESH_SECONDS + 1)
    await server.who("a")
    with pytest.raises(HubAway):
        await server.who("b")
    server.hub.is_away = False
    assert await server.who("b") == BOB, "asked at once, not only after the next look"


async def test_nobody_is_remembered_for_longer_than_four_hours(server: Server) -> None:
    await server.who("a")
    server.hub.is_away = True
    await asyncio.sleep(REMEMBERED_SECONDS - ANSWER_SECONDS - 1)
    assert await server.who("a") == ALICE
    await asyncio.sleep(2)
    with pytest.raises(HubAway):
        await server.who("a")


async def test_using_a_server_does_not_make_the_four_hours_longer(server: Server) -> None:
    await server.who("a")
    server.hub.is_away = True
    for _ in range(4 * 60 - 1):
        await asyncio.sleep(MINUTES)
        assert await server.who("a") == ALICE
    await asyncio.sleep(2 * MINUTES)
    with pytest.raises(HubAway):
        await server.who("a")


async def test_a_hub_that_answers_revokes_at_once(server: Server) -> None:
    await server.who("a")
    del server.hub.people["a"]
    await asyncio.sleep(FRESH_SECONDS + 1)
    assert await server.who("a") is None


async def test_a_right_revoked_meanwhile_ends_within_fifteen_seconds_of_the_hub_s_return(server: Server) -> None:
    await server.who("a")
    server.hub.is_away = True
    await asyncio.sleep(20 * MINUTES)
    assert await server.who("a") == ALICE
    del server.hub.people["a"]
    server.hub.is_away = False
    await asyncio.sleep(LOOK_SECONDS + ANSWER_SECONDS)
    assert await server.who("a") is None


async def test_who_was_refused_is_not_remembered_when_the_hub_goes_away(server: Server) -> None:
    await server.who("a")
    del server.hub.people["a"]
    await asyncio.sleep(FRESH_SECONDS + 1)
    assert await server.who("a") is None
    server.hub.is_away = True
    assert await server.who("a") is None
    await asyncio.sleep(FRESH_SECONDS + 1)
    with pytest.raises(HubAway):
        await server.who("a")


async def test_of_two_answers_that_cross_the_one_asked_for_later_counts(server: Server) -> None:
    async def slow() -> Mapping[str, Any]:
        await asyncio.sleep(3)
        return ALICE

    async def no() -> None:
        return None

    first = asyncio.create_task(server.people.find("a", slow))
    await asyncio.sleep(1)
    assert await server.people.find("a", no) is None
    assert await first is None
    assert await server.who("a") is None


async def test_a_refusal_counts_for_a_question_that_still_waits(server: Server) -> None:
    await server.who("a")
    await asyncio.sleep(FRESH_SECONDS + 1)

    async def no() -> None:
        return None

    async def too_late() -> None:
        await asyncio.sleep(ANSWER_SECONDS)
        raise HubAway

    waiting = asyncio.create_task(server.people.find("a", too_late))
    await asyncio.sleep(1)
    assert await server.people.find("a", no) is None
    with pytest.raises(HubAway):
        await waiting


async def test_where_nobody_looks_after_the_hub_its_absence_is_not_believed_for_long(server: Server) -> None:
    async def never() -> bool:
        await asyncio.Event().wait()
        return False

    people = People(hub_answers=never, clock=virtual_time)
    await people.find("a", lambda: server.hub.who("a"))
    server.hub.is_away = True
    await asyncio.sleep(FRESH_SECONDS + 1)
    await people.find("a", lambda: server.hub.who("a"))
    assert people.hub_is_away
    await asyncio.sleep(BELIEF_SECONDS)
    assert not people.hub_is_away


async def test_what_is_out_of_date_is_not_kept(server: Server) -> None:
    for number in range(100):
        await server.who(f"x{number}")
    await asyncio.sleep(REMEMBERED_SECONDS + 1)
    await server.who("a")
    assert list(server.people._answers) == ["a"]
