"""A terminal of a workspace, as JupyterLab opens one: over HTTP and a WebSocket, through the proxy."""

from __future__ import annotations

import json
import re

import httpx
from websockets.sync.client import connect

TERMINAL_SECONDS = 120.0
"""The commands of tests take a few seconds; this is for a machine that is busy with other tests."""

_ENDED = re.compile(r"ended with (\d+)\r")


def run_in_terminal(address: str, token: str, command: str) -> str:
    """What a new terminal shows once the command has ended. Raises AssertionError with it where it ended badly.

    `address` is the workspace's, through the proxy.
    """
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(base_url=f"{address}/api/", headers=headers, trust_env=False, timeout=30) as api:
        name = api.post("terminals").raise_for_status().json()["name"]
        try:
            return _typed(f"{address.replace('http://', 'ws://')}/terminals/websocket/{name}", headers, command)
        finally:
            api.delete(f"terminals/{name}")


def _typed(address: str, headers: dict[str, str], command: str) -> str:
    shown = ""
    with connect(address, additional_headers=headers, proxy=None, open_timeout=TERMINAL_SECONDS) as socket:
        # In two words: what is typed is shown as well, and is not the end.
        socket.send(json.dumps(["stdin", f'{command}; echo "ended"" with $?"\r']))
        while (ended := _ENDED.search(shown)) is None:
            kind, *content = json.loads(socket.recv(timeout=TERMINAL_SECONDS))
            if kind == "stdout":
                shown += content[0]
            assert kind != "disconnect", shown
    assert ended[1] == "0", shown
    return shown
