"""The one door to the network: a call goes out, and either a checked value or one of our errors comes back."""

from __future__ import annotations

import asyncio
import json
import os
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from studiolo import __version__
from studiolo.client_errors import (
    Busy,
    ClientError,
    HubAway,
    HubFault,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    ServiceAway,
    UnexpectedAnswer,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from typing import IO

Model = TypeVar("Model", bound=BaseModel)

LARGEST_EVENT_BYTES = 1024 * 1024
"""A progress event has a few hundred bytes; what sends this much without a line's end is not a hub."""

STREAM_SILENCE_SECONDS = 30.0
"""The hub sends an empty line every 8 s while a workspace starts. Silence for longer means that nobody is there."""

_UNKNOWN_TOKEN = "Missing or invalid credentials"  # noqa: S105 - the hub's sentence, not a secret
"""JupyterHub says 403 to unknown tokens and to missing rights alike; only its words differ."""

_LACKS_SCOPE = re.compile(r"Action is not authorized with current scopes; requires any of \[(?P<scopes>[^\]]+)\]")
"""JupyterHub's sentence for a missing right, which speaks to programmers."""


class Door:
    """Calls below one address, all with the same token."""

    def __init__(
        self, http: httpx.AsyncClient, *, base: str, where: str, who: str, away: type[HubAway | ServiceAway]
    ) -> None:
        """`base` begins every address called; in sentences it is `where`, and whoever answers there `who` ("The hub").

        `away` is raised when nobody answers.
        """
        self._http = http
        self._base = base
        self._where = where
        self._who = who
        self._away = away

    async def call(
        self, method: str, path: str, into: type[Model], *, body: object = None, seconds: float, **query: str
    ) -> Model:
        """The answer, checked. `body` is sent as JSON unless it is None."""
        response = await self._send(method, path, body=body, seconds=seconds, query=query)
        return self._checked(self._json(response), into)

    async def tell(self, method: str, path: str, *, body: object = None, seconds: float) -> None:
        """A call whose answer has nothing to read."""
        await self._send(method, path, body=body, seconds=seconds, query={})

    async def send(
        self, path: str, into: type[Model], *, content: AsyncIterable[bytes], content_type: str, seconds: float
    ) -> Model:
        """The answer to a POST of any length, checked."""
        headers = {"Content-Type": content_type}
        response = await self._send("POST", path, seconds=seconds, query={}, content=content, headers=headers)
        return self._checked(self._json(response), into)

    async def save(self, path: str, target: IO[bytes], *, seconds: float) -> int:
        """An answer of any length, written where it belongs; how many bytes. `seconds`: the longest silence."""
        written = 0
        try:
            async with self._http.stream("GET", f"{self._base}{path}", timeout=httpx.Timeout(seconds)) as response:
                if not response.is_success:
                    await response.aread()
                    raise self._error(response)
                async for piece in response.aiter_bytes():
                    written += await asyncio.to_thread(target.write, piece)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._unreachable(error) from error
        return written

    async def text(self, path: str, *, seconds: float) -> str:
        """An answer of plain text."""
        response = await self._send("GET", path, body=None, seconds=seconds, query={})
        if _content_type(response) != "text/plain":
            raise self._foreign(f"{_content_type(response) or 'something'} instead of text")
        return response.content.decode("utf-8", "replace")

    async def events(self, path: str, into: type[Model]) -> AsyncGenerator[Model]:
        """The events of a stream (text/event-stream), until it ends."""
        timeout = httpx.Timeout(STREAM_SILENCE_SECONDS)
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._http.stream("GET", f"{self._base}{path}", timeout=timeout, headers=headers) as response:
                if response.status_code != HTTPStatus.OK:
                    await response.aread()
                    raise self._error(response)
                if _content_type(response) != "text/event-stream":
                    raise self._foreign(f"{_content_type(response) or 'something'} instead of events")
                async for data in self._event_data(response):
                    yield self._checked(self._parsed(data), into)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._unreachable(error) from error

    async def _event_data(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """What stands behind `data:`, event by event; an event ends with an empty line."""
        rest, data = b"", list[bytes]()
        async for chunk in response.aiter_bytes():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in (line.removesuffix(b"\r") for line in lines):
                if line.startswith(b"data:"):
                    data.append(line.removeprefix(b"data:").removeprefix(b" "))
                elif not line and data:
                    yield b"\n".join(data)
                    data = []
            if len(rest) + sum(map(len, data)) > LARGEST_EVENT_BYTES:
                raise self._foreign("an event without an end")

    async def _send(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        query: dict[str, str],
        body: object = None,
        content: AsyncIterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.request(
                    method,
                    f"{self._base}{path}",
                    params=query or None,
                    json=body,
                    content=content,
                    headers=headers,
                    timeout=seconds,
                )
        except TimeoutError as error:
            raise self._away(
                f"{self._who} at {self._where} did not answer within {seconds:g} s.",
                hint="Try again; if it stays, ask the administrator whether it runs.",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            raise self._error(response)
        return response

    def _unreachable(self, error: Exception) -> ClientError:
        if isinstance(error, httpx.DecodingError | httpx.RemoteProtocolError):
            return self._foreign("an answer that breaks off or cannot be decoded")
        if isinstance(error, httpx.TimeoutException):
            return self._away(
                f"{self._who} at {self._where} did not answer in time.",
                hint="Try again; if it stays, ask the administrator whether it runs.",
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return self._away(
                f"The certificate of {self._where} is not one that this machine trusts.",
                hint="Name your organisation's CA file in SSL_CERT_FILE.",
            )
        return self._away(
            f"{self._who} cannot be reached at {self._where} ({_reason(error)}).",
            hint="Is the address right, and does it run? On one machine: studiolo up",
        )

    def _error(self, response: httpx.Response) -> ClientError:
        status, said = response.status_code, _message(response)
        match status:
            case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
                return self._away(
                    said or f"{self._who} does not answer behind its proxy at {self._where}.",
                    hint="It may be starting. Try again in a few seconds.",
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return Busy(
                    said or f"{self._who} is busy.", retry_after_seconds=_number(response.headers.get("retry-after"))
                )
            case _ if response.is_redirect:
                target = response.headers.get("location", "elsewhere")
                return UnexpectedAnswer(
                    f"{self._where} sends us on to {target[:200]}, where our token must not follow by itself.",
                    hint="Sign in with the address that the browser shows in the end: studiolo login URL",
                )
            case _ if said is None:
                return self._foreign(f"status {status} without a message")
        return self._refusal(status, said, _offer(response))

    def _refusal(self, status: int, said: str, offer: dict[str, Any] | None) -> ClientError:
        is_unknown = status == HTTPStatus.FORBIDDEN and (not said or said.startswith(_UNKNOWN_TOKEN))
        if is_unknown or status == HTTPStatus.UNAUTHORIZED:
            return NotSignedIn(f"{self._who} does not know this token.")
        match status:
            case HTTPStatus.FORBIDDEN:
                return _not_allowed(said)
            case HTTPStatus.NOT_FOUND:
                return NotFound(said or f"{self._who} knows nothing of that name.")
            case HTTPStatus.BAD_REQUEST | HTTPStatus.CONFLICT | HTTPStatus.UNPROCESSABLE_ENTITY:
                return Refused(said or f"{self._who} refused this.", offer=offer)
            case HTTPStatus.INTERNAL_SERVER_ERROR:
                return HubFault(said, who=self._who)
        return self._foreign(f"status {status}")

    def _json(self, response: httpx.Response) -> object:
        if _content_type(response) != "application/json":
            raise self._foreign(f"{_content_type(response) or 'something'} instead of JSON")
        return self._parsed(response.content)

    def _parsed(self, data: bytes) -> object:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._foreign("JSON that breaks off or is broken") from error

    def _checked(self, value: object, into: type[Model]) -> Model:
        try:
            return into.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise self._foreign(f"an answer of another shape ({place}: {first['msg']})") from error

    def _foreign(self, what: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{self._where} answers, but not as {self._who[0].lower()}{self._who[1:]} does: it sent {what}.",
            hint="Is this the address of a Studiolo hub, and as new as this program?",
        )


def new_http(*, token: str, is_near: bool, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Connections that carry the token, and never follow a redirect with it."""
    headers = {"Accept": "application/json", "User-Agent": f"studiolo/{__version__}"}
    if token:
        headers["Authorization"] = f"token {token}"
    # A proxy server of the network cannot know what 127.0.0.1 means here, or a name inside a cluster.
    return httpx.AsyncClient(headers=headers, follow_redirects=False, trust_env=not is_near, transport=transport)


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _message(response: httpx.Response) -> str | None:
    """The sentence in an error's body, "" when it says no more than the status; None when this is no error of a hub."""
    try:
        body: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or "message" not in body:
        return None
    said = body["message"]
    if said is None:  # so says JupyterHub where nobody wrote a sentence
        return ""
    if not isinstance(said, str):
        return None
    return "" if said == response.reason_phrase or said == _phrase(response.status_code) else said.strip()


def _offer(response: httpx.Response) -> dict[str, Any] | None:
    """What the answer says would help."""
    offer = json.loads(response.content).get("offer")  # `_message` has read it
    return offer if isinstance(offer, dict) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _not_allowed(said: str) -> NotAllowed:
    lacks = _LACKS_SCOPE.match(said)
    return NotAllowed(
        f"This token may not do that: it lacks the right {lacks['scopes']}." if lacks else said,
        hint="Sign in with a token that may: studiolo login, or studiolo login --admin for administrators.",
    )


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None


def _reason(error: Exception) -> str:
    """Why a connection failed, in as few words as the system has for it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            # asyncio puts the whole address into strerror; names that do not resolve have negative numbers.
            return (os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or str(cause)).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
