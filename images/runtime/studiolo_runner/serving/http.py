"""HTTP/1.1 as a server of JSON needs it: keep-alive, pipelined requests, bodies by length or in chunks, limits.

Source: RFC 9110 and 9112. What could be read in two ways (both a length and chunks, two lengths, a bare line feed in a
header) is refused, so that nothing in front of us and we can disagree about where a request ends.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

LARGEST_HEAD = 32 * 1024
LARGEST_CHUNK_LINE = 256
MOST_WAITING = 64
"""Requests of one connection that wait for their turn; then no more is read from it."""


@dataclass(frozen=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    keeps_alive: bool


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    closes: bool = False


def json_response(content: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(content, ensure_ascii=False, allow_nan=False).encode())


class BadRequest(Exception):
    """A request that cannot be understood; the connection ends with the answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Parser:
    """Takes bytes as they come, gives requests."""

    def __init__(self, *, largest_body: int) -> None:
        self._largest_body = largest_body
        self._buffer = bytearray()
        self._head: Request | None = None
        self._length = 0
        self._is_chunked = False
        self._chunks = bytearray()
        self.wants_continue = False
        """Whether the sender waits for leave to send the body."""

    def feed(self, data: bytes) -> None:
        """More bytes."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request; None where more bytes are needed. Raises BadRequest."""
        if self._head is None and not self._read_head():
            return None
        head = self._head
        if head is None:
            return None
        body = self._read_chunks() if self._is_chunked else self._read_body()
        if body is None:
            return None
        self._head, self.wants_continue = None, False
        return Request(head.method, head.path, head.headers, body, head.keeps_alive)

    def _read_head(self) -> bool:
        while self._buffer.startswith(b"\r\n"):  # allowed before a request
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
            return False
        if end > LARGEST_HEAD:
            raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, path, version = _request_line(lines[0])
        headers = _headers(lines[1:])
        if version == "HTTP/1.1" and "host" not in headers:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "There is no Host header.")
        connection = headers.get("connection", "").lower()
        keeps = "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection
        self._head = Request(method, path, headers, b"", keeps)
        self._begin_body(headers, version)
        return True

    def _begin_body(self, headers: Mapping[str, str], version: str) -> None:
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None and (length is not None or coding.lower() != "chunked" or version != "HTTP/1.1"):
            raise BadRequest(HTTPStatus.BAD_REQUEST, "How long the body is can be read in two ways.")
        if length is not None and not (length.isascii() and length.isdecimal()):
            raise BadRequest(HTTPStatus.BAD_REQUEST, "The length of the body is no number.")
        self._is_chunked = coding is not None
        self._length = int(length) if length is not None else 0
        self._chunks = bytearray()
        self._check_size(self._length)
        self.wants_continue = headers.get("expect", "").lower() == "100-continue"

    def _check_size(self, size: int) -> None:
        if size > self._largest_body:
            raise BadRequest(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {self._largest_body} bytes."
            )

    def _read_body(self) -> bytes | None:
        if len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return body

    def _read_chunks(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n", 0, LARGEST_CHUNK_LINE)) >= 0:
            text = bytes(self._buffer[:end]).partition(b";")[0].strip()
            if not text or text.strip(b"0123456789abcdefABCDEF"):
                raise BadRequest(HTTPStatus.BAD_REQUEST, "A chunk of the body has no length.")
            size = int(text, 16)
            self._check_size(len(self._chunks) + size)
            if size == 0:
                return self._read_trailer(end)
            if len(self._buffer) < end + size + 4:
                return None
            if self._buffer[end + 2 + size : end + 4 + size] != b"\r\n":
                raise BadRequest(HTTPStatus.BAD_REQUEST, "A chunk of the body is longer than it says.")
            self._chunks += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + 4 + size]
        if len(self._buffer) > LARGEST_CHUNK_LINE:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "A chunk of the body has no length.")
        return None

    def _read_trailer(self, end: int) -> bytes | None:
        # What may follow the last chunk is of no use to us, and ends with an empty line.
        closing = self._buffer.find(b"\r\n\r\n", end)
        if closing < 0:
            if len(self._buffer) - end > LARGEST_HEAD:
                raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The trailer is too large.")
            return None
        del self._buffer[: closing + 4]
        return bytes(self._chunks)


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0].isalpha() or parts[2] not in {"HTTP/1.0", "HTTP/1.1"}:  # noqa: PLR2004 - as the RFC has it
        raise BadRequest(HTTPStatus.BAD_REQUEST, "This is no request of HTTP/1.1.")
    target = parts[1]
    if target.startswith(("http://", "https://")):
        target = "/" + target.partition("://")[2].partition("/")[2]
    return parts[0], unquote(target.partition("?")[0]), parts[2]


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line or "\0" in line:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "A header cannot be read.")
        key = name.lower()
        if key in headers and key in {"content-length", "transfer-encoding", "host"}:
            raise BadRequest(HTTPStatus.BAD_REQUEST, f"There are two {name} headers.")
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers


Answer = "Callable[[Request], Awaitable[Response]]"

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """One connection: requests are answered in their order, one at a time."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]], *, largest_body: int, server: Any) -> None:
        self._answer = answer
        self._server = server
        self._parser = Parser(largest_body=largest_body)
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Request] = []
        self._task: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self._task is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has come."""
        self._transport = transport  # type: ignore[assignment]  # of a stream
        self._server.opened(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """And gone."""
        self._may_write.set()
        self._waiting.clear()
        self._server.closed(self)

    def pause_writing(self) -> None:
        """Whoever is there reads more slowly than we write."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of several."""
        self._parser.feed(data)
        try:
            while (request := self._parser.next()) is not None:
                self._waiting.append(request)
        except BadRequest as bad:
            self._write(json_response({"error": str(bad)}, bad.status), closes=True)
            self.close()
            return
        if self._parser.wants_continue and self._transport is not None:
            self._parser.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self._waiting) > MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()
        if self._waiting and self._task is None:
            self._task = asyncio.ensure_future(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                request = self._waiting.pop(0)
                response = await self._answer(request)
                closes = response.closes or not request.keeps_alive or self._server.is_draining
                self._write(response, closes=closes, is_head=request.method == "HEAD")
                await self._may_write.wait()
                if closes:
                    self.close()
                    return
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        finally:
            self._task = None

    def _write(self, response: Response, *, closes: bool, is_head: bool = False) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, '')}\r\n"
            f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n"
            f"{'Connection: close' if closes else 'Connection: keep-alive'}\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1") + (b"" if is_head else response.body))

    def close(self) -> None:
        """Once what was written has gone out."""
        if self._transport is not None:
            self._transport.close()
