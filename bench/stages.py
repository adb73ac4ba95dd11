"""What the logs tell of the stages of one start."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_STAMP = re.compile(r"^\[\w \d{4}-\d\d-\d\d (\d\d):(\d\d):(\d\d)\.(\d{3}) ")
_EVENTS = (
    ("Spawning ", "process"),
    (" is running at:", "server"),
    (" seconds to start", "ready"),
)


def stages_from_log(lines: Iterable[str]) -> dict[str, float]:
    """Seconds from the hub's `Spawning` line to the server listening, and from there to the hub noticing.

    Read from the millisecond stamps that hub and server print; a start that lacks one of the lines gives {}.
    """
    seen: dict[str, float] = {}
    for line in lines:
        stamp = _STAMP.match(line)
        if stamp is None:
            continue
        hours, minutes, seconds, milliseconds = (int(part) for part in stamp.groups())
        for text, name in _EVENTS:
            if text in line:
                seen.setdefault(name, hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)
    if len(seen) != len(_EVENTS):
        return {}
    return {"server": seen["server"] - seen["process"], "noticed": seen["ready"] - seen["server"]}


_READY = re.compile(r"The workspace \S+ is ready: (?P<phases>.+)$")
_PHASE = re.compile(r"(?P<name>\w+) (?P<seconds>[\d.]+) s")


def phases_from_log(lines: Iterable[str]) -> dict[str, float]:
    """Seconds of each phase of the last start that the hub's log tells of; {} when it tells of none."""
    found: dict[str, float] = {}
    for line in lines:
        if ready := _READY.search(line):
            found = {phase["name"]: float(phase["seconds"]) for phase in _PHASE.finditer(ready["phases"])}
    return found


_CLAIMED = re.compile(
    r"^\[\w (?P<at>\S+) .* is claimed: patch (?P<patch>[\d.]+) ms, order (?P<order>[\d.]+) ms \(verified "
    r"(?P<verified>[\d.]+) ms, mounted (?P<mounted>[\d.]+) ms, delivered (?P<delivered>[\d.]+) ms\), "
    r"answer (?P<answer>[\d.]+) ms"
)


def stages_of_claim(lines: Iterable[str], *, asked: datetime, ready: datetime) -> dict[str, float]:
    """Seconds of each stage of the last claim that the hub's log tells of; {} when it tells of none.

    `asked`: when the request was sent; `ready`: when the hub's word was there. Both by the clock of the hub's machine.
    """
    found = None
    for line in lines:
        found = _CLAIMED.search(line) or found
    if found is None:
        return {}
    answered = datetime.fromisoformat(found["at"])
    told = {name: float(value) / 1000 for name, value in found.groupdict().items() if name != "at"}
    request = (answered - asked).total_seconds() - told["patch"] - told["order"] - told["answer"]
    return {
        "request": request,
        "patch": told["patch"],
        "order": told["order"] - told["delivered"] + told["verified"],
        "mount": told["mounted"] - told["verified"],
        "deliver": told["delivered"] - told["mounted"],
        "answer": told["answer"],
        "route": (ready - answered).total_seconds(),
    }
