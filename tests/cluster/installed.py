"""An installation by the chart on the development cluster, as a test talks to it: by its own names, at its address."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from deploy.cluster.deployment import Deployment
from deploy.cluster.layout import NODE_ADDRESS, Layout
from hub.roles import SERVICE_PREFIX
from tests.cluster.cluster_commands import kubectl

PATIENCE_SECONDS = 180.0
"""For what takes seconds: pods start cold, images are pulled, and the machine is shared."""

SMALL = {"environment": "minimal", "hardware": "small"}


class AtAddress(httpx.HTTPTransport):
    """Every name is at one address; names, certificates and cookies stay those of the names."""

    def __init__(self, address: str, *, authority: str) -> None:
        self._address = address
        super().__init__(verify=ssl.create_default_context(cafile=authority), retries=3)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        led = httpx.Request(
            request.method,
            request.url.copy_with(host=self._address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(led)


@dataclass(frozen=True)
class Installed:
    """One release that runs."""

    layout: Layout
    deployment: Deployment

    @property
    def url(self) -> str:
        """What people open."""
        return self.deployment.url

    @cached_property
    def address(self) -> str:
        """Where that name leads: the node, or its Service where another release has the node's port."""
        if self.deployment.has_site:
            return NODE_ADDRESS
        service = f"{self.deployment.release}-proxy-public"
        return self.ours("get", "service", service, "-o", "jsonpath={.spec.clusterIP}")

    def client(self, token: str = "") -> httpx.Client:
        """As a browser or a script; the caller closes it."""
        headers = {"Authorization": f"token {token}"} if token else {}
        transport = AtAddress(self.address, authority=str(self.layout.ca))
        return httpx.Client(base_url=self.url, headers=headers, transport=transport, timeout=30, trust_env=False)

    def ours(self, *words: str, text: str | None = None) -> str:
        """What kubectl says in the release's namespace."""
        return kubectl("--namespace", self.deployment.namespace, *words, text=text)

    def theirs(self, *words: str, text: str | None = None) -> str:
        """What kubectl says in the workspaces' namespace."""
        return kubectl("--namespace", self.deployment.workspaces, *words, text=text)

    def uid(self, part: str) -> str:
        """Which pod a part of ours is."""
        selector = f"app.kubernetes.io/component={part},app.kubernetes.io/instance={self.deployment.release}"
        return self.ours("get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.uid}")

    def browser_of_anybody(self, name: str) -> httpx.Client:
        """A client with the cookies of somebody, where sign-in asks for no password; the caller closes it."""
        eventually("the sign-in page", lambda: self.answers("/hub/login") == httpx.codes.OK)
        browser = self.client()
        page = browser.get("/hub/login").raise_for_status()
        found = re.search(r'name="_xsrf"\s+value="([^"]*)"', page.text)
        assert found, page.text
        fields = {"username": name, "password": "", "_xsrf": found[1]}
        assert browser.post("/hub/login", data=fields).status_code == httpx.codes.FOUND
        browser.get("/hub/home").raise_for_status()
        return browser

    def token_of_anybody(self, name: str) -> str:
        """An API token of somebody, where sign-in asks for no password."""
        with closing(self.browser_of_anybody(name)) as browser:
            xsrf = str(browser.cookies.get("_xsrf", path="/hub/"))
            answer = browser.post(f"/hub/api/users/{name}/tokens", json={"note": "test"}, headers={"X-XSRFToken": xsrf})
            return str(answer.raise_for_status().json()["token"])

    def start(self, token: str, name: str) -> None:
        """Start somebody's default workspace, and wait until it answers."""
        with closing(self.client(token)) as api:
            api.post(f"/hub/api/users/{name}/server", json=SMALL).raise_for_status()
            eventually(f"{name}'s workspace", lambda: self.is_ready(api, name))

    @staticmethod
    def is_ready(api: httpx.Client, name: str) -> bool:
        """Whether it can be used, as the hub says."""
        servers: dict[str, Any] = api.get(f"/hub/api/users/{name}").raise_for_status().json()["servers"]
        return bool(servers.get("", {}).get("ready"))

    def answers(self, path: str, token: str = "") -> int:
        """The status of an address; 0 where nobody answers at all."""
        try:
            with closing(self.client(token)) as client:
                return client.get(path).status_code
        except httpx.HTTPError:
            return 0

    def wait_until_up(self) -> None:
        """Return once hub and services answer to people."""
        for path in ("/hub/health", f"{SERVICE_PREFIX}api/health"):
            eventually(path, lambda path=path: self.answers(path) == httpx.codes.OK)  # type: ignore[misc]  # the path of this turn


def eventually(what: str, is_so: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
