"""Data on the spawn page: what is offered, what of it is ticked, and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hub.pages.actions import choice_fields
from hub.pages.data_ticks import NOT_HELD_HERE, DataTick, data_ticks
from hub.pages.spawn_request import errors_from_options, typed_wish
from hub.pages.spawn_view import Offer, SpawnView, Target, Wish, linked_wish, remembered_wish, spawn_view
from spawner.errors import OptionsError
from spawner.options import Remembered, options_from_form, options_from_query
from studiolo.catalog import Catalog
from studiolo.choice import Choice

CHOICE = Choice(environment="python", hardware="small", data=("iris",))


def ticked(view: SpawnView) -> list[str]:
    return [tick.name for tick in view.data if tick.is_ticked]


def test_an_entry_says_where_it_will_be_and_what_may_be_done_with_it(sample_catalog: Catalog) -> None:
    iris, scans = data_ticks(sample_catalog.data, ("scans",), is_machine=False)
    assert iris == DataTick(
        name="iris", title="Iris", summary="", place="/data/iris", use="to be read", is_ticked=False
    )
    assert (scans.place, scans.use, scans.is_ticked) == ("/data/vision/scans", "to be read and changed", True)


def test_on_one_machine_it_is_below_the_home_and_nobody_is_held_to_reading(sample_catalog: Catalog) -> None:
    iris, scans = data_ticks(sample_catalog.data, (), is_machine=True)
    assert (iris.place, iris.use) == ("~/data/iris", NOT_HELD_HERE)
    assert scans.use == "to be read and changed"


def test_where_nothing_is_offered_nothing_is_shown(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    assert spawn_view(new_workspace, replace(offer(), data=()), Wish()).data == ()


def test_only_what_is_offered_to_the_person_is_shown(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    view = spawn_view(new_workspace, offer(), Wish(data=("scans",)))
    assert [tick.name for tick in view.data] == ["iris"]
    assert ticked(view) == []


def test_data_is_remembered_linked_and_typed(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    linked = linked_wish(options_from_query({"data": ["iris"]}), ())
    for wish in (remembered_wish(Remembered(choice=CHOICE)), linked, typed_wish({"data": ["iris"]})):
        assert ticked(spawn_view(new_workspace, offer(), wish)) == ["iris"]


def test_a_problem_with_data_leads_to_the_data() -> None:
    (error,) = errors_from_options(OptionsError(('data: "x" is not on offer.',)))
    assert error.field == "data"


def test_a_button_that_starts_the_same_again_sends_the_data_too() -> None:
    choice = replace(CHOICE, data=("iris", "scans"), env=(("A", "1"), ("B", "2")))
    sent: dict[str, list[str]] = {}
    for name, value in choice_fields(choice):
        sent.setdefault(name, []).append(value)
    assert options_from_form(sent) == choice.as_user_options()


def test_who_may_lose_old_files_reads_it_before(sample_catalog: Catalog) -> None:
    aged = sample_catalog.data[1].model_copy(update={"max_age": timedelta(days=30)})
    for is_machine in (True, False):
        [tick] = data_ticks((aged,), (), is_machine=is_machine)
        assert tick.use == "to be read and changed; files that nobody used for 30 d are removed"
