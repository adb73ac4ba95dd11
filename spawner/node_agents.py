"""The door to the agents of nodes, as the hub reaches them: HTTPS, by the address of their pods and one name."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from pydantic import ValidationError

from spawner.claim_rules import Answer, answer_of
from spawner.identity import (
    AGENT_HOST,
    AGENT_PORT,
    KNOCK_PATH,
    ORDERS_PATH,
    WITH_BROKER,
    Delivered,
    Refusal,
    Why,
)
from spawner.knock import Knockable, Knocks, settled
from spawner.knock_rules import Knocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from spawner.identity import Order
    from spawner.pod_watch import PodWatch

CONNECT_SECONDS: Final = 2.0
"""For an order's connection, where none is open that nobody else uses. Its agent has answered a knock a moment before,
so it is there, and so many start at once that handshakes take long. To turn away sooner would end a pod for each of
them, and make as many new ones on the busiest of all moments."""

GREET_SECONDS: Final = 10.0
"""Between two greetings. An agent knows for half a minute whose a token is, and greeted anew it asks in time."""

KEPT_SECONDS: Final = 60.0
"""For which a connection stays open: no claim waits for one, nor for its handshake."""

ORDER_SECONDS: Final = 8.0
"""For the answer. To give up means to end the pod and wait for its death, so it is rather long: until then an agent has
handed over what it ever will (`LATEST_SECONDS` in `hub/node_agent/actions.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What became of an order."""

    answer: Answer
    said: str = ""
    """For the log: nothing of anybody is in it."""
    left_out: tuple[str, ...] = ()
    """Folders of teams that are not there."""
    shows_no_numbers: bool = False
    """That node cannot show a home's numbers as others: it needs no such order again."""
    agent_ms: tuple[float, float, float] = (0, 0, 0)
    """Since the agent had the order: it was verified, mounted, delivered."""


class NodeAgents(Knockable, Protocol):
    """Whoever carries out orders."""

    async def give(self, order: Order, node: str) -> Given:
        """Has it carried out on that node. Called once for an order."""

    def is_on(self, node: str) -> bool:
        """Whether one is there, as far as is known."""


class AgentsDoor:
    """All agents of an installation."""

    def __init__(self, agents: PodWatch, *, folder: Path) -> None:
        """`folder`: with `token` and `ca.crt`, which change while the hub runs. Raises OSError where it lacks them."""
        self._agents = agents
        self._token = folder / "token"
        self._trusts = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        self._session: aiohttp.ClientSession | None = None
        self._knocks = Knocks(self._ask_knocking)

    async def close(self) -> None:
        """Ends the connections."""
        await self._knocks.close()
        if self._session is not None:
            await self._session.close()

    async def give(self, order: Order, node: str) -> Given:
        """See `NodeAgents`. An answer that was lost on the way is asked for once more: the same order, the same answer.

        Whatever a second time says other than that it was carried out: the first may have been.
        """
        address = self._address(node)
        if not address:
            return Given(answer=Answer.UNREACHED, said="no agent is known there")
        body = order.model_dump_json().encode()
        given = await self._ask(address, body, answer_of)
        if given.answer is Answer.UNSURE and given.said == DISCONNECTED:
            again = await self._ask(address, body, lambda _: Answer.UNSURE)
            given = again if again.answer is Answer.DELIVERED else given
        if given.answer is Answer.DELIVERED and order.credentials.secrets:
            self._knocks.heard(address, with_broker=True)
        return given

    def is_on(self, node: str) -> bool:
        """See `NodeAgents`."""
        return bool(self._address(node))

    def knock(self, node: str, *, with_broker: bool) -> asyncio.Future[Knocked]:
        """See `Knockable`."""
        address = self._address(node)
        return self._knocks.at(address, with_broker=with_broker) if address else settled(Knocked.AWAY)

    async def _ask_knocking(self, address: str, *, with_broker: bool) -> int:
        asked = {WITH_BROKER: ""} if with_broker else {}
        async with await self._request("GET", address + KNOCK_PATH, params=asked) as response:
            status: int = response.status
            return status

    def _address(self, node: str) -> str:
        found = (pod for pod in self._agents.pods() if pod.node == node and pod.phase == "Running" and pod.ip)
        ip = next((pod.ip for pod in found if not pod.is_deleting), "")
        return f"https://[{ip}]:{AGENT_PORT}" if ":" in ip else ip and f"https://{ip}:{AGENT_PORT}"

    async def keep_near(self, nodes: Callable[[], Iterable[str]]) -> None:
        """Greets the agents of these nodes for ever, so that an order finds an open connection and a known token."""
        while True:
            addresses = {self._address(node) for node in nodes()} - {""}
            await asyncio.gather(*(self._greet(address) for address in addresses))
            await asyncio.sleep(GREET_SECONDS)

    async def _greet(self, address: str) -> None:
        timeout = aiohttp.ClientTimeout(total=GREET_SECONDS)  # nobody waits for it
        with contextlib.suppress(aiohttp.ClientError, OSError):  # TimeoutError is one: an order finds out by itself
            async with await self._request("GET", address + ORDERS_PATH, timeout=timeout):
                self._knocks.heard(address)

    async def _request(self, method: str, url: str, **more: Any) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS)
            )
        token = (await asyncio.to_thread(self._token.read_text)).strip()
        return self._session.request(
            method,
            url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            ssl=self._trusts,
            server_hostname=AGENT_HOST,
            allow_redirects=False,  # it is sent there, and nowhere else
            **more,
        )

    async def _ask(self, address: str, body: bytes, meaning: Callable[[Why | None], Answer]) -> Given:
        patience = aiohttp.ClientTimeout(total=ORDER_SECONDS, sock_connect=CONNECT_SECONDS)
        try:
            async with await self._request("POST", address + ORDERS_PATH, data=body, timeout=patience) as response:
                self._knocks.heard(address)
                return _read(response.status, await response.read(), meaning)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Given(answer=Answer.UNREACHED, said=type(error).__name__)
        except aiohttp.ClientConnectionError:
            return Given(answer=Answer.UNSURE, said=DISCONNECTED)
        except (aiohttp.ClientError, TimeoutError) as error:
            return Given(answer=Answer.UNSURE, said=type(error).__name__)


DISCONNECTED: Final = "the connection was lost"


def _read(status: int, body: bytes, meaning: Callable[[Why | None], Answer]) -> Given:
    try:
        if status == HTTPStatus.OK:
            told = Delivered.model_validate_json(body)
            agent_ms = (told.verified_ms, told.mounted_ms, told.delivered_ms)
            return Given(answer=Answer.DELIVERED, left_out=told.left_out, agent_ms=agent_ms)
        if status in {HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST}:
            refusal = Refusal.model_validate_json(body)
            said = f"{refusal.why}: {refusal.message}"
            return Given(answer=meaning(refusal.why), said=said, shows_no_numbers=refusal.why is Why.NUMBERS)
    except ValidationError:
        return Given(answer=Answer.UNSURE, said="its answer is none")
    # Who is refused before the order was read: token, size, or nobody says whose the token is.
    is_before = status in {HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE}
    return Given(answer=meaning(None) if is_before else Answer.UNSURE, said=f"status {status}")
