"""What the hub knows of earlier starts, whether the services process answers or not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hub.capacity.stage_times import PRIORS
from hub.starts.history import FRESH, LIMIT, MAX_UNSENT, StartHistory
from spawner.stages import Stage
from studiolo.client import Studiolo
from studiolo.wire import StartRecord

A_START = StartRecord(
    user="alice",
    server="",
    environment="python",
    hardware="small",
    environment_digest="d1",
    phases={"server": 2.0},
    outcome="ready",
    started_at=datetime(2026, 5, 1, tzinfo=UTC),
)


class FakeServices:
    """A services process that works, hangs, breaks or talks nonsense."""

    def __init__(self) -> None:
        self.stages: list[Any] = [{"stage": "server", "usual": 2.0, "slow": 2.0, "slowest": 2.0, "weight": 3.0}]
        self.received: list[StartRecord] = []
        self.asked = 0
        self.was_asked = asyncio.Event()
        self.trouble: Callable[[], httpx.Response] | None = None
        self.hangs = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "token the-hub-token"
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            return self.trouble()
        if request.method == "POST":
            self.received.append(StartRecord.model_validate_json(request.content))
            return httpx.Response(201)
        self.asked += 1
        self.was_asked.set()
        return httpx.Response(200, json={"stages": self.stages, "claims": {"starts": 7}})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def services_fake() -> FakeServices:
    return FakeServices()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def history(services_fake: FakeServices, clock: Clock) -> AsyncIterator[StartHistory]:
    transport = httpx.MockTransport(services_fake)
    limit = LIMIT.total_seconds()
    async with Studiolo("http://127.0.0.1:8003", "the-hub-token", timeout=limit, transport=transport) as client:
        yield StartHistory(client, log=logging.getLogger("test"), clock=clock)


def usual(history: StartHistory) -> float:
    """Seconds that a server takes to start, as far as is known."""
    return history.stage_times.of(Stage.SERVER, digest="d1", environment="python", hardware="small").usual


def refuses_connections() -> httpx.Response:
    raise httpx.ConnectError("connection refused")


TROUBLES = [
    pytest.param(refuses_connections, id="away"),
    pytest.param(lambda: httpx.Response(500), id="broken"),
    pytest.param(lambda: httpx.Response(403), id="refuses our token"),
    pytest.param(lambda: httpx.Response(200, text="<html>"), id="talks nonsense"),
    pytest.param(lambda: httpx.Response(200, json={"stages": "x"}), id="talks other words"),
]


async def test_the_first_question_is_answered_at_once_with_nothing(history: StartHistory) -> None:
    assert usual(history) == PRIORS[Stage.SERVER].usual


async def test_the_answer_is_there_for_the_next_who_ask(history: StartHistory) -> None:
    await history.talk_once()
    assert usual(history) == 2.0
    assert (history.accuracy.starts, history.claims_accuracy.starts) == (0, 7)
    assert not history.is_away


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_in_trouble_the_last_answer_stays_and_pages_can_say_so(
    history: StartHistory, services_fake: FakeServices, trouble: Callable[[], httpx.Response]
) -> None:
    await history.talk_once()
    services_fake.trouble = trouble
    await history.talk_once()
    assert history.is_away
    assert usual(history) == 2.0
    services_fake.trouble = None
    await history.talk_once()
    assert not history.is_away


@pytest.mark.looptime
async def test_a_services_process_that_hangs_is_given_up_after_300_ms(
    history: StartHistory, services_fake: FakeServices, looptime: float
) -> None:
    services_fake.hangs = True
    await history.talk_once()
    assert looptime == pytest.approx(0.3, abs=0.01)
    assert history.is_away


async def test_trouble_is_logged_once_and_its_end_too(
    history: StartHistory, services_fake: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "test")
    services_fake.trouble = refuses_connections
    for _ in range(3):
        await history.talk_once()
    services_fake.trouble = None
    await history.talk_once()
    assert [record.levelname for record in caplog.records if record.name == "test"] == ["WARNING", "INFO"]


async def test_a_start_is_sent_and_sent_once(history: StartHistory, services_fake: FakeServices) -> None:
    history.record(A_START)
    await history.talk_once()
    await history.talk_once()
    assert services_fake.received == [A_START]


async def test_starts_wait_for_a_services_process_that_is_away(
    history: StartHistory, services_fake: FakeServices
) -> None:
    services_fake.trouble = refuses_connections
    history.record(A_START)
    await history.talk_once()
    services_fake.trouble = None
    await history.talk_once()
    assert services_fake.received == [A_START]


async def test_not_more_starts_wait_than_memory_should_hold(history: StartHistory, services_fake: FakeServices) -> None:
    for _ in range(2 * MAX_UNSENT):
        history.record(A_START)
    await history.talk_once()
    assert len(services_fake.received) == MAX_UNSENT


async def test_a_start_that_is_refused_does_not_block_the_next(
    history: StartHistory, services_fake: FakeServices
) -> None:
    history.record(A_START)
    services_fake.trouble = lambda: httpx.Response(400, json={"status": 400, "message": "not a start"})
    await history.talk_once()
    services_fake.trouble = None
    await history.talk_once()
    assert services_fake.received == []


async def test_the_background_asks_when_somebody_wants_to_know_and_not_more_often_than_needed(
    history: StartHistory, services_fake: FakeServices, clock: Clock
) -> None:
    async def until_asked(times: int) -> None:
        async with asyncio.timeout(5):
            while services_fake.asked < times:
                services_fake.was_asked.clear()
                await services_fake.was_asked.wait()

    running = asyncio.create_task(history.run())
    await until_asked(1)
    for _ in range(100):
        assert history.stage_times
        await asyncio.sleep(0)
    assert services_fake.asked == 1
    clock.now += FRESH.total_seconds()
    assert history.stage_times
    await until_asked(2)
    running.cancel()


async def test_what_is_sent_is_what_the_wire_declares(history: StartHistory, services_fake: FakeServices) -> None:
    history.record(A_START)
    await history.talk_once()
    assert json.loads(services_fake.received[0].model_dump_json())["phases"] == {"server": 2.0}
