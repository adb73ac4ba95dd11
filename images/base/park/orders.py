"""What a parked server is told at its own start, by variables: nothing of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "STUDIOLO_PARK_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How to park."""

    socket_path: str
    allowed_uid: int
    allowed_pid: int | None
    listen_fd: int | None
    port: int
    ready_fd: int | None
    rehearses: bool
    has_kernel: bool
    keeps_own: bool


def own_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a server has wherever it was started: its image's, in a pod. Not what tells it how to park."""
    return {name: value for name, value in environ.items() if not name.startswith(PREFIX)}


def orders_in(environ: Mapping[str, str]) -> Orders:
    """The orders that the variables give."""

    def number(name: str) -> int | None:
        text = environ.get(PREFIX + name, "")
        return int(text) if text else None

    listen_fd = number("LISTEN_FD")
    return Orders(
        socket_path=environ.get(f"{PREFIX}SOCKET") or "identity.sock",
        allowed_uid=number("UID") or 0,
        allowed_pid=number("PID"),
        listen_fd=listen_fd,
        port=(number("PORT") or 0) if listen_fd is None else 0,
        ready_fd=number("READY_FD"),
        rehearses=environ.get(f"{PREFIX}DEPTH") != "imports",
        has_kernel=environ.get(f"{PREFIX}KERNEL") == "1",
        keeps_own=environ.get(f"{PREFIX}KEEP") == "1",
    )
