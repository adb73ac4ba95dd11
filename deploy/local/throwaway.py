"""A whole Studiolo in a directory of its own, for tests and benchmarks: the processes `studiolo up` runs, by hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx

from deploy.local.leftovers import stop_workspaces
from deploy.local.plans import HUB, PROXY, SERVICES, plan_processes, public_health
from deploy.local.ports import free_port
from hub.keys import ensure_keys
from hub.passwords import ADMIN, PasswordFile
from hub.settings import Settings, effective

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from deploy.local.processes import HealthCheck
    from spawner.data_directory import DataDirectory

PATIENCE_SECONDS = 60.0
"""For a process to answer, on a machine that is busy with other tests."""

POLL_SECONDS = 0.05


class ThrowawayHub:
    """Proxy, hub and services with their own data and free ports; ends what it started, workspaces included.

    Use as a context manager. Unlike the supervisor it restarts nothing: a test says what dies and what comes back.
    """

    def __init__(self, root: Path, overrides: Mapping[str, Any] | None = None, *, services: bool = True) -> None:
        """`overrides` are settings by their dotted names; `services=False` begins without the services process."""
        ports = [free_port() for _ in range(4)]
        while len(set(ports)) < len(ports):
            ports = [free_port() for _ in range(4)]
        public, api, hub, service = ports
        self.settings: Settings = effective(
            root,
            {
                "proxy.port": public,
                "proxy.apiUrl": f"http://127.0.0.1:{api}",
                "hub.port": hub,
                "services.url": f"http://127.0.0.1:{service}",
                **(overrides or {}),
            },
        )
        self.data: DataDirectory = self.settings.data
        for folder in (self.data.run, self.data.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.settings.write(self.data.effective_settings)
        self.keys = ensure_keys(self.data)
        self.base_url = self.settings.public_url
        self.admin_password = PasswordFile.of(self.data).ensure_admin()
        self._plans = {plan.name: plan for plan in plan_processes(self.settings, self.keys, os.environ)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._with_services = services
        self._tokens: dict[str, str] = {}
        self._probe = httpx.Client(trust_env=False, timeout=2)

    def __enter__(self) -> Self:
        """Start everything and wait until it answers."""
        try:
            self.start(PROXY)
            if self._with_services:
                self.start(SERVICES)
            self.start(HUB)
            self.wait_for(public_health(self.settings))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End everything."""
        self.close()

    # Processes

    def start(self, name: str) -> None:
        """Start `proxy`, `hub` or `services` and wait until it answers."""
        self.begin(name)
        self.wait_for(self._plans[name].health, of=name)

    def begin(self, name: str) -> None:
        """Start `proxy`, `hub` or `services`."""
        plan = self._plans[name]
        with plan.log.open("ab") as log:
            self._processes[name] = subprocess.Popen(
                plan.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(plan.env),
                cwd=plan.cwd,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """Ask a process to end and wait for it."""
        self._end(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """End a process as `kill -9` does."""
        self._end(name, signal.SIGKILL)

    def pid(self, name: str) -> int:
        """The process number of `proxy`, `hub` or `services`."""
        return self._processes[name].pid

    def log(self, name: str) -> str:
        """What a process has printed so far."""
        return self._plans[name].log.read_text(errors="replace")

    def wait_for(self, check: HealthCheck, *, of: str | None = None) -> None:
        """Wait until an address answers; fails at once when the process meant is gone."""

        def answers() -> bool:
            if of is not None and self._processes[of].poll() is not None:
                raise AssertionError(f"{of} ended:\n{self.log(of)}")
            with contextlib.suppress(httpx.HTTPError):
                return self._probe.get(check.url, headers=dict(check.headers)).is_success
            return False

        self.until(answers, what=f"{check.url} answers")

    def until(self, happened: Callable[[], bool], *, what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Wait for something that no event of ours tells; the seconds it took."""
        began = time.monotonic()
        while not happened():
            if time.monotonic() - began > seconds:
                logs = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self._processes)
                raise AssertionError(f"Not within {seconds:.0f} s: {what}\n{logs}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def close(self) -> None:
        """End everything, last started first; workspaces last, so that no hub looks after them any more."""
        for name in reversed(list(self._processes)):
            self._end(name, signal.SIGTERM)
        self._stop_workspaces()
        self._probe.close()

    def _end(self, name: str, number: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _stop_workspaces(self) -> None:
        async def stop() -> None:
            await stop_workspaces(self.data, hurry=asyncio.Event())

        # In a thread: a browser test has an event loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, stop()).result()

    # Workspaces

    def start_workspace(self, token: str, user: str, server: str = "", **options: str) -> float:
        """Start a workspace and wait until it is ready; the seconds it took. Raises AssertionError when it fails.

        Without options: the smallest hardware and software there is.
        """
        began = time.monotonic()
        choice = options or {"environment": "minimal", "hardware": "small"}
        with self.api(token) as api:
            api.post(_server_address(user, server), json={"user_options": choice}).raise_for_status()
            self.until(
                lambda: not self._server(api, user, server)["pending"], what=f"{user}/{server} starts", seconds=300
            )
            if not self._server(api, user, server)["ready"]:
                raise AssertionError(f"{user}/{server} did not start:\n{self.log(HUB)[-3000:]}")
        return time.monotonic() - began

    def stop_workspace(self, token: str, user: str, server: str = "") -> None:
        """Stop a workspace and wait until it has stopped."""
        with self.api(token) as api:
            api.delete(_server_address(user, server)).raise_for_status()
            self.until(lambda: bool(self._server(api, user, server)["stopped"]), what=f"{user}/{server} stops")

    @staticmethod
    def _server(api: httpx.Client, user: str, server: str) -> dict[str, Any]:
        model: dict[str, Any] = api.get(f"users/{user}/servers/{server}").raise_for_status().json()
        return model

    # People

    def add_user(self, name: str) -> str:
        """Make an account, or give it a new password; the password."""
        with self.api(self.token(ADMIN, self.admin_password)) as api:
            api.post(f"users/{name}")
            return str(api.put(f"users/{name}/password").raise_for_status().json()["password"])

    def browser(self, name: str, password: str) -> httpx.Client:
        """A signed-in client with cookies, as a browser has them; the caller closes it."""
        client = httpx.Client(base_url=self.base_url, trust_env=False, follow_redirects=True, timeout=30)
        page = client.get("/hub/login")
        fields = {"username": name, "password": password, "_xsrf": _xsrf(page.text)}
        answer = client.post("/hub/login", data=fields, follow_redirects=False)
        if answer.status_code != httpx.codes.FOUND:
            client.close()
            raise AssertionError(f"{name} could not sign in: {answer.status_code}")
        return client

    def token(self, name: str, password: str) -> str:
        """An API token of the person, with all their rights; the same one each time."""
        if name not in self._tokens:
            with contextlib.closing(self.browser(name, password)) as browser:
                xsrf = browser.cookies.get("_xsrf", path="/hub/")
                answer = browser.post(
                    f"/hub/api/users/{name}/tokens", json={"note": "throwaway"}, headers={"X-XSRFToken": str(xsrf)}
                )
                self._tokens[name] = str(answer.raise_for_status().json()["token"])
        return self._tokens[name]

    def api(self, token: str | None = None) -> httpx.Client:
        """A client of the hub's REST API; the caller closes it."""
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(base_url=f"{self.base_url}/hub/api/", headers=headers, trust_env=False, timeout=30)

    def services_api(self, token: str | None = None) -> httpx.Client:
        """A client of the services' REST API, through the proxy as people reach it; the caller closes it."""
        headers = {"Authorization": f"token {token}"} if token else {}
        address = f"{self.base_url}/services/studiolo/api/"
        return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=30)


def _server_address(user: str, server: str) -> str:
    return f"users/{user}/servers/{server}" if server else f"users/{user}/server"


def _xsrf(page: str) -> str:
    found = re.search(r'name="_xsrf"\s+value="([^"]*)"', page)
    if found is None:
        raise AssertionError("The sign-in page has no _xsrf field.")
    return found[1]
