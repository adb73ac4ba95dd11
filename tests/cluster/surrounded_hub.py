"""A real hub, and something between it and everything that it writes to: it can be killed at each write, or cut off."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from deploy.local.plans import HUB
from deploy.local.throwaway import ThrowawayHub
from hub.passwords import ADMIN
from tests.cluster.in_between import InBetween, before, in_between
from tests.cluster.kube import Kube
from tests.cluster.kube_faults import Kills
from tests.cluster.real_hub import SMALL, RealHub

PATIENCE_SECONDS = 180.0
DYING = Path(__file__).parent / "dying_process.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """One write outside of the hub."""

    at: str
    """Who is asked: `kubernetes` or `proxy`."""
    what: str
    is_after: bool

    def __str__(self) -> str:
        return f"killed {'after' if self.is_after else 'before'} {self.what} of {self.at}"


class SurroundedHub:
    """A real hub, and what stands between it and everything that it writes to."""

    def __init__(self, hub: RealHub, kube: Kube, between: Mapping[str, InBetween], orders: Path) -> None:
        self.hub = hub
        self.kube = kube
        self.between = between
        """By whom is asked: `kubernetes`, `proxy`."""
        self._orders = orders
        self.token = ""

    async def begin(self) -> None:
        """The hub answers, and the admin has a token."""
        await asyncio.to_thread(self.hub.__enter__)
        self.token = await asyncio.to_thread(self.hub.token, ADMIN, self.hub.admin_password)

    @property
    def is_dead(self) -> bool:
        return self.hub._processes[HUB].poll() is not None

    async def dies_at(self, point: CrashPoint, ask: Callable[[httpx.Client], object]) -> None:
        """Asks the hub for something, in which it dies; and starts it again."""
        pid = self.hub.pid(HUB)
        fault = Kills(what=point.what, is_after=point.is_after, kill=lambda: os.kill(pid, signal.SIGKILL))
        await self.between[point.at].begin(fault)
        await self.ask(ask)
        await self._until(lambda: self.is_dead, what="the hub is dead")
        await self.between[point.at].end()
        await self.starts_again()

    async def dies_at_commit(self, commits: int, ask: Callable[[httpx.Client], object]) -> None:
        """The same, before a commit to its database. Where there are fewer commits, it does what was asked."""
        self._orders.write_text(str(commits))
        await self.ask(ask)
        await self._until(lambda: self.is_dead or self._server()["ready"], what="the hub is dead, or done")
        self._orders.unlink()
        # A commit may have looked at the orders a moment ago: a hub that answers now was told of their end, one that
        # does not is about to be dead.
        if not await asyncio.to_thread(self._is_there):
            await self._until(lambda: self.is_dead, what="the hub is dead")
            await self.starts_again()

    async def starts_again(self) -> None:
        """As whatever looks after it does."""
        self.hub.kill(HUB)
        await asyncio.to_thread(self.hub.start, HUB)

    async def settles(self) -> bool:
        """Whether it runs, once it neither starts nor stops; and all that must hold then."""
        await self._until(lambda: not self._server()["pending"], what="it neither starts nor stops")
        is_ready = bool(self._server()["ready"])
        if is_ready:
            await self._until(self._answers, what="the server answers through the proxy")
        else:
            page = await asyncio.to_thread(self.page)
            assert page.status_code in {httpx.codes.OK, httpx.codes.FAILED_DEPENDENCY}, page.text
            assert 'id="choose"' in page.text
        await self.leaves(1 if is_ready else 0)
        return is_ready

    async def leaves(self, count: int) -> None:
        """So many pods and Secrets, and each Secret belongs to its pod."""
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                pods = await self.kube.list_all("v1", "Pod", namespace=self.hub.namespace)
                secrets = await self.kube.list_all("v1", "Secret", namespace=self.hub.namespace)
                uids = {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
                owners = {owner["uid"] for one in secrets for owner in one["metadata"].get("ownerReferences", ())}
                found = [pods, secrets]
                if len(pods) == len(uids) == len(secrets) == count and owners == uids:
                    return
                assert len(uids) <= 1, found
                await asyncio.sleep(0.2)

    async def starts(self, server: str = "") -> None:
        """A start that nothing disturbs; another one raises AssertionError."""
        await asyncio.to_thread(lambda: self.hub.start_workspace(self.token, ADMIN, server, **SMALL))

    async def is_ready(self) -> bool:
        """Whether the hub says that the unnamed workspace runs."""
        return bool((await asyncio.to_thread(self._server))["ready"])

    async def stops(self) -> None:
        """And such a stop."""
        await asyncio.to_thread(self.hub.stop_workspace, self.token, ADMIN)
        await self.leaves(0)

    async def ask(self, ask: Callable[[httpx.Client], object]) -> None:
        """Whatever comes of it: the hub may die before it answers."""

        def send() -> None:
            with self.hub.api(self.token) as api:
                try:
                    ask(api)
                except httpx.HTTPError:
                    return  # it died before it answered

        await asyncio.to_thread(send)

    async def _until(self, happened: Callable[[], bool], *, what: str) -> None:
        def safely() -> bool:
            try:
                return happened()
            except httpx.HTTPError:
                return False

        await asyncio.to_thread(lambda: self.hub.until(safely, what=what, seconds=PATIENCE_SECONDS))

    def _server(self) -> dict[str, Any]:
        with self.hub.api(self.token) as api:
            return self.hub._server(api, ADMIN, "")

    def _is_there(self) -> bool:
        try:
            self._server()
        except httpx.HTTPError:
            return False
        return True

    def _answers(self) -> bool:
        headers = {"Authorization": f"token {self.token}"}
        address = f"{self.hub.base_url}/user/{ADMIN}/api/status"
        return httpx.get(address, headers=headers, trust_env=False, timeout=10).is_success

    def page(self) -> httpx.Response:
        """What the admin sees of the workspace."""
        with closing(self.hub.browser(ADMIN, self.hub.admin_password)) as browser:
            return browser.get(f"/hub/spawn-pending/{ADMIN}")


def dies_as_told(hub: ThrowawayHub, name: str, orders: Path) -> None:
    """From its next start on, that process dies where `orders` says so."""
    plan = hub._plans[name]
    module = plan.argv.index("-m")
    argv = (*plan.argv[:module], str(DYING), str(orders), *plan.argv[module + 1 :])
    hub._plans[name] = replace(plan, argv=argv)


@asynccontextmanager
async def surrounded_hub(
    folder: Path, *, kubeconfig: Path, namespace: str, images: Mapping[str, str], kube: Kube
) -> AsyncIterator[SurroundedHub]:
    """For the time of a test."""
    async with in_between(kubeconfig, folder) as kubernetes:
        hub = RealHub(folder / "hub", kubeconfig=kubernetes.kubeconfig, namespace=namespace, images=images)
        beside = folder / "proxy"
        beside.mkdir()
        async with before(hub.settings.proxy.api_url, beside) as proxy:
            for_hub = hub.settings.proxy.model_copy(update={"api_url": proxy.url})
            hub.settings.model_copy(update={"proxy": for_hub}).write(hub.data.effective_settings)
            orders = folder / "orders"
            dies_as_told(hub, HUB, orders)
            found = SurroundedHub(hub, kube, {"kubernetes": kubernetes, "proxy": proxy}, orders)
            try:
                await found.begin()
                yield found
            finally:
                await asyncio.to_thread(hub.close)


def start(api: httpx.Client) -> object:
    """Asks for the admin's workspace."""
    return api.post(f"users/{ADMIN}/server", json={"user_options": SMALL})


def stop(api: httpx.Client) -> object:
    """Asks for its end."""
    return api.delete(f"users/{ADMIN}/server")
