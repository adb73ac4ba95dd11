"""A kernel of a workspace, as a notebook uses it: over HTTP and a WebSocket, through the proxy."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

CELL_SECONDS = 60.0
"""The cells of tests take a few seconds; this is for a machine that is busy with other tests."""


@dataclass(kw_only=True)
class Kernel:
    """One kernel of one workspace, with the connection a notebook has to it."""

    address: str
    """Of the workspace, through the proxy."""
    token: str
    id: str = ""
    socket: ClientConnection | None = None
    connection: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        with self.api() as api:
            self.id = api.post("kernels", json={"name": "python3"}).raise_for_status().json()["id"]
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        with self.api() as api, contextlib.suppress(httpx.HTTPError):
            api.delete(f"kernels/{self.id}")

    def api(self) -> httpx.Client:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=f"{self.address}/api/", headers=headers, trust_env=False, timeout=30)

    def open(self) -> None:
        """Connect, as a notebook does when it is opened or lost its connection."""
        address = self.address.replace("http://", "ws://")
        self.connection = contextlib.ExitStack()
        self.socket = self.connection.enter_context(
            connect(
                f"{address}/api/kernels/{self.id}/channels",
                additional_headers={"Authorization": f"token {self.token}"},
                proxy=None,
                open_timeout=CELL_SECONDS,  # Jupyter answers once the kernel does
            )
        )

    def close(self) -> None:
        self.connection.close()

    def run(self, code: str) -> Iterator[str]:
        """What the cell prints, as it comes; ends when the cell has."""
        assert self.socket is not None
        request = uuid.uuid4().hex
        header = {"msg_id": request, "msg_type": "execute_request", "session": "test", "username": "", "version": "5.4"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self.socket.send(json.dumps(message))
        while True:
            answer: dict[str, Any] = json.loads(self.socket.recv(timeout=CELL_SECONDS))
            if answer["parent_header"].get("msg_id") != request:
                continue
            if answer["msg_type"] == "stream":
                yield answer["content"]["text"]
            elif answer["msg_type"] == "error":
                raise AssertionError("\n".join(answer["content"]["traceback"]))
            elif answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return
