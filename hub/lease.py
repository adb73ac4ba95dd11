"""The lease of a release (`coordination.k8s.io`), so that two hubs never run: held from before the database is opened.

A hub ends as soon as it sees that the lease is another's. One that only cannot ask goes on: while the API server is
away nobody takes the lease from it, and if somebody did, the lock in the database (`hub.postgresql`) keeps them
waiting.

It is kept in a thread of its own. JupyterHub's SQL runs in the event loop, and a hub that is only slow is not dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from hub.lease_rules import (
    RENEW_SECONDS,
    TERM_SECONDS,
    LeaseState,
    Seen,
    Step,
    choose_step,
    observe,
)
from spawner.kube import KubeConflict, KubeError, KubeNotFound
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from logging import Logger

    from spawner.kube import Json

LOST_EXIT_CODE: Final = 75
"""EX_TEMPFAIL: the pod is started again, and waits for the lease like any other."""

ANSWER_SECONDS: Final = 4.0
"""For one look and one write. What takes longer is tried anew while the lease is still ours."""

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class LeaseLost(StudioloError):
    """Another hub holds the lease."""

    code = "hub_lease_lost"


class LeaseKube(Protocol):
    """What is used of `spawner.kube.Kube`."""

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """One object."""

    async def create(self, path: str, body: Json) -> Json:
        """The created object."""

    async def merge(self, path: str, body: Json) -> Json:
        """The object after a merge patch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseName:
    """Which lease, and who asks for it."""

    namespace: str
    name: str
    me: str
    """The same after a container of the same pod was started again: its predecessor is dead, and is not waited for."""

    @property
    def folder(self) -> str:
        """The path of all leases there."""
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def path(self) -> str:
        """The path of this one."""
        return f"{self.folder}/{self.name}"


class Lease:
    """One hub's side of the lease. `clock` and `sleep` are for tests to own."""

    def __init__(
        self,
        kube: LeaseKube,
        which: LeaseName,
        *,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Nothing is asked yet."""
        self._kube = kube
        self._which = which
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._seen: Seen | None = None

    async def acquire(self) -> None:
        """Returns once this hub holds the lease, however long that takes."""
        told = ""
        while True:
            why = await self._try()
            if not why:
                self._log.info("This hub holds the lease %s/%s.", self._which.namespace, self._which.name)
                return
            if why != told:
                self._log.warning("Waiting for the lease %s: %s", self._which.name, why)
                told = why
            await self._sleep(RENEW_SECONDS)

    async def keep(self) -> None:
        """Renews for ever. Raises LeaseLost when it is another's."""
        told = ""
        while True:
            await self._sleep(RENEW_SECONDS)
            why = await self._try(is_held=True)
            if why and why != told:
                self._log.warning("The lease %s could not be renewed yet: %s", self._which.name, why)
            told = why

    async def release(self) -> None:
        """Gives it back, so that the next hub need not wait a term; says so when that fails, and nothing more."""
        seen = self._seen
        if seen is None or seen.state.holder != self._which.me:
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._write(LeaseState(version=seen.state.version, transitions=seen.state.transitions))
        except (KubeError, TimeoutError) as error:
            self._log.warning("The lease could not be given back (%s): the next hub waits for its term.", error)
        else:
            self._log.info("The lease %s was given back.", self._which.name)

    async def _try(self, *, is_held: bool = False) -> str:
        """One look and what follows from it: empty when the lease is ours for another term, else why it is not."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                state = await self._look()
                self._seen = observe(self._seen, state, now=self._clock())
                step = choose_step(self._seen, me=self._which.me, now=self._clock())
                if is_held and step is not Step.RENEW:
                    # Whoever had it since may have changed everything that this hub believes.
                    raise LeaseLost(f'The lease {self._which.name} is now that of "{state.holder or "nobody"}".')
                if step is Step.WAIT:
                    return f'the hub "{state.holder}" holds it.'
                changed = state.transitions + (step is Step.TAKE)
                await self._write(LeaseState(holder=self._which.me, version=state.version, transitions=changed))
        except KubeConflict:
            return "another hub was faster."
        except KubeError as error:
            return str(error)
        except TimeoutError:
            return "the API server does not answer."
        return ""

    async def _look(self) -> LeaseState:
        try:
            return _state_of(await self._kube.get(self._which.path))
        except KubeNotFound:
            return LeaseState()

    async def _write(self, state: LeaseState) -> None:
        now = datetime.now(UTC).strftime(_TIME)
        spec: Json = {
            "holderIdentity": state.holder,
            "leaseDurationSeconds": round(TERM_SECONDS),
            "renewTime": now,
            "leaseTransitions": state.transitions,
        }
        if self._seen is None or self._seen.state.holder != self._which.me:
            spec["acquireTime"] = now
        if state.version:
            # The version is a condition: of two hubs that write at once, one is told of the other.
            body: Json = {"metadata": {"resourceVersion": state.version}, "spec": spec}
            written = await self._kube.merge(self._which.path, body)
        else:
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._which.name},
                "spec": spec,
            }
            written = await self._kube.create(self._which.folder, body)
        self._seen = observe(self._seen, _state_of(written), now=self._clock())


def _state_of(found: Json) -> LeaseState:
    spec: dict[str, Any] = found.get("spec") or {}
    return LeaseState(
        holder=spec.get("holderIdentity") or "",
        version=found["metadata"]["resourceVersion"],
        transitions=spec.get("leaseTransitions") or 0,
        term_seconds=float(spec.get("leaseDurationSeconds") or TERM_SECONDS),
    )


class LeaseThread:
    """Holds the lease from `acquire` to `release`, whatever the hub's own event loop does meanwhile."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[LeaseKube]],
        which: LeaseName,
        *,
        log: Logger,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        """`connect` is called in the thread; `on_lost` ends the process at once unless a test says otherwise."""
        self._connect = connect
        self._which = which
        self._log = log
        self._on_lost = on_lost or _end_this_process
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._holding: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Returns once this hub holds the lease."""
        self._caller = asyncio.get_running_loop()
        self._acquired: asyncio.Future[None] = self._caller.create_future()
        self._thread.start()
        await self._acquired

    def release(self) -> None:
        """Gives the lease back and waits for that, a few seconds at most; does nothing where it was never held."""
        if self._loop is None or self._holding is None:
            return
        with contextlib.suppress(RuntimeError):  # the thread's loop has ended by itself
            self._loop.call_soon_threadsafe(self._holding.cancel)
        self._thread.join(ANSWER_SECONDS + 2)

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._hold())

    async def _hold(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._holding = asyncio.current_task()
        try:
            async with self._connect() as kube:
                lease = Lease(kube, self._which, log=self._log)
                try:
                    await lease.acquire()
                    self._caller.call_soon_threadsafe(self._tell_acquired)
                    await lease.keep()
                finally:
                    await lease.release()
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody renews any more
            self._log.critical("This hub ends now: %s", error)
            self._on_lost()

    def _tell_acquired(self) -> None:
        if not self._acquired.done():
            self._acquired.set_result(None)


def _end_this_process() -> None:
    """At once: an orderly end would still write to the database, which may be another hub's by now."""
    os._exit(LOST_EXIT_CODE)
