"""A failed start says what happened, why, and what the person can have instead."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest

from spawner import errors
from spawner.admission import Capacity, DoesNotFit, MachineState, admit
from spawner.ending import Ending, EndingKind
from spawner.errors import (
    OFFERS_SHOWN,
    REFERENCE_ALPHABET,
    REFERENCE_LENGTH,
    CredentialsGone,
    DoesNotFitError,
    EnvironmentBuildFailed,
    HomeNotUsable,
    Offer,
    OptionsError,
    ProgramsMissing,
    RouteNotAdded,
    ScratchNotUsable,
    ServerExited,
    ServerNeverReady,
    StartError,
    StartStopped,
    UnexpectedStartFailure,
    new_reference,
    offer_again,
    offers_on,
)
from studiolo.catalog import Catalog, Environment, Hardware
from studiolo.choice import Choice
from studiolo.errors import StudioloError

CHOICE = Choice(environment="python", hardware="gpu", env=(("A", "1"),))
R = Environment(name="r", title="R", programs=("Rscript",))


def no_room(
    catalog: Catalog, *, gpus: tuple[str, ...] = (), alternatives: tuple[Hardware, ...] = ()
) -> DoesNotFitError:
    asked = catalog.hardware_named("gpu")
    assert asked is not None
    verdict = admit(asked, MachineState(capacity=Capacity(memory_bytes=asked.memory_bytes, cpu_cores=8, gpus=gpus)))
    assert isinstance(verdict, DoesNotFit)
    return DoesNotFitError(asked, verdict, alternatives=alternatives)


def test_all_failures_stand_under_one_tree_and_have_codes_of_their_own() -> None:
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, StartError)]
    assert issubclass(StartError, StudioloError)
    assert len({value.code for value in classes}) == len(classes) > 0
    assert all(value.__name__ in (errors.__doc__ or "") for value in classes)


def test_no_room_ever_names_what_is_short_and_what_fits(sample_catalog: Catalog) -> None:
    error = no_room(sample_catalog, alternatives=sample_catalog.hardware[:2])
    assert error.sentence == '"One GPU" does not fit on this machine at all.'
    assert error.cause == "It needs 1 GPU, this machine has no GPU."
    assert error.hint == 'What fits now: "Small" and "Medium".'
    assert error.text == f"{error.sentence} {error.cause} {error.hint}"


def test_no_room_now_and_nothing_else_fits_says_what_to_do(sample_catalog: Catalog) -> None:
    asked = sample_catalog.hardware[0]
    verdict = DoesNotFit(
        short=("needs 2 GiB of memory, 1 GiB is free",), free=Capacity(memory_bytes=0, cpu_cores=0), later=True
    )
    error = DoesNotFitError(asked, verdict)
    assert error.sentence == '"Small" does not fit on this machine now.'
    assert error.hint.startswith("Nothing else fits now either. Stop a workspace")


def test_no_room_ever_and_nothing_else_fits_is_for_an_administrator(sample_catalog: Catalog) -> None:
    assert "Ask an administrator" in no_room(sample_catalog).hint


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ProgramsMissing(R, ("Rscript",)),
            (
                '"R" cannot run on this machine. It needs Rscript, which is not installed here. '
                "Choose other software, or ask an administrator to install it."
            ),
        ),
        (
            EnvironmentBuildFailed(R, "There is no build of torch for Python 3.11.", log_tail=("error: no wheel",)),
            (
                'The software "R" could not be installed. There is no build of torch for Python 3.11. '
                "Try again, or choose other software. If it goes on, tell an administrator the reference."
            ),
        ),
        (
            HomeNotUsable("No space left on device"),
            (
                "Your home directory cannot be used. The machine said: No space left on device. "
                "Start with an empty home, or tell an administrator the reference: nothing in your home was changed."
            ),
        ),
        (
            ScratchNotUsable("No space left on device"),
            (
                "The scratch folder of your workspace cannot be made. The machine said: No space left on device. "
                "Choose hardware without scratch, or tell an administrator the reference."
            ),
        ),
        (
            ServerNeverReady(60),
            (
                "The server of your workspace did not answer within 1 min. It was stopped. "
                "Try again. If it goes on, tell an administrator the reference."
            ),
        ),
        (
            RouteNotAdded(),
            (
                "Your workspace ran and could not be reached. The proxy, through which people reach it, did not take "
                "its address. So it was stopped. "
                "Try again in a minute. If it goes on, tell an administrator the reference."
            ),
        ),
        (
            CredentialsGone(["hub"], Choice(environment="r", hardware="small", credentials=("hub", "wandb"))),
            (
                'The credential "hub" does not exist any more. It was removed or renamed since it was chosen. '
                "Start without it, or add it again under Credentials."
            ),
        ),
        (StartStopped(), "This start was stopped. Your files are as they were."),
        (OptionsError(("hardware: wrong.", "env: wrong.")), "hardware: wrong. env: wrong."),
    ],
)
def test_each_failure_says_what_happened_why_and_what_to_do(error: StartError, text: str) -> None:
    assert error.text == text
    assert str(error) == error.sentence


def test_a_server_that_ended_says_how_and_brings_its_last_lines() -> None:
    ending = Ending(
        kind=EndingKind.EXITED, exit_code=1, ended_at=datetime.now(UTC), log_tail=("ModuleNotFoundError: jupyterlab",)
    )
    error = ServerExited(ending)
    assert error.cause == "It ended by itself with exit code 1."
    assert error.log_tail == ("ModuleNotFoundError: jupyterlab",)


def test_a_credential_that_is_gone_can_be_left_out_and_the_rest_stays() -> None:
    choice = Choice(environment="r", hardware="small", env=(("A", "1"),), credentials=("hub", "wandb"))
    (offer,) = CredentialsGone(["hub"], choice).offers
    assert offer.label == "Start without it"
    assert offer.choice == Choice(environment="r", hardware="small", env=(("A", "1"),), credentials=("wandb",))


def test_an_offer_of_other_hardware_keeps_everything_else_that_was_chosen(sample_catalog: Catalog) -> None:
    choice = Choice(environment="python", hardware="gpu", env=(("A", "1"),), credentials=("hub",))
    (offer,) = offers_on(sample_catalog.hardware[:1], choice)
    assert offer.choice == Choice(environment="python", hardware="small", env=(("A", "1"),), credentials=("hub",))


def test_an_unexpected_failure_is_ours_and_carries_its_reference_in_the_sentence() -> None:
    error = UnexpectedStartFailure()
    assert str(error) == error.sentence == f"We could not start your workspace (ref {error.reference})."
    assert "a fault of ours" in error.text


def test_a_reference_can_be_read_out_over_the_telephone() -> None:
    reference = new_reference()
    assert len(reference) == REFERENCE_LENGTH
    assert set(reference) <= set(REFERENCE_ALPHABET)
    assert not set("01OILU") & set(REFERENCE_ALPHABET)
    assert len({StartError("x").reference for _ in range(20)}) > 1


def test_offers_start_the_same_software_with_the_same_variables_on_other_hardware(sample_catalog: Catalog) -> None:
    medium, gpu = sample_catalog.hardware[1:3]
    assert offers_on([medium, gpu], CHOICE) == (
        Offer(
            label="Start on Medium",
            note="2 CPU · 4 GiB · without a GPU · same files",
            choice=Choice(environment="python", hardware="medium", env=(("A", "1"),)),
        ),
        Offer(
            label="Start on One GPU",
            note="2 CPU · 8 GiB · 1 GPU · same files",
            choice=Choice(environment="python", hardware="gpu", env=(("A", "1"),)),
        ),
    )


def test_a_page_shows_only_a_few_offers(sample_catalog: Catalog) -> None:
    assert len(offers_on(sample_catalog.hardware * 5, CHOICE)) == OFFERS_SHOWN


def test_trying_again_is_the_same_choice() -> None:
    assert offer_again(CHOICE).choice == CHOICE
