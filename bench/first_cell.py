"""The first cell of a workspace, as JupyterLab runs it: a kernel is asked for, connected to, and told what to run."""

from __future__ import annotations

import json
import time
import uuid

import httpx
from websockets.sync.client import connect

ANSWER_SECONDS = 60


def first_cell(hub_url: str, token: str, server: str) -> float:
    """Seconds from the request for a kernel to the result of `1 + 1`. The kernel is ended afterwards."""
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(base_url=f"{hub_url}{server}/api/", headers=headers, timeout=ANSWER_SECONDS) as api:
        begin = time.perf_counter()
        kernel = api.post("kernels", json={"name": "python3"}).raise_for_status().json()["id"]
        address = f"{hub_url}{server}/api/kernels/{kernel}/channels".replace("http://", "ws://", 1)
        with connect(address, additional_headers=headers, proxy=None, open_timeout=ANSWER_SECONDS) as socket:
            socket.send(json.dumps(_request("1 + 1")))
            while json.loads(socket.recv(timeout=ANSWER_SECONDS))["msg_type"] != "execute_result":
                pass
            seconds = time.perf_counter() - begin
        api.delete(f"kernels/{kernel}")
    return seconds


def _request(code: str) -> dict[str, object]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "bench", "username": ""}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "user_expressions": {}}
    return {
        "header": {**header, "version": "5.4"},
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
    }
