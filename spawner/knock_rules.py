"""Whether a start aims at a warm pod, by what the agents of nodes said when it knocked. Pure."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from spawner.claim_rules import Miss

if TYPE_CHECKING:
    from collections.abc import Mapping


class Knocked(StrEnum):
    """What became of a knock."""

    THERE = "there"
    NO_BROKER = "no_broker"
    """The agent is, and the credential broker does not answer it."""
    AWAY = "away"
    """Nobody there, or an answer that says that it could carry out nothing now."""


_THERE: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""An agent of the release before knows nothing of knocks, and says so. It takes orders; what it says of those counts as
it did."""


def said_by(status: int | None) -> Knocked:
    """What an answer says, by its status. None: there was none, but somebody who is busy; an order waits for them."""
    if status is None or status in _THERE:
        return Knocked.THERE
    return Knocked.NO_BROKER if status == HTTPStatus.BAD_GATEWAY else Knocked.AWAY


def after_knocks(said: Mapping[str, Knocked | None]) -> frozenset[str] | Miss | None:
    """On which nodes a start may aim at pods, or why on none; None: wait for another answer.

    `said`: by node; None: nothing yet. One node that answers is enough: nobody waits for a second.
    """
    there = frozenset(node for node, knocked in said.items() if knocked is Knocked.THERE)
    if there:
        return there
    if None in said.values():
        return None
    return Miss.CREDENTIALS if Knocked.NO_BROKER in said.values() else Miss.AGENT
