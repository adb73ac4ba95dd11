"""Why an environment could not be built, in the words of the people who wait for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_TAIL_LINES: Final = 40
"""What uv says about one failure fits; the rest is progress."""


class BuildFailed(StudioloError):
    """An environment could not be built. Nothing of the attempt is left; the next one begins anew."""

    code: ClassVar[str] = "environment_build_failed"

    def __init__(self, reason: str, log_tail: Sequence[str], *, hint: str = "") -> None:
        """`reason`: one or two plain sentences; `log_tail`: the last lines of what the builder printed."""
        super().__init__(reason, hint=hint)
        self.reason = reason
        self.log_tail = tuple(log_tail[-LOG_TAIL_LINES:])


_TRY_AGAIN: Final = "Try again; what was downloaded is kept."
_LOCK_AGAIN: Final = "Lock the environment again, then try again."

_EXPLANATIONS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (
        re.compile(r"Because (?P<package>\S+) has no usable wheels"),
        "{package} cannot be installed here: it has no wheel for this Python, and nothing is compiled.",
        "Lock a version that has one, or another package.",
    ),
    (
        re.compile(r"Hash mismatch for `(?P<package>[^`]+)`"),
        "What the package index sent as {package} is not what was locked: its hash is another one.",
        _LOCK_AGAIN,
    ),
    (
        re.compile(r"Because (?P<package>\S+) was not found in the package registry"),
        "The package index has no package {package}.",
        "Correct the name in the lock, or name an index that has it.",
    ),
    (
        re.compile(r"there is no version of (?P<package>\S+)"),
        "The package index has no {package}.",
        _LOCK_AGAIN,
    ),
    (
        re.compile(r"none were provided for: (?P<package>.+)"),
        "The lock has no hash for {package}.",
        "Lock the environment with hashes (uv pip compile --generate-hashes).",
    ),
    (
        re.compile(r"No space left on device"),
        "The disk is full.",
        "Make room (`studiolo environment prune` removes what nothing uses), then try again.",
    ),
    (
        re.compile(r"Failed to fetch: `?(?P<package>https?://[^/`\s]+)"),
        "The package index at {package} could not be reached.",
        _TRY_AGAIN,
    ),
    (
        re.compile(r"No interpreter found|No such file or directory.*python", re.IGNORECASE),
        "The Python that environments are made for is not on this machine any more.",
        "Run `make up` again: it makes Studiolo's own environment anew.",
    ),
)


def explain(log: Sequence[str], *, exit_code: int) -> BuildFailed:
    """The failure that uv's lines tell of; its own words where it is none of the known ones."""
    text = "\n".join(log)
    for pattern, sentence, hint in _EXPLANATIONS:
        if found := pattern.search(text):
            return BuildFailed(sentence.format(**found.groupdict()), log, hint=hint)
    return BuildFailed(_own_words(log) or f"The installer ended with exit code {exit_code}.", log, hint=_TRY_AGAIN)


def _own_words(log: Sequence[str]) -> str:
    """The error uv reports and the innermost cause it gives, as two sentences."""
    errors = [line.removeprefix("error:").strip() for line in log if line.startswith("error:")]
    causes = [line.strip().removeprefix("cause:").strip() for line in log if line.strip().startswith("cause:")]
    said = [*errors[:1], *causes[-1:]]
    return " ".join(f"{sentence.rstrip('.:')}." for sentence in said)
