"""A person's own packages come before those of the environment: what pip installs in a workspace, for them alone.

They lie in the home, in a virtual environment for each environment of the catalog. Whatever runs in a kernel or a
terminal has STUDIOLO_PACKAGES in its variables; then the environment's Python looks there first (`begin`, called by
`studiolo_packages.pth`). The server has no such variable, and starts whatever somebody installed.

Imported whenever a kernel starts: the standard library, and of it what is there already.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "STUDIOLO_PACKAGES"
"""Names the folder, in kernels and terminals."""

HERE = os.path.dirname(os.path.abspath(__file__))  # by os.path: pathlib is not there yet when Python begins
ENVIRONMENT = os.path.dirname(HERE)
"""The packages of the environment."""

DOOR = os.path.join(HERE, "door")
"""Has a package `pip` that goes on to the real one, in the person's own virtual environment: `going_on.py`."""

PIP = os.path.join(HERE, "pip")
"""Has the real one."""

PROGRAMS = os.path.join(HERE, "bin")

_ENVIRONMENT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
AFTER_ITS_OWN = (
    f"import sys, site; {ENVIRONMENT!r}.startswith(sys.prefix) or (sys.path.append({PIP!r}), "
    f"site.addsitedir({ENVIRONMENT!r}))\n"
)
"""For the Python in the folder: the real pip and the environment's packages. The environment's own has both already."""

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def folder(environ: Mapping[str, str]) -> str:
    """Where the packages of this person for this environment lie; "" outside of a workspace."""
    if told := environ.get(VARIABLE):
        return told
    name, home = environ.get("STUDIOLO_ENVIRONMENT", ""), environ.get("HOME", "")
    if not home or not _ENVIRONMENT_NAME.fullmatch(name):
        return ""
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    return os.path.join(data, "studiolo", "packages", name)


def own_packages(place: str) -> str:
    """Where pip puts them, for this Python."""
    return os.path.join(place, "lib", VERSION, "site-packages")


def begin(place: str) -> None:
    """Looks there first from now on; also where nothing is there yet, for what the first `%pip install` will put there.

    Only in the environment's own Python: the one in the folder does by itself.
    """
    is_environment = ENVIRONMENT.startswith(sys.prefix + os.sep) and ENVIRONMENT in sys.path
    if not place or not is_environment or DOOR in sys.path:
        return
    import site  # noqa: PLC0415 - there already, but for a Python that is told to do without

    own, known, before = own_packages(place), len(sys.path), sys.path.index(ENVIRONMENT)
    if os.path.isdir(own):
        # Where it cannot be written, programs that pip installed may miss the environment's packages; kernels do not.
        with contextlib.suppress(OSError):
            point_here(own)
    else:
        _look_again_later(own)
    site.addsitedir(own)
    added = sys.path[known:]
    del sys.path[known:]
    sys.path[before:before] = [DOOR, *added]


def with_packages(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a kernel or a terminal; none where there is no such folder.

    Programs of the environment come before those that pip installed, which find the person's packages all the same:
    so nothing can stand in the way of `python`.
    """
    place = folder(environ)
    if not place:
        return {}
    first, *rest = environ.get("PATH", os.defpath).split(os.pathsep)
    return {VARIABLE: place, "PATH": os.pathsep.join((PROGRAMS, first, f"{place}/bin", *rest))}


def left_out(environ: Mapping[str, str]) -> str:
    """Why what somebody installed is not seen: a sentence, "" where all of it is."""
    place = folder(environ)
    if not place or not os.path.isdir(place + "/lib") or os.path.isdir(own_packages(place)):
        return ""
    was = sorted(name for name in os.listdir(place + "/lib") if name.startswith("python"))
    if not was:
        return ""
    return (
        f"What you installed with pip is left out: it is for Python {was[-1].removeprefix('python')}, and this "
        f"environment has {VERSION.removeprefix('python')} now. Install it again with %pip install. To be rid of what "
        f"is left out: rm -r {place}/lib/{was[-1]}"
    )


def point_here(own: str) -> None:
    """Tells the Python in the folder what comes after its own packages. After an update the environment lies elsewhere.

    OSError where the home takes nothing.
    """
    path = os.path.join(own, "studiolo-environment.pth")
    try:
        with open(path, encoding="utf-8") as file:
            is_right = file.read() == AFTER_ITS_OWN
    except FileNotFoundError:
        is_right = False
    if not is_right:
        with open(path, "w", encoding="utf-8") as file:
            file.write(AFTER_ITS_OWN)


def _look_again_later(own: str) -> None:
    """Python remembers for good that a folder is not there. This finder looks again."""
    from importlib import machinery as m  # noqa: PLC0415 - only until the first package

    loaders = (
        (m.ExtensionFileLoader, m.EXTENSION_SUFFIXES),
        (m.SourceFileLoader, m.SOURCE_SUFFIXES),
        (m.SourcelessFileLoader, m.BYTECODE_SUFFIXES),
    )
    sys.path_importer_cache[own] = m.FileFinder(own, *loaders)
