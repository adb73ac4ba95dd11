"""What the exit codes of `studiolo` mean, in the one place where they are given out."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from studiolo.client_errors import HubAway, NotAllowed, NotFound, NotSignedIn, ServiceAway, UnexpectedAnswer
from studiolo.registry_errors import ImageNotFound, RegistryAway, RegistryRefused

if TYPE_CHECKING:
    from studiolo.errors import StudioloError


class ExitCode(IntEnum):
    """How a command ended. Scripts rely on the numbers; they do not change."""

    OK = 0
    REFUSED = 1
    """Problems were found, or the hub said no."""
    USAGE = 2
    """The command line was not understood (click's own)."""
    NOT_ALLOWED = 3
    """Not signed in, or without the right."""
    NOT_FOUND = 4
    UNREACHABLE = 5
    """No hub, no services or no registry, or something else answers there."""
    BUG = 70
    """A mistake in Studiolo itself (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C: 128 and the signal, as shells count."""


_OF_ERROR: Final = {
    NotSignedIn: ExitCode.NOT_ALLOWED,
    NotAllowed: ExitCode.NOT_ALLOWED,
    NotFound: ExitCode.NOT_FOUND,
    HubAway: ExitCode.UNREACHABLE,
    ServiceAway: ExitCode.UNREACHABLE,
    UnexpectedAnswer: ExitCode.UNREACHABLE,
    RegistryRefused: ExitCode.NOT_ALLOWED,
    ImageNotFound: ExitCode.NOT_FOUND,
    RegistryAway: ExitCode.UNREACHABLE,
}

IN_WORDS: Final = (
    "Exit codes: 0 done, 1 refused or problems found, 2 wrong usage, 3 not signed in or not allowed, "
    "4 not found, 5 hub, services or registry unreachable, 70 a bug, 130 interrupted."
)


def exit_code_of(error: StudioloError) -> ExitCode:
    """The exit code of an error: that of its nearest class here, REFUSED for all others."""
    return next((_OF_ERROR[kind] for kind in type(error).__mro__ if kind in _OF_ERROR), ExitCode.REFUSED)
