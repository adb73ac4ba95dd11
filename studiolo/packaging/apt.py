"""Reads `apt.txt`: the Debian packages that a model needs, one on a line. What such a name is, is decided here. Pure.

The name is repo2docker's and Binder's, so that a folder made for those says the same here.
"""

from __future__ import annotations

import re
from typing import Final

from studiolo.problems import quoted

APT: Final = "apt.txt"

MOST_PACKAGES: Final = 100
LONGEST: Final = 200
"""Characters of a line. Debian's longest names have fewer than 100."""

_NAME: Final = r"[a-z0-9][a-z0-9+.-]*[a-z0-9+]"
"""Debian policy 5.6.1, but for a hyphen at its end: apt-get would take that for "remove"."""
_VERSION: Final = r"(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*"
"""Debian policy 5.6.12."""
_WANTED: Final = re.compile(rf"{_NAME}(?:={_VERSION})?", re.ASCII)


def is_debian_package(text: str) -> bool:
    """Whether it is `NAME` or `NAME=VERSION`, and nothing that apt-get could read in another way."""
    return len(text) <= LONGEST and _WANTED.fullmatch(text) is not None


def read_apt(text: str, problems: list[str]) -> tuple[str, ...]:
    """The packages that it names, each once, in order; what cannot be taken is added to `problems`, all of it."""
    plain = (line.partition("#")[0].strip() for line in text.splitlines())
    lines = sorted({line for line in plain if line})
    problems += [
        f"{APT}: {quoted(line[:LONGEST])} is no Debian package. Write one on each line, as libgomp1 or "
        "libgomp1=12.2.0-14, and no options."
        for line in lines
        if not is_debian_package(line)
    ]
    if len(lines) > MOST_PACKAGES:
        problems.append(f"{APT} names {len(lines)} packages, and {MOST_PACKAGES} are the most.")
    return tuple(lines)
