"""Whatever ends a start reaches JupyterHub as a SpawnException: shown everywhere, never counted against the hub."""

from __future__ import annotations

import asyncio
import logging

import pytest
from jupyterhub.spawner import SpawnException
from jupyterhub.utils import format_exception

from spawner.admission import Capacity, DoesNotFit
from spawner.errors import (
    DoesNotFitError,
    OptionsError,
    ProgramsMissing,
    ServerNeverReady,
    StartError,
    StartStopped,
    UnexpectedStartFailure,
)
from spawner.options import parse_options
from spawner.refusals import public_error, to_spawn_exception
from studiolo.catalog import Catalog, Environment
from studiolo.errors import StudioloError

LOG = logging.getLogger("test")


def no_room(catalog: Catalog) -> DoesNotFitError:
    verdict = DoesNotFit(short=("needs 1 GPU",), free=Capacity(memory_bytes=0, cpu_cores=0), later=True)
    return DoesNotFitError(catalog.hardware[2], verdict)


def test_the_text_reaches_every_page_and_reply(sample_catalog: Catalog) -> None:
    error = no_room(sample_catalog)
    exception = to_spawn_exception(error)
    assert isinstance(exception, SpawnException)
    assert format_exception(exception) == (error.text, None)
    assert exception.message == error.text
    assert exception.reason == "does_not_fit"
    assert exception.failure is error
    assert exception.__cause__ is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OptionsError(("hardware: wrong.",)), 400),
        (ProgramsMissing(Environment(name="r", title="R"), ("Rscript",)), 409),
        (StartStopped(), 409),
        (ServerNeverReady(60), 500),
        (StartError("Something else."), 500),
        (RuntimeError("a fault of ours"), 500),
    ],
)
def test_what_a_person_can_change_is_4xx_and_what_is_ours_is_500(error: Exception, status: int) -> None:
    assert to_spawn_exception(error).status_code == status


def test_no_room_is_a_conflict_with_what_runs(sample_catalog: Catalog) -> None:
    assert to_spawn_exception(no_room(sample_catalog)).status_code == 409


@pytest.mark.parametrize("error", [RuntimeError("disk on fire"), TimeoutError(), asyncio.CancelledError(), KeyError(7)])
def test_an_unexpected_failure_shows_a_reference_and_logs_the_rest(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    exception = to_spawn_exception(error, log=LOG)
    failure = exception.failure
    assert isinstance(failure, UnexpectedStartFailure)
    assert "fire" not in exception.jupyterhub_message
    assert f"(ref {failure.reference})" in exception.jupyterhub_message
    (record,) = caplog.records
    assert failure.reference in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert exception.__cause__ is error


def test_an_expected_failure_is_logged_by_jupyterhub_alone(caplog: pytest.LogCaptureFixture) -> None:
    to_spawn_exception(ServerNeverReady(60), log=LOG)
    assert not caplog.records


def test_a_failure_that_has_its_reference_already_keeps_it(caplog: pytest.LogCaptureFixture) -> None:
    failure = UnexpectedStartFailure()
    assert to_spawn_exception(failure, log=LOG).failure is failure
    assert not caplog.records


def test_another_public_error_keeps_its_words() -> None:
    exception = to_spawn_exception(StudioloError("The hub is full.", hint="Come back later."))
    assert exception.jupyterhub_message == "The hub is full. Come back later."


def test_a_refusal_that_comes_back_is_the_same_failure(sample_catalog: Catalog) -> None:
    error = no_room(sample_catalog)
    assert public_error(to_spawn_exception(error)) is error
    assert isinstance(public_error(SpawnException("somebody else's", reason="other")), UnexpectedStartFailure)


def test_the_log_names_the_reference_on_one_line(sample_catalog: Catalog) -> None:
    error = StartError("It\nsaid\x1b[31m so.")
    assert to_spawn_exception(error).log_message == f"start_failed (ref {error.reference}): It said [31m so."


def test_the_log_never_holds_the_value_of_a_variable(sample_catalog: Catalog) -> None:
    options = {"hardware": "smal", "env": {"DB_PASSWORD": "correct-horse", "PATH": "/correct-horse", "A": "correct\n"}}
    with pytest.raises(OptionsError) as caught:
        parse_options(options, catalog=sample_catalog, teams=())
    exception = to_spawn_exception(caught.value, log=LOG)
    for text in (exception.log_message, str(exception), exception.jupyterhub_message):
        assert "DB_PASSWORD" in text
        assert "correct" not in text
