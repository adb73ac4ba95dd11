"""Credentials on the spawn page: a person's own, ticked as they were, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.pages.actions import choice_fields
from hub.pages.credential_ticks import CredentialTicks, credential_ticks, settled
from hub.pages.spawn_request import errors_from_options, typed_wish
from hub.pages.spawn_view import Offer, Target, Wish, linked_wish, remembered_wish, spawn_view
from spawner.credentials import CredentialKind, KnownCredentials, MountedCredential
from spawner.errors import OptionsError
from spawner.options import Remembered, options_from_form, options_from_query
from studiolo.choice import Choice

HUB = MountedCredential(name="hub", kind=CredentialKind.ENV, env=("HF_TOKEN",), always=True)
AWS = MountedCredential(name="aws", kind=CredentialKind.CLOUD, files=("~/.aws/credentials",))
KNOWN = KnownCredentials(credentials=(AWS, HUB))
CHOICE = Choice(environment="python", hardware="small")


def ticked(field: CredentialTicks) -> list[str]:
    return [tick.name for tick in field.ticks if tick.is_ticked]


@pytest.mark.parametrize(
    ("wished", "expected"), [(None, ["hub"]), ((), []), (("aws",), ["aws"]), (("aws", "hub"), ["aws", "hub"])]
)
def test_what_is_marked_always_is_ticked_unless_something_else_was_chosen(
    wished: tuple[str, ...] | None, expected: list[str]
) -> None:
    field = credential_ticks(KNOWN, wished, is_own=True)
    assert ticked(field) == expected
    assert field.hidden == ("",)
    assert [(tick.place, tick.is_always) for tick in field.ticks] == [("~/.aws/credentials", False), ("HF_TOKEN", True)]


@pytest.mark.parametrize(("known", "is_own"), [(KNOWN, False), (None, True)], ids=["another's", "nobody knows"])
def test_what_is_not_shown_stays_as_it_was_chosen(known: KnownCredentials | None, *, is_own: bool) -> None:
    assert credential_ticks(known, None, is_own=is_own) == CredentialTicks()
    assert credential_ticks(known, ("hub",), is_own=is_own) == CredentialTicks(hidden=("", "hub"))


def test_one_that_is_gone_is_told_of_and_left_out() -> None:
    field = credential_ticks(KNOWN, ("aws", "old"), is_own=True)
    assert ticked(field) == ["aws"]
    assert field.notes == ('The credential "old" of last time does not exist any more and is left out.',)
    field = credential_ticks(KnownCredentials(credentials=()), ("old", "older"), is_own=True)
    assert field == CredentialTicks(
        notes=('The credentials "old" and "older" of last time do not exist any more and are left out.',)
    )


def test_what_a_team_gives_stands_there_with_its_name() -> None:
    given = MountedCredential(name="vision/hub", team="vision", kind=CredentialKind.ENV, env=("HF_TOKEN",), always=True)
    known = KnownCredentials(credentials=(HUB, given))
    field = credential_ticks(known, None, is_own=True)
    assert [(tick.name, tick.team, tick.is_ticked) for tick in field.ticks] == [
        ("hub", "", True),
        ("vision/hub", "vision", True),
    ]
    assert settled(replace(CHOICE, credentials=("hub", "vision/hub")), known).credentials is None
    assert settled(replace(CHOICE, credentials=("hub",)), known).credentials == ("hub",)  # left out by choosing


def test_who_has_none_sees_nothing_about_them() -> None:
    assert credential_ticks(KnownCredentials(credentials=()), None, is_own=True) == CredentialTicks()


def test_credentials_are_remembered_linked_and_typed(new_workspace: Target, offer: Callable[..., Offer]) -> None:
    remembered = remembered_wish(Remembered(choice=replace(CHOICE, credentials=("aws",))))
    linked = linked_wish(options_from_query({"credentials": ["aws"]}), ())
    for wish in (remembered, linked, typed_wish({"credentials": ["", "aws"]})):
        assert wish.credentials == ("aws",)
    assert typed_wish({"credentials": [""]}).credentials == ()
    assert typed_wish({}).credentials is None
    field = credential_ticks(KNOWN, ("old",), is_own=True)
    view = spawn_view(new_workspace, offer(), Wish(), credentials=field)
    assert view.credentials == field
    assert view.notes == field.notes


@pytest.mark.parametrize("credentials", [None, (), ("aws", "hub")])
def test_a_button_that_starts_the_same_again_asks_for_the_same(credentials: tuple[str, ...] | None) -> None:
    choice = replace(CHOICE, credentials=credentials)
    sent: dict[str, list[str]] = {}
    for name, value in choice_fields(choice):
        sent.setdefault(name, []).append(value)
    assert options_from_form(sent) == choice.as_user_options()


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [(None, None), (("hub",), None), (("hub", "aws"), ("hub", "aws")), ((), ()), (("aws",), ("aws",))],
)
def test_all_that_are_marked_always_is_what_it_says_also_for_later_ones(
    chosen: tuple[str, ...] | None, kept: tuple[str, ...] | None
) -> None:
    assert settled(replace(CHOICE, credentials=chosen), KNOWN).credentials == kept


def test_where_nobody_knows_a_choice_stays_as_it_is() -> None:
    assert settled(replace(CHOICE, credentials=("hub",)), None).credentials == ("hub",)


def test_a_problem_with_credentials_leads_to_them() -> None:
    (error,) = errors_from_options(OptionsError(("credentials: too many.",)))
    assert error.field == "credentials"
