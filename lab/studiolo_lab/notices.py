"""What a person is told in JupyterLab: a board that anything in the server writes on, and that the page reads."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

VARIABLE: Final = "STUDIOLO_NOTICES"
"""What the start of the workspace knows already: a list of `{"key", "level", "text"}`."""

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button beside a notice."""

    label: str
    command: str
    """A command of JupyterLab, without arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing a person should know."""

    key: str
    """What it is about: told again under the same key, it takes the old one's place."""
    level: Level
    text: str
    """The cause and the way out, plain text."""
    action: Action | None = None

    def as_json(self) -> dict[str, Any]:
        """As the page reads it."""
        return asdict(self)


class Board:
    """The notices that hold now, in the order in which they were told. Any thread may write on it."""

    def __init__(self) -> None:
        self._notices: dict[str, Notice] = {}
        self._lock = threading.Lock()

    def tell(self, key: str, level: Level, text: str, action: Action | None = None) -> None:
        """Puts a notice up, in the place of an older one under the same key."""
        with self._lock:
            self._notices[key] = Notice(key=key, level=level, text=text, action=action)

    def withdraw(self, key: str) -> None:
        """Takes down what does not hold any more. A key nobody told is none's loss."""
        with self._lock:
            self._notices.pop(key, None)

    def current(self) -> tuple[Notice, ...]:
        """What holds now."""
        with self._lock:
            return tuple(self._notices.values())


board = Board()
"""The server's own."""


def tell_what_the_start_knew(to: Board) -> None:
    """Puts up what the start of the workspace left in the environment, and takes it out of there.

    Kernels and terminals inherit the environment. What cannot be read is left out: a notice must not end a start.
    """
    text = os.environ.pop(VARIABLE, "")
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return
    for each in found if isinstance(found, list) else ():
        match each:
            case {"key": str(key), "level": level, "text": str(said)} if level in get_args(Level):
                to.tell(key, level, said)
            case _:
                continue
