"""What a seat remembers of its order: a file in it, root's alone, that is there as long as the pod and no longer.

So an agent that was started anew knows which pods have had their order, and a seat is used once.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hub.node_agent.mounts import BadSeat
from hub.node_agent.syscalls import INSIDE, NO_XDEV, open_inside

if TYPE_CHECKING:
    from spawner.identity import Order

FILE: Final = ".order"
_NEW: Final = ".order.new"
_MODE: Final = 0o600
_MOST_BYTES: Final = 16_384


class Step(StrEnum):
    """How far an order came."""

    BEGUN = "begun"
    """Nothing was sent yet: the home may be mounted, or not. It can be begun again."""
    SENT = "sent"
    """The identity is on its way, or was: nobody knows. It is not sent again."""
    DELIVERED = "delivered"
    """The parked server said that it has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Of one seat."""

    order: str
    namespace: str
    pod: str
    step: Step
    left_out: tuple[str, ...] = ()


def record_of(order: Order, step: Step, *, left_out: tuple[str, ...] = ()) -> Record:
    """What to remember of an order."""
    return Record(order=order.id, namespace=order.namespace, pod=order.pod, step=step, left_out=left_out)


def load_record(seat: int) -> Record | None:
    """None where the seat has had no order. Raises BadSeat where something else has that name."""
    try:
        opened = open_inside(seat, FILE, os.O_RDONLY | os.O_NONBLOCK, resolve=INSIDE | NO_XDEV)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadSeat(f"what the seat remembers cannot be read: {error.strerror}") from error
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != 0 or stat.S_IMODE(found.st_mode) != _MODE:
            raise BadSeat("somebody else has written down what the seat remembers")
        return _parsed(os.read(opened, _MOST_BYTES))
    finally:
        os.close(opened)


def _parsed(text: bytes) -> Record:
    try:
        told = json.loads(text)
        step, left_out = Step(told.pop("step")), tuple(told.pop("left_out"))
        return Record(**told, step=step, left_out=left_out)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSeat("what the seat remembers cannot be understood") from error


def save_record(seat: int, record: Record) -> None:
    """Written whole or not at all, in a closed seat. Raises OSError."""
    text = json.dumps(
        {
            "order": record.order,
            "namespace": record.namespace,
            "pod": record.pod,
            "step": record.step.value,
            "left_out": record.left_out,
        }
    )
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_NEW, dir_fd=seat)
    opened = os.open(_NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE, dir_fd=seat)
    with open(opened, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open
        file.write(text)
    os.rename(_NEW, FILE, src_dir_fd=seat, dst_dir_fd=seat)
