"""The agent's way to the credential broker: TLS with certificates on both sides, its pod's token, two short tries."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from pydantic import ValidationError

from hub.credential_broker.question import BROKER_HOST, CREDENTIALS_PATH, HEALTH_PATH, Denied, Held, Question
from spawner.identity import Identity
from spawner.nearby import answer_or_connection, is_fresh

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spawner.identity import GivenCredentials

KNOCK_SECONDS: Final = 0.1
"""For an answer to a knock, or a connection: the agent's own answer has to arrive in 0.16 s (`spawner/knock.py`). Over
the connection that is kept open it takes some milliseconds."""

CONNECT_SECONDS: Final = 1.0
"""A broker that does not take a connection in this time is not there. It has answered a knock a moment before
(`KNOCK_SECONDS`), or vanished since."""

ANSWER_SECONDS: Final = 2.0
"""For the whole answer. It takes some milliseconds, and more where ten people start at the same moment. The hub waits
for three seconds, and then has to see the pod dead first."""

GREETING_SECONDS: Final = 10.0
"""For a greeting: nobody waits for it, and the connection that it makes is there for those who wait."""

KEPT_SECONDS: Final = 300
"""A connection stays open for as long, and a name is known: no claim waits for either, as agents greet each minute."""


class NoCredentials(Exception):
    """They cannot be had, or put where they belong. Its text names no value."""


class Broker(Protocol):
    """Whoever knows what a pod gets."""

    async def held(self, *, namespace: str, pod: str, pod_uid: str) -> Held:
        """What its Secrets hold now. Raises NoCredentials."""

    async def knock(self) -> None:
        """Whether it answers, at once. Raises NoCredentials."""

    async def greet(self) -> None:
        """Keeps a connection open. Raises NoCredentials."""


UNKNOWN: Final = "this agent was told of no credential broker"


class NoBroker:
    """An agent that was told of none."""

    async def held(self, *, namespace: str, pod: str, pod_uid: str) -> Held:  # noqa: ARG002 - the protocol's
        """Nothing, ever."""
        raise NoCredentials(UNKNOWN)

    async def knock(self) -> None:
        """Nobody is there."""
        raise NoCredentials(UNKNOWN)

    async def greet(self) -> None:
        """There is nobody."""

    async def close(self) -> None:
        """Nothing is open."""


NO_BROKER: Final = NoBroker()


class BrokerDoor:
    """The one broker of an installation."""

    def __init__(self, url: str, *, token: Path, certificate: Path, authority: Path) -> None:
        """`authority`: by which it knows the broker, a file. Raises OSError.

        `token`, a file: by which the broker knows the node. `certificate`: the agents', a folder.
        """
        self._url = url.rstrip("/")
        self._token = token
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._tls.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
        self._session: aiohttp.ClientSession | None = None
        self._heard: float | None = None
        """When it answered last as it should."""

    async def close(self) -> None:
        """Ends the connection."""
        if self._session is not None:
            await self._session.close()

    async def held(self, *, namespace: str, pod: str, pod_uid: str) -> Held:
        """See `Broker`. A connection that had ended meanwhile is made anew; a question changes nothing."""
        question = Question(namespace=namespace, pod=pod, pod_uid=pod_uid)
        body = question.model_dump_json().encode()
        shown = {"Authorization": f"Bearer {await self._own_token()}"}
        short = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
        return _read(*await self._insist("POST", CREDENTIALS_PATH, data=body, headers=shown, timeout=short))

    async def knock(self) -> None:
        """See `Broker`. One that was heard of lately is not asked."""
        if is_fresh(self._heard, now=asyncio.get_running_loop().time()):
            return
        try:
            await answer_or_connection(self.greet(), self._url, seconds=KNOCK_SECONDS)
        except OSError:  # TimeoutError is one
            raise NoCredentials("the credential broker does not answer a knock") from None

    async def greet(self) -> None:
        """See `Broker`."""
        patient = aiohttp.ClientTimeout(total=GREETING_SECONDS)
        status, _ = await self._insist("GET", HEALTH_PATH, timeout=patient)
        if status != HTTPStatus.OK:
            raise NoCredentials(f"the credential broker answers with status {status}")

    async def _own_token(self) -> str:
        """Read at each use: the kubelet writes another before this one is over. Raises NoCredentials."""
        try:
            return (await asyncio.to_thread(self._token.read_text)).strip()
        except OSError as error:
            raise NoCredentials(f"the agent's own token cannot be read: {error.strerror}") from None

    async def _insist(self, method: str, path: str, **asked: Any) -> tuple[int, bytes]:
        try:
            try:
                return await self._ask(method, path, **asked)
            except aiohttp.ServerDisconnectedError:
                return await self._ask(method, path, **asked)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoCredentials(f"the credential broker does not answer: {type(error).__name__}") from None

    async def _ask(self, method: str, path: str, **asked: Any) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_SECONDS, ttl_dns_cache=KEPT_SECONDS),
                headers={"Content-Type": "application/json"},
            )
        async with self._session.request(
            method, self._url + path, ssl=self._tls, server_hostname=BROKER_HOST, **asked
        ) as response:
            if response.status == HTTPStatus.OK:
                self._heard = asyncio.get_running_loop().time()
            return response.status, await response.read()


def _read(status: int, body: bytes) -> Held:
    try:
        if status == HTTPStatus.OK:
            return Held.model_validate_json(body)
        if status in {HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST}:
            raise NoCredentials(f"the credential broker gives nothing: {Denied.model_validate_json(body).why}")
    except ValidationError:
        raise NoCredentials(f"the credential broker's answer is none (status {status})") from None
    raise NoCredentials(f"the credential broker answers with status {status}")


def with_variables(identity: Identity, given: GivenCredentials, held: Held) -> Identity:
    """The identity with the variables that come from Secrets. Raises NoCredentials where one cannot be a variable.

    A Secret that is gone, or lacks a key, leaves its variables out: as in any pod, whose references are optional.
    """
    try:
        added = {
            name: held.secrets[secret.name][name].decode()
            for secret in given.secrets
            for name in secret.env
            if name in held.secrets.get(secret.name, {})
        }
        return Identity.model_validate({**identity.model_dump(), "env": {**identity.env, **added}})
    except ValueError:  # of pydantic, too
        raise NoCredentials("what a Secret holds cannot be a variable") from None


def files_of(given: GivenCredentials, held: Held) -> Mapping[str, bytes]:
    """What is in each file, by its place below /run/credentials; without those whose Secret is gone."""
    return {
        place: held.secrets[secret.name][key]
        for secret in given.secrets
        for place, key in secret.files.items()
        if key in held.secrets.get(secret.name, {})
    }
