"""How a command asks the hub: one client, one event loop, for the time of the command."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from studiolo.client import Studiolo

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Opens the client of a command. Tests put one of their own into click's `obj`."""

    open: Callable[[], Studiolo]
    """The hub that somebody signed in to."""
    open_at: Callable[[str, str], Studiolo]
    """The hub at an address, with a token ("" for none): for signing in."""


def ask(question: Callable[[Studiolo], Awaitable[Answer]]) -> Answer:
    """The answer of the hub that somebody signed in to. Errors are those of the client."""
    return _ask(connection().open(), question)


def ask_at(url: str, token: str, question: Callable[[Studiolo], Awaitable[Answer]]) -> Answer:
    """The answer of the hub at an address, with a token that is not stored yet."""
    return _ask(connection().open_at(url, token), question)


def connection() -> Connection:
    """The connection of this run of the program."""
    given = click.get_current_context().find_object(Connection)
    return given if given is not None else _real()


def _real() -> Connection:
    from studiolo.client import Studiolo  # noqa: PLC0415 - loads httpx and pydantic: 0.3 s that --help does not need

    return Connection(open=Studiolo.from_environment, open_at=Studiolo)


def _ask(studiolo: Studiolo, question: Callable[[Studiolo], Awaitable[Answer]]) -> Answer:
    async def answer() -> Answer:
        async with studiolo:
            return await question(studiolo)

    return asyncio.run(answer())
