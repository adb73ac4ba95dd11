"""The spawn page selects what was wished for where it can be had, and says so where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hub.capacity.forecast import Forecast, Kind
from hub.pages.spawn_request import typed_wish
from hub.pages.spawn_view import SERVICES_AWAY, Offer, SpawnView, Target, Wish, linked_wish, remembered_wish, spawn_view
from spawner.admission import MachineState
from spawner.options import Remembered
from studiolo.choice import Choice

NOTHING = Wish(is_kept=False)


def selected(view: SpawnView) -> tuple[list[str], list[str]]:
    return (
        [card.name for card in view.software if card.is_selected],
        [card.name for card in view.hardware if card.is_selected],
    )


def test_a_newcomer_gets_the_default_choice(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    view = spawn_view(new_workspace, offer(), NOTHING)
    assert selected(view) == (["python"], ["small"])
    assert (view.heading, view.notes, view.errors) == ("New workspace", (), ())


def test_what_teams_may_not_use_is_not_there(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    view = spawn_view(new_workspace, offer(), NOTHING)
    assert [card.name for card in view.software] == ["minimal", "python"]
    assert [card.name for card in view.hardware] == ["small", "medium", "gpu"]


def test_the_last_choice_is_selected_again(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    last = remembered_wish(Remembered(choice=Choice(environment="minimal", hardware="gpu", env=(("A", "1"),))))
    view = spawn_view(new_workspace, offer(), last)
    assert selected(view) == (["minimal"], ["gpu"])
    assert view.env_text == "A=1"


def test_a_last_choice_that_does_not_fit_now_gives_way_and_is_said_so(
    new_workspace: Target, offer: Callable[..., Offer], machine: Callable[..., MachineState]
) -> None:
    last = remembered_wish(Remembered(choice=Choice(environment="python", hardware="gpu")))
    view = spawn_view(new_workspace, offer(state=machine(held_gpus=2)), last)
    assert selected(view) == (["python"], ["small"])
    assert view.notes == ("Last time it was One GPU, which cannot start now: Small is selected instead.",)


def test_a_stale_choice_is_said_so(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    view = spawn_view(new_workspace, offer(), remembered_wish(Remembered(note="The software is gone.")))
    assert view.notes == ("The software is gone.",)
    assert selected(view) == (["python"], ["small"])


def test_a_link_prefills_and_says_what_it_cannot_have(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    wish = linked_wish({"environment": "minimal", "hardware": "moon", "env": {"A": "1"}}, ["hardware: no moon."])
    view = spawn_view(new_workspace, offer(), wish)
    assert selected(view) == (["minimal"], ["small"])
    assert view.env_text == "A=1"
    assert view.notes == ("The link asks for something that cannot be had. hardware: no moon.",)


def test_an_empty_home_is_on_the_form_where_a_link_asks_for_it_and_stays_when_the_form_comes_back(
    new_workspace: Target, offer: Callable[..., Offer]
) -> None:
    wishes = [linked_wish({"home": "empty"}, ()), typed_wish({"home": ["empty"]}), linked_wish({}, ()), typed_wish({})]
    views = [spawn_view(new_workspace, offer(), wish) for wish in wishes]
    assert [view.has_empty_home for view in views] == [True, True, False, False]


def test_what_a_person_chose_stays_chosen_even_when_it_does_not_fit_any_more(
    new_workspace: Target, offer: Callable[..., Offer], machine: Callable[..., MachineState]
) -> None:
    view = spawn_view(new_workspace, offer(state=machine(held_gpus=2)), Wish(environment="python", hardware="gpu"))
    assert selected(view) == (["python"], ["gpu"])
    card = next(card for card in view.hardware if card.name == "gpu")
    assert not card.is_disabled, "a disabled choice would not be sent, and something else would start"
    assert view.summary.time == "does not fit now"


def test_the_default_is_skipped_where_it_cannot_start(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    view = spawn_view(new_workspace, offer(software={"python": {"missing_programs": ("x",)}}), NOTHING)
    assert selected(view)[0] == ["minimal"]


def test_the_summary_says_what_the_button_will_do(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    ready = Forecast(environment="python", hardware="small", kind=Kind.READY, seconds=1.2)
    summary = spawn_view(new_workspace, replace(offer(), forecasts=(ready,)), NOTHING).summary
    assert (summary.software, summary.hardware, summary.time) == ("Python", "Small", "about 1 s")


def test_a_new_workspace_may_have_a_name_and_must_have_one_while_default_is_in_use(
    new_workspace: Target, offer: Callable[..., Offer]
) -> None:
    free = spawn_view(new_workspace, offer(), NOTHING).name
    taken = spawn_view(replace(new_workspace, is_default_taken=True), offer(), NOTHING).name
    assert free is not None
    assert taken is not None
    assert (free.is_required, taken.is_required) == (False, True)


def test_an_existing_workspace_is_named_in_the_heading_and_has_no_name_field(offer: Callable[..., Offer]) -> None:
    target = Target(owner="ada", viewer="ada", server="iris", title="Iris", action="/x", is_new=False)
    view = spawn_view(target, offer(), NOTHING)
    assert (view.heading, view.name, view.for_whom) == ("Start Iris", None, "")


def test_an_administrator_sees_whose_workspace_it_is(offer: Callable[..., Offer]) -> None:
    target = Target(owner="grace", viewer="admin", server="", title="", action="/x", is_new=False)
    view = spawn_view(target, offer(), NOTHING)
    assert (view.for_whom, view.heading) == ("grace", "Start default")
    assert "grace" in view.lead


def test_missing_estimates_are_said_so(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    assert spawn_view(new_workspace, offer(), NOTHING).missing == ""
    assert spawn_view(new_workspace, replace(offer(), knows_estimates=False), NOTHING).missing == SERVICES_AWAY


def test_a_page_with_nothing_on_offer_is_still_a_page(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    nothing = replace(offer(), software=(), hardware=(), default=None)
    view = spawn_view(new_workspace, nothing, NOTHING)
    assert (view.software, view.hardware, view.summary.software) == ((), (), "…")
