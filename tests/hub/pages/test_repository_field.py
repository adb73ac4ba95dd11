"""The field for a repository: remembered, linked, typed, and sent again by every button that starts the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hub.pages.actions import choice_fields
from hub.pages.spawn_request import errors_from_options, typed_wish
from hub.pages.spawn_view import Offer, Target, Wish, linked_wish, remembered_wish, spawn_view
from spawner.errors import OptionsError
from spawner.options import Remembered, options_from_form, options_from_query
from studiolo.choice import Choice

ADDRESS = "https://git.example.org/vision/iris.git#main"
CHOICE = Choice(environment="python", hardware="small", git=ADDRESS)


def test_a_repository_is_remembered_linked_and_typed(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    remembered = remembered_wish(Remembered(choice=CHOICE))
    linked = linked_wish(options_from_query({"git": [ADDRESS]}), ())
    for wish in (remembered, linked, typed_wish({"git": [ADDRESS]})):
        assert wish.git == ADDRESS
        assert spawn_view(new_workspace, offer(), wish).git == ADDRESS
    nothing = (Wish(), typed_wish({}), linked_wish({}, ()), remembered_wish(Remembered()))
    assert {wish.git for wish in nothing} == {""}
    assert remembered_wish(Remembered(choice=replace(CHOICE, git=None))).git == ""


def test_a_link_with_two_repositories_selects_none() -> None:
    assert linked_wish(options_from_query({"git": [ADDRESS, ADDRESS]}), ("git: a list is no address.",)).git == ""


def test_a_button_that_starts_the_same_again_asks_for_the_same() -> None:
    fields = {name: [value] for name, value in choice_fields(CHOICE)}
    assert options_from_form(fields) == CHOICE.as_user_options()
    assert "git" not in dict(choice_fields(replace(CHOICE, git=None)))


def test_a_problem_with_the_address_leads_to_it() -> None:
    (error,) = errors_from_options(OptionsError(("git: only https:// and SSH are possible.",)))
    assert error.field == "git"
