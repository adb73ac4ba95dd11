"""The tick of a model package: remembered, linked, typed, and sent again by every button that starts the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.pages.actions import choice_fields
from hub.pages.package_tick import package_in, package_tick
from hub.pages.spawn_request import errors_from_options, typed_wish
from hub.pages.spawn_view import Offer, Target, Wish, linked_wish, remembered_wish, spawn_view
from spawner.errors import OptionsError
from spawner.options import Remembered, options_from_form, options_from_query
from studiolo.catalog import Environment
from studiolo.choice import Choice
from studiolo.package_name import PackageName
from studiolo.wire_models import PackageOrigin

CHOICE = Choice(environment="python", hardware="small", model="iris:1.0")
IRIS = PackageName.parse("iris:1.0")
ORIGIN = PackageOrigin(name="iris", version="1.0", digest="sha256:d", environment="python")
OFFERED = (Environment(name="python", title="Python"),)


def test_a_package_is_remembered_linked_and_typed() -> None:
    remembered = remembered_wish(Remembered(choice=CHOICE))
    linked = linked_wish(options_from_query({"model": ["iris:1.0"]}), ())
    assert {wish.model for wish in (remembered, linked, typed_wish({"model": ["iris:1.0"]}))} == {"iris:1.0"}
    assert {wish.model for wish in (Wish(), typed_wish({}), linked_wish({}, ()), remembered_wish(Remembered()))} == {""}


def test_a_button_that_starts_the_same_again_asks_for_the_same() -> None:
    fields = {name: [value] for name, value in choice_fields(CHOICE)}
    assert options_from_form(fields) == CHOICE.as_user_options()
    assert "model" not in dict(choice_fields(replace(CHOICE, model=None)))


def test_a_problem_with_it_leads_to_it() -> None:
    (error,) = errors_from_options(OptionsError(("model: this names no model package.",)))
    assert error.field == "model"


@pytest.mark.parametrize("text", ["", "iris", "../iris:1.0", "<b>:1"])
def test_what_names_none_has_no_tick(text: str) -> None:
    assert package_in(text) is None


def test_its_software_is_selected_where_a_link_names_none(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    tick = package_tick(IRIS, ORIGIN, OFFERED)
    assert tick.title == "Open iris 1.0 with its files"
    assert tick.about.startswith("It stands on Python, which is selected. Its files appear in ~/models/iris-1.0;")
    view = spawn_view(new_workspace, offer(), Wish(model="iris:1.0"), package=tick)
    assert [card.name for card in view.software if card.is_selected] == ["python"]
    assert view.package == tick
    assert spawn_view(new_workspace, offer(), Wish()).package is None


def test_what_stands_in_the_way_is_said_on_the_page(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    tick = package_tick(IRIS, None, OFFERED, problem="It is gone.")
    assert "stands on" not in tick.about
    assert not tick.is_ticked
    assert "It is gone." in spawn_view(new_workspace, offer(), Wish(model="iris:1.0"), package=tick).notes
    gone = package_tick(IRIS, ORIGIN, (), team="vision")
    assert (gone.environment, gone.title) == ("", "Open iris 1.0 with its files, of the team vision")
