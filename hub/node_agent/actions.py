"""Carrying out an order: look, mount, hand over; every step is written down in the seat before it is taken."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import structlog

from hub.credential_broker.question import Held
from hub.node_agent.accounts import write_accounts
from hub.node_agent.broker import NO_BROKER, NoCredentials, files_of, with_variables
from hub.node_agent.credential_files import write_credentials
from hub.node_agent.deliver import NotParked, connect, deliver
from hub.node_agent.mounts import BadSeat, close_seat, mount_home, opened_seat, unmount
from hub.node_agent.numbers import swap_of
from hub.node_agent.orders import MAY_COME, UNKNOWN, check_pod, check_record, is_done
from hub.node_agent.record import Step, load_record, record_of, save_record
from spawner.identity import Delivered, Refusal, Why

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.node_agent.broker import Broker
    from hub.node_agent.mounts import Places
    from hub.node_agent.pods import SeatPod
    from hub.node_agent.record import Record
    from hub.node_agent.watch import NodePods
    from spawner.identity import Order

CLAIM_SECONDS: Final = 1.0
"""How long our own watch may be behind the answer that the hub has."""

LATEST_SECONDS: Final = 5.0
"""After an order came in, nothing is handed over any more: the hub has given up by then, and may have made another pod.
A disk that hangs can keep a mount waiting for as long."""

log = structlog.get_logger()


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
        """What became of an order. It goes on to its end, also where nobody waits for the answer any more."""
        began = self._clock()
        asking = asyncio.ensure_future(self._held(order))  # while the claim is seen, and the home mounted
        try:
            pod = await self._until_claimed(order)
            if isinstance(pod, Refusal):
                return pod
            verified = self._clock()
            async with self.turn(order.pod_uid):
                return await self._fill(order, pod, began, verified, asking)
        finally:
            asking.cancel()

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

    async def _fill(
        self, order: Order, pod: SeatPod, began: float, verified: float, asking: Awaitable[Held | NoCredentials]
    ) -> Delivered | Refusal:
        try:
            with opened_seat(self._places, order.pod_uid) as seat:
                close_seat(seat)
                record = load_record(seat)
                if record is not None and is_done(order, record):
                    return _done(record)
                if refusal := check_record(order, record):
                    return refusal
                left_out = await asyncio.to_thread(self._mount, seat, order, pod)
                mounted = self._clock()
                held = _had(await asking)
                if refusal := self._too_late(order, began):
                    return await self._give_up(order, refusal)
                record = await self._hand_over(order, pod, seat, left_out, held)
        except (BadSeat, OSError, NoCredentials, NotParked) as error:
            why = next(why for kind, why in _WHY.items() if isinstance(error, kind))
            return await self._give_up(order, Refusal(why=why, message=f"{error}."))
        times = (round((then - began) * 1000, 3) for then in (verified, mounted, self._clock()))
        verified_ms, mounted_ms, delivered_ms = times
        return Delivered(
            order=record.order,
            left_out=record.left_out,
            verified_ms=verified_ms,
            mounted_ms=mounted_ms,
            delivered_ms=delivered_ms,
        )

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

    async def _hand_over(self, order: Order, pod: SeatPod, seat: int, left_out: tuple[str, ...], held: Held) -> Record:
        identity = with_variables(order.identity, order.credentials, held)
        connection = await connect(seat, uid=pod.runs_as[0])
        with connection:
            await self._put_files(order, held)
            save_record(seat, record_of(order, Step.SENT, left_out=left_out))
            await deliver(connection, identity)
        record = record_of(order, Step.DELIVERED, left_out=left_out)
        save_record(seat, record)
        return record

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
        """The pod ends soon, by whoever gave the order. Its home goes now: nobody works in it."""
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


def _done(record: Record) -> Delivered:
    return Delivered(order=record.order, left_out=record.left_out)
