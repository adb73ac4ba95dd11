"""From our errors to JupyterHub's: the one place where a failed start gets its HTTP status and its words.

A `SpawnException` never counts towards JupyterHub's consecutive failures, after which it ends for everybody; any other
exception does. So everything that ends a start goes through here, faults of ours too.
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from jupyterhub.spawner import SpawnException

from spawner.errors import (
    ClusterAway,
    CredentialsGone,
    DataNotUsable,
    DoesNotFitError,
    HomesAway,
    NoUserNumber,
    OptionsError,
    ProgramsMissing,
    StartError,
    StartStopped,
    UnexpectedStartFailure,
)
from spawner.package_errors import PackageGone, PackagesAway, PackageSoftwareGone, PackageStandsOnOther
from spawner.verdicts.errors import ChoiceNotPossible
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS: Mapping[type[StartError], HTTPStatus] = MappingProxyType(
    {
        OptionsError: HTTPStatus.BAD_REQUEST,
        DoesNotFitError: HTTPStatus.CONFLICT,
        ProgramsMissing: HTTPStatus.CONFLICT,
        CredentialsGone: HTTPStatus.CONFLICT,
        DataNotUsable: HTTPStatus.CONFLICT,
        NoUserNumber: HTTPStatus.CONFLICT,
        PackageGone: HTTPStatus.CONFLICT,
        PackageSoftwareGone: HTTPStatus.CONFLICT,
        PackageStandsOnOther: HTTPStatus.CONFLICT,
        StartStopped: HTTPStatus.CONFLICT,
        ChoiceNotPossible: HTTPStatus.CONFLICT,
        ClusterAway: HTTPStatus.SERVICE_UNAVAILABLE,
        HomesAway: HTTPStatus.SERVICE_UNAVAILABLE,
        PackagesAway: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""What a person can change is 4xx. All else is 500: a monitor should see it, though the hub does not end for it."""


class Log(Protocol):
    """Where the whole of an unexpected failure goes: a `logging.Logger` will do."""

    def error(
        self,
        msg: str,
        /,
        *args: object,
        exc_info: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> object:
        """Write one line, with a traceback when an exception is given."""


def public_error(error: BaseException) -> StartError:
    """The error as a person may see it: ours as they are, everything else as a reference to the log."""
    if isinstance(error, SpawnException) and isinstance(failure := getattr(error, "failure", None), StartError):
        return failure
    if isinstance(error, StartError):
        return error
    if isinstance(error, StudioloError):
        return StartError(str(error), hint=error.hint)
    return UnexpectedStartFailure()


def to_spawn_exception(error: BaseException, *, log: Log | None = None) -> SpawnException:
    """The error as JupyterHub wants it, with the same text on every page, in every reply, and the failure kept on it.

    An unexpected error is written to `log` in full, under the reference that the person sees.
    """
    failure = public_error(error)
    if log is not None and isinstance(failure, UnexpectedStartFailure) and failure is not error:
        known = {"reference": failure.reference, "verdict": failure.code}
        log.error("A workspace could not start (ref %s)", failure.reference, exc_info=error, extra=known)
    exception = SpawnException(
        failure.text,
        reason=failure.code,
        log_message=_one_line(f"{failure.code} (ref {failure.reference}): {failure.text}"),
        status_code=STATUS.get(type(failure), HTTPStatus.INTERNAL_SERVER_ERROR).value,
    )
    # Two of JupyterHub's pages look for this attribute alone (facts: SpawnException does not set it).
    exception.jupyterhub_message = failure.text
    exception.failure = failure
    if error is not failure:
        exception.__cause__ = error
    return exception


def _one_line(text: str) -> str:
    """Text that cannot begin a line of its own in the log: what a user typed may be repeated in it."""
    return "".join(character if character.isprintable() else " " for character in text)
