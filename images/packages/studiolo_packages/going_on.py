"""`python -m pip` in a workspace: makes the person's own virtual environment where it is missing, and goes on in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from studiolo_packages import VARIABLE, VERSION, own_packages, point_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def main(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Becomes the real pip."""
    place = environ.get(VARIABLE)
    if not place:
        sys.exit("pip works in the notebooks and terminals of a workspace, where it installs for their person alone.")
    try:
        prepare(Path(place))
    except OSError as error:
        sys.exit(f"What pip installs cannot be kept in {place}: {error.strerror}.")
    python = f"{place}/bin/python"
    env = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **environ}
    del env[VARIABLE]
    # --user means what is done anyway, and pip refuses it in a virtual environment.
    os.execve(python, [python, "-P", "-m", "pip", *(word for word in words if word != "--user")], env)  # noqa: S606 - the very same process goes on


def prepare(place: Path) -> None:
    """Makes what is missing. Packages for another version of Python stay, and are found again by that one."""
    place.mkdir(parents=True, exist_ok=True)
    with _alone(place):
        if not _is_ready(place):
            shutil.rmtree(place / "bin", ignore_errors=True)
            venv.EnvBuilder(symlinks=True, with_pip=False, prompt=place.name).create(place)
        own = own_packages(str(place))
        Path(own).mkdir(parents=True, exist_ok=True)
        point_here(own)


def _is_ready(place: Path) -> bool:
    try:
        known = (place / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return False
    return f"version = {VERSION.removeprefix('python')}." in known and (place / "bin" / "python").exists()


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One at a time, where the file system knows locks."""
    with (place / ".lock").open("w") as lock:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
