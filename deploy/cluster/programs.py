"""The one door to other programs: run one to its end, or get an error with what it said."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from deploy.cluster.errors import NotThisMachineError, ProgramFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_program(
    *argv: str | Path, text: str | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """What it printed. Raises ProgramFailedError with its last lines, NotThisMachineError where it does not exist."""
    words = tuple(map(str, argv))
    try:
        done = subprocess.run(
            words,
            input=text,
            env=None if env is None else dict(env),
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NotThisMachineError(f"The program {words[0]} is not on this machine.") from error
    if done.returncode:
        raise ProgramFailedError(words, code=done.returncode, output=done.stderr or done.stdout)
    return done.stdout


def try_program(*argv: str | Path, text: str | None = None) -> bool:
    """Whether it ended well."""
    try:
        run_program(*argv, text=text)
    except ProgramFailedError:
        return False
    return True
