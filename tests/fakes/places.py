"""A small HTTP server for tests, with or without TLS: what one place on the network says to each question."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, as a place looks at it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said to it."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Place(ThreadingHTTPServer):
    """Answers until its block ends. A subclass says what."""

    daemon_threads = True

    def __init__(self, address: str, *, certificate: Path | None = None) -> None:
        """`certificate`: a folder with `server.pem` and `server.key`; without one it speaks plain HTTP."""
        super().__init__((address, 0), _Handler)
        self.host = f"{address}:{self.server_address[1]}"
        self.url = f"{'http' if certificate is None else 'https'}://{self.host}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "server.pem", certificate / "server.key")
            # The handshake is the handler's: nobody who is slow with theirs keeps others from being accepted.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def answer(self, question: Question) -> Answer:
        """What it says."""
        raise NotImplementedError

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """For the time of a test."""
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Place
    timeout = PATIENCE_SECONDS
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
        """Tests look at what a place was asked, not at lines."""

    def _answer(self) -> None:
        asked = urlsplit(self.path)
        answer = self.server.answer(
            Question(
                method=self.command,
                path=unquote(asked.path),
                query=dict(parse_qsl(asked.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()
