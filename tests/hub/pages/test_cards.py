"""The cards say what a choice is, what it costs, and whether it can start now."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hub.pages.cards import MachineFacts, SoftwareFacts, hardware_card, price, shape, software_card
from hub.pages.tones import Tone
from spawner.admission import MachineState, what_fits
from studiolo.catalog import Catalog, Hardware


def card_of(name: str, catalog: Catalog, state: MachineState, **enforced: bool) -> Any:
    machine = MachineFacts(state=state, verdicts=what_fits(catalog.hardware, state), **enforced)
    hardware = catalog.hardware_named(name)
    assert hardware is not None
    return hardware_card(hardware, machine, currency="EUR", is_selected=False)


def test_hardware_that_fits_says_so_and_how_many_gpus_are_free(
    sample_catalog: Catalog, machine: Callable[..., MachineState]
) -> None:
    card = card_of("gpu", sample_catalog, machine(held_gpus=1))
    assert (card.tone, card.state, card.is_disabled) == (Tone.OK, "fits now · 1 of 2 GPUs free", False)


def test_hardware_that_does_not_fit_now_gives_the_reason_and_cannot_be_chosen(
    sample_catalog: Catalog, machine: Callable[..., MachineState]
) -> None:
    card = card_of("gpu", sample_catalog, machine(held_gpus=2))
    assert (card.tone, card.state, card.is_disabled) == (Tone.NO, "not now: needs 1 GPU, none of 2 is free", True)


def test_hardware_that_never_fits_is_told_apart_from_what_fits_later(
    sample_catalog: Catalog, machine: Callable[..., MachineState]
) -> None:
    card = card_of("huge", sample_catalog, machine())
    assert card.state.startswith("not on this machine: needs 16 GiB of memory")


@pytest.mark.parametrize(
    ("memory", "cpu", "notes"),
    [
        pytest.param(True, True, (), id="both hold"),
        pytest.param(False, True, ("memory not enforced on this machine",), id="memory does not"),
        pytest.param(True, False, ("CPU limit not enforced on this machine",), id="CPU does not"),
        pytest.param(False, False, ("limits not enforced on this machine",), id="neither holds"),
    ],
)
def test_a_limit_that_is_not_enforced_is_said_so_on_the_card(
    memory: bool,
    cpu: bool,
    notes: tuple[str, ...],
    sample_catalog: Catalog,
    machine: Callable[..., MachineState],
) -> None:
    card = card_of("small", sample_catalog, machine(), memory_is_enforced=memory, cpu_is_enforced=cpu)
    assert card.notes == notes


def test_scratch_says_how_much_and_that_it_goes_and_where_nothing_holds_its_limit(
    sample_catalog: Catalog, machine: Callable[..., MachineState]
) -> None:
    small = sample_catalog.hardware[0].model_copy(update={"scratch_bytes": 50 * 2**30})
    here = MachineFacts(state=machine(), verdicts=what_fits((small,), machine()))
    notes = [hardware_card(small, where, currency="EUR", is_selected=False).notes for where in (None, here)]
    assert notes == [
        ("50 GiB scratch, gone afterwards",),
        ("50 GiB scratch, gone afterwards (limit not enforced on this machine)",),
    ]


def test_the_shape_names_cores_memory_and_gpus(sample_catalog: Catalog) -> None:
    shapes = [shape(entry) for entry in sample_catalog.hardware]
    assert shapes == [
        "1\N{EN DASH}2 CPU · 2 GiB",
        "2\N{EN DASH}4 CPU · 4 GiB",
        "2\N{EN DASH}4 CPU · 8 GiB · 1 GPU",
        "4\N{EN DASH}8 CPU · 16 GiB · 2 GPUs",
    ]


def test_equal_request_and_limit_are_one_number(sample_catalog: Catalog) -> None:
    small = sample_catalog.hardware[0]
    same = Hardware.model_validate({**small.model_dump(), "cpu": {"request": 2, "limit": 2}})
    assert shape(same) == "2 CPU · 2 GiB"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        pytest.param(None, "EUR", "", id="no price"),
        pytest.param(Decimal("0.04"), "EUR", "0.04 €/h", id="a sign people know"),
        pytest.param(Decimal("12.50"), "SEK", "12.50 SEK/h", id="a currency without one"),
    ],
)
def test_a_price_is_shown_as_it_was_written(amount: Decimal | None, currency: str, shown: str) -> None:
    assert price(amount, currency) == shown


@pytest.mark.parametrize(
    ("facts", "tone", "state", "time", "can_start"),
    [
        pytest.param({"is_ready": True}, Tone.OK, "ready", "", True, id="ready, nothing known"),
        pytest.param(
            {"is_ready": False},
            Tone.SOON,
            "is installed at first use: takes minutes, once",
            "minutes, the first time",
            True,
            id="not installed yet",
        ),
        pytest.param(
            {"is_ready": False, "missing_programs": ("R", "Rscript")},
            Tone.NO,
            "not here: needs R and Rscript on this machine",
            "",
            False,
            id="a program is missing",
        ),
        pytest.param(
            {"is_ready": False, "problem": "The lock cannot be read."},
            Tone.NO,
            "not now: The lock cannot be read.",
            "",
            False,
            id="nobody can install it",
        ),
    ],
)
def test_software_says_whether_it_is_ready(
    *, facts: dict[str, Any], tone: Tone, state: str, time: str, can_start: bool, sample_catalog: Catalog
) -> None:
    card = software_card(SoftwareFacts(environment=sample_catalog.environments[0], **facts), is_selected=False)
    assert (card.tone, card.state, card.time, card.can_start) == (tone, state, time, can_start)
    assert card.is_disabled is not can_start


def test_apps_are_shown_by_their_titles(sample_catalog: Catalog) -> None:
    pytorch = sample_catalog.environment("pytorch")
    assert pytorch is not None
    card = software_card(SoftwareFacts(environment=pytorch, is_ready=True), is_selected=False)
    assert card.note == ""
    assert card.apps == ("TensorBoard",)


def test_software_says_that_a_newer_version_is_on_its_way(sample_catalog: Catalog) -> None:
    facts = SoftwareFacts(environment=sample_catalog.environments[0], is_ready=True, newer_is_coming=True)
    assert software_card(facts, is_selected=False).note == "A newer version is being brought to the machines."
