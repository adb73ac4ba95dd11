"""Start and stop servers over JupyterHub's REST API, with a stopwatch."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

STOP_DEADLINE_SECONDS = 60


UP_DEADLINE_SECONDS = 60


class StartFailed(RuntimeError):
    """The hub answered, and the server did not start."""


def wait_until_up(url: str) -> None:
    """Return once the hub behind `url` answers through its proxy."""
    end = time.monotonic() + UP_DEADLINE_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/hub/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise StartFailed(f"{url} did not answer within {UP_DEADLINE_SECONDS} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubClient:
    """One hub, one token, one user."""

    url: str
    token: str
    user: str

    def _http(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/hub/api/", headers={"Authorization": f"token {self.token}"}, timeout=120
        )

    def create_user(self) -> None:
        """Make the user known to the hub; one that exists is fine."""
        with self._http() as http:
            answer = http.post(f"users/{self.user}")
            if answer.status_code not in {httpx.codes.CREATED, httpx.codes.CONFLICT}:
                raise StartFailed(f"creating {self.user}: {answer.status_code} {answer.text}")

    def start(self, server: str, options: Mapping[str, object]) -> float:
        """Seconds from the request to the hub's word that the server is ready."""
        with self._http() as http:
            begin = time.perf_counter()
            answer = http.post(f"users/{self.user}/servers/{server}", json={"user_options": dict(options)})
            if answer.status_code == httpx.codes.CREATED:
                return time.perf_counter() - begin
            if answer.status_code != httpx.codes.ACCEPTED:
                raise StartFailed(f"{answer.status_code} {answer.text}")
            with http.stream("GET", f"users/{self.user}/servers/{server}/progress") as stream:
                for line in stream.iter_lines():
                    event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if event.get("failed"):
                        raise StartFailed(str(event.get("message")))
                    if event.get("ready"):
                        return time.perf_counter() - begin
        raise StartFailed("the hub stopped telling before the server was ready")

    def check_answers(self, server: str) -> None:
        """Fail unless the started server itself answers with its API version."""
        url = f"{self.url}/user/{self.user}/{server}/api"
        answer = httpx.get(url, headers={"Authorization": f"token {self.token}"}, timeout=30)
        if answer.status_code != httpx.codes.OK or "version" not in answer.json():
            raise StartFailed(f"{url} answered {answer.status_code}")

    def stop(self, server: str) -> None:
        """Stop and remove the server, and return once it is gone."""
        with self._http() as http:
            path = f"users/{self.user}/servers/{server}"
            end = time.monotonic() + STOP_DEADLINE_SECONDS
            http.request("DELETE", path, json={"remove": True})
            while time.monotonic() < end:
                if server not in http.get(f"users/{self.user}").json().get("servers", {}):
                    return
                time.sleep(0.1)
        raise StartFailed(f"{server} did not stop within {STOP_DEADLINE_SECONDS} s")
