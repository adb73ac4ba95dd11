"""Carrying out an order: look, mount, hand over; every step is written down in the seat before it is taken.

Until the identity is sent, whatever fails is undone. From then on the server may have it, whatever fails: nothing is
taken away from it, and the answer says so.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from hub.credential_broker.question import Held
from hub.node_agent.accounts import write_accounts
from hub.node_agent.broker import NO_BROKER, NoCredentials, files_of, with_variables
from hub.node_agent.credential_files import write_credentials
from hub.node_agent.deliver import NotParked, connect, deliver
from hub.node_agent.mounts import BadSeat, close_seat, mount_home, opened_seat, unmount
from hub.node_agent.numbers import swap_of
from hub.node_agent.orders import MAY_COME, UNKNOWN, answered_before, check_pod, check_record, may_have_it
from hub.node_agent.record import Step, load_record, record_of, save_record
from spawner.identity import Delivered, Refusal, Why

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from hub.node_agent.broker import Broker
    from hub.node_agent.mounts import Places
    from hub.node_agent.pods import SeatPod
    from hub.node_agent.watch import NodePods
    from spawner.identity import Identity, Order

CLAIM_SECONDS: Final = 1.0
"""How long our own watch may be behind the answer that the hub has."""

LATEST_SECONDS: Final = 5.0
"""After an order came in, nothing is handed over any more: the hub has given up by then, and may have made another pod.
A disk that hangs can keep a mount waiting for as long."""

log = structlog.get_logger()

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An order that fits its pod."""

    order: Order
    pod: SeatPod
    asking: Awaitable[Held | NoCredentials]
    began: float
    verified: float
    """When the API server had shown it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A seat with its home in it, and the server that waits there."""

    seat: int
    server: socket.socket
    identity: Identity
    left_out: tuple[str, ...]
    mounted: float
    """When the home was there."""


