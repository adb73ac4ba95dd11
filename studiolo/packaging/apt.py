"""Reads `apt.txt`: the Debian packages that a model needs, one on a line. What such a name is, is decided here. Pure.

The name is repo2docker's and Binder's, so that a folder made for those says the same here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from studiolo.packaging.errors import ProjectRefused
from studiolo.problems import quoted

if TYPE_CHECKING:
    from pathlib import Path

    from studiolo.packaging.project import Project

APT: Final = "apt.txt"

MOST_PACKAGES: Final = 100
LONGEST: Final = 200
"""Characters of a line. Debian's longest names have fewer than 100."""

LARGEST: Final = 64 * 1024
"""Bytes of the file."""

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


def apt_beside(project: Project) -> tuple[str, ...]:
    """The packages that a folder names. Raises ProjectRefused with everything that cannot be taken."""
    file = next((one for one in project.files if one.path == APT), None)
    if file is None:
        return ()
    return _read(project.read(file) if file.size <= LARGEST else b" " * (LARGEST + 1))


def apt_in(folder: Path) -> tuple[str, ...]:
    """The same of a folder that is only looked at. Raises ProjectRefused, or OSError."""
    path = folder / APT
    if path.is_symlink() or not path.is_file():
        return ()
    with path.open("rb") as file:
        return _read(file.read(LARGEST + 1))


def _read(content: bytes) -> tuple[str, ...]:
    if len(content) > LARGEST:
        raise ProjectRefused((f"{APT} has more than {LARGEST // 1024} KiB, which no list of packages needs.",))
    problems: list[str] = []
    found: tuple[str, ...] = ()
    try:
        found = read_apt(content.decode(), problems)
    except UnicodeDecodeError:
        problems.append(f"{APT} is no text in UTF-8. Save it as such.")
    if problems:
        raise ProjectRefused(tuple(problems))
    return found


def needs_apt(packages: tuple[str, ...]) -> str:
    """Why a folder with such packages is not packaged on a machine, and the way out."""
    return (
        f"{APT} names Debian packages ({', '.join(packages)}), and a package that is made on this machine installs "
        "none. Package it from a workspace of a hub that builds bases with them (studiolo model base ask), or remove "
        f"{APT} if what it names is there anyway."
    )