class Agent:
    """Of one node."""

    def __init__(
        self,
        places: Places,
        pods: NodePods,
        *,
        shows_others: bool = True,
        broker: Broker = NO_BROKER,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        latest_seconds: float = LATEST_SECONDS,
    ) -> None:
        """`shows_others`: see `check_pod`. `clock` and `now` are for tests to own."""
        self._places = places
        self._pods = pods
        self._shows_others = shows_others
        self._broker = broker
        self._clock = clock
        self._now = now
        self._latest_seconds = latest_seconds
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, pod_uid: str) -> asyncio.Lock:
        """One at a time works on a seat."""
        return self._turns.setdefault(pod_uid, asyncio.Lock())

    async def carry_out(self, order: Order) -> Delivered | Refusal:
        """What became of an order. It goes on to its end, also where nobody waits for the answer any more.

        What was done is remembered in the seat and read first: a pod that ends, or an order that is old by now, says
        nothing about whether the identity was sent.
        """
        began = self._clock()
        async with self.turn(order.pod_uid):
            if (answer := self._before(order)) is not None:
                return answer
            asking = asyncio.ensure_future(self._held(order))  # while the claim is seen, and the home mounted
            try:
                pod = await self._until_claimed(order)
                if isinstance(pod, Refusal):
                    return pod
                checked = Checked(order=order, pod=pod, asking=asking, began=began, verified=self._clock())
                return await self._fill(checked)
            finally:
                asking.cancel()

    def _before(self, order: Order) -> Delivered | Refusal | None:
        try:
            with opened_seat(self._places, order.pod_uid) as seat:
                return answered_before(order, load_record(seat))
        except (BadSeat, OSError):  # is said of a pod that this order fits, and of no other
            return None

    async def _held(self, order: Order) -> Held | NoCredentials:
        if not order.credentials.secrets:
            return Held(secrets={})
        try:
            return await self._broker.held(namespace=order.namespace, pod=order.pod, pod_uid=order.pod_uid)
        except NoCredentials as error:
            return error

    async def _until_claimed(self, order: Order) -> SeatPod | Refusal:
        pod = await self._pods.until(
            lambda pod: (no := self._check(order, pod)) is None or no.why not in MAY_COME,
            order.pod_uid,
            seconds=CLAIM_SECONDS,
        )
        return self._check(order, pod) or pod or UNKNOWN

    def _check(self, order: Order, pod: SeatPod | None) -> Refusal | None:
        return check_pod(order, pod, now=self._now(), shows_others=self._shows_others)

    async def _fill(self, checked: Checked) -> Delivered | Refusal:
        order = checked.order
        with ExitStack() as opened:
            seat = self._unused_seat(order, opened)
            if isinstance(seat, Refusal):
                return seat
            ready = await self._ready_or_undone(checked, seat, opened)
            if isinstance(ready, Refusal):
                return ready
            if (refusal := await self._hand_over(order, ready)) is not None:
                return refusal
        times = (checked.verified, ready.mounted, self._clock())
        verified_ms, mounted_ms, delivered_ms = (round((then - checked.began) * 1000, 3) for then in times)
        return Delivered(
            order=order.id,
            left_out=ready.left_out,
            verified_ms=verified_ms,
            mounted_ms=mounted_ms,
            delivered_ms=delivered_ms,
        )

    def _unused_seat(self, order: Order, opened: ExitStack) -> int | Refusal:
        """The seat, open and closed to everybody else. What is in it stays: it may be the home of one who works."""
        try:
            seat = opened.enter_context(opened_seat(self._places, order.pod_uid))
            close_seat(seat)
        except (BadSeat, OSError) as error:
            return Refusal(why=Why.SEAT, message=f"{error}.")
        try:
            return check_record(order, load_record(seat)) or seat
        except (BadSeat, OSError) as error:
            return Refusal(why=Why.USED, message=f"{error}.")

    async def _ready_or_undone(self, checked: Checked, seat: int, opened: ExitStack) -> Ready | Refusal:
        try:
            ready = await self._make_ready(checked, seat, opened)
        except (BadSeat, OSError, NoCredentials, NotParked) as error:
            why = next(why for kind, why in _WHY.items() if isinstance(error, kind))
            ready = Refusal(why=why, message=f"{error}.")
        return await self._give_up(checked.order, ready) if isinstance(ready, Refusal) else ready

    async def _make_ready(self, checked: Checked, seat: int, opened: ExitStack) -> Ready | Refusal:
        """All that comes before the identity is sent, and the note that it is.

        Raises BadSeat, OSError, NoCredentials, NotParked.
        """
        order, pod = checked.order, checked.pod
        left_out = await _to_its_end(asyncio.to_thread(self._mount, seat, order, pod))
        mounted = self._clock()
        held = _had(await checked.asking)
        if refusal := self._too_late(order, checked.began):
            return refusal
        identity = with_variables(order.identity, order.credentials, held)
        server = opened.enter_context(await connect(seat, uid=pod.runs_as[0]))
        await self._put_files(order, held)
        save_record(seat, record_of(order, Step.SENT, left_out=left_out))
        return Ready(seat=seat, server=server, identity=identity, left_out=left_out, mounted=mounted)

    def _mount(self, seat: int, order: Order, pod: SeatPod) -> tuple[str, ...]:
        save_record(seat, record_of(order, Step.BEGUN))
        unmount(self._places, order.pod_uid)  # what an agent left that died here
        write_accounts(self._places, pod)
        return mount_home(self._places, seat, order.home, order.teams, swap_of(order.home, pod.runs_as))

    def _too_late(self, order: Order, began: float) -> Refusal | None:
        """What may have become different while a disk was waited for."""
        if self._clock() - began > self._latest_seconds:
            return Refusal(why=Why.TOO_OLD, message="Mounting the home took so long that nobody waits for it any more.")
        return self._check(order, (self._pods.pods or {}).get(order.pod_uid))

    async def _hand_over(self, order: Order, ready: Ready) -> Refusal | None:
        """None: the server said that it has its identity. Whatever is raised here, it may have it."""
        try:
            await deliver(ready.server, ready.identity)
        except (NotParked, OSError) as error:
            log.warning("A server may have its identity, or not", pod=order.pod, error=str(error))
            return may_have_it()
        try:
            save_record(ready.seat, record_of(order, Step.DELIVERED, left_out=ready.left_out))
        except OSError as error:
            # Who asks again is told that it may have it, which is true as well.
            log.warning("That a server has its identity could not be written down", pod=order.pod, error=str(error))
        return None

    async def _put_files(self, order: Order, held: Held) -> None:
        """The last thing before the identity: what is refused until then has left no credential in the pod."""
        if not order.credentials.has_files:
            return
        files = files_of(order.credentials, held)
        try:
            await asyncio.to_thread(write_credentials, self._places, order.pod_uid, files)
        except (BadSeat, OSError) as error:
            raise NoCredentials(f"their files cannot be written: {error}") from None

    async def _give_up(self, order: Order, refusal: Refusal) -> Refusal:
        """The pod ends soon, by whoever gave the order. Its home goes now: nothing was sent, nobody works in it."""
        try:
            await asyncio.to_thread(unmount, self._places, order.pod_uid)
        except OSError as error:
            log.warning("A home could not be taken away; it is tried again", pod=order.pod, error=str(error))
        return refusal


_WHY: Final = {NoCredentials: Why.CREDENTIALS, NotParked: Why.NOT_PARKED, BadSeat: Why.SEAT, OSError: Why.SEAT}


def _had(answer: Held | NoCredentials) -> Held:
    if isinstance(answer, NoCredentials):
        raise answer
    return answer


async def _to_its_end(step: Awaitable[Found]) -> Found:
    """Who ends the agent waits for a thread that works in an open seat: its number, once closed, is another file's."""
    working = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise
