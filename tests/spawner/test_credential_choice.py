"""Which credentials a workspace gets: those chosen, else those marked "always"; and what is said where some are not."""

from __future__ import annotations

import pytest

from spawner.credential_choice import AWAY, ChosenCredentials, choose_credentials, variables_of
from spawner.credentials import CredentialKind, CredentialValues, KnownCredentials, MountedCredential, NoCredentials
from spawner.errors import CredentialsGone
from studiolo.choice import Choice

HUB = MountedCredential(name="hub", kind=CredentialKind.ENV, secret="s-hub", env=("HF_TOKEN",), always=True)
AWS = MountedCredential(name="aws", kind=CredentialKind.CLOUD, secret="s-aws", files=("aws/credentials",))
KNOWN = KnownCredentials(credentials=(AWS, HUB))
OLD = KnownCredentials(credentials=(AWS, HUB), is_current=False)


@pytest.mark.parametrize("known", [KNOWN, OLD], ids=["now", "as last known"])
@pytest.mark.parametrize(
    ("asked", "mounted"),
    [(None, (HUB,)), ((), ()), (("aws",), (AWS,)), (("hub", "aws"), (HUB, AWS)), (("aws", "aws"), (AWS,))],
)
def test_a_workspace_gets_what_was_chosen_else_what_is_marked_always(
    asked: tuple[str, ...] | None, mounted: tuple[MountedCredential, ...], known: KnownCredentials
) -> None:
    assert choose_credentials(asked, known) == ChosenCredentials(mounted=mounted)


def test_one_that_certainly_does_not_exist_is_told_apart() -> None:
    chosen = choose_credentials(("aws", "old", "older"), KNOWN)
    assert (chosen.mounted, chosen.gone, chosen.notes) == ((AWS,), ("old", "older"), ())


def test_a_last_answer_refuses_nothing_and_names_what_is_missing() -> None:
    chosen = choose_credentials(("aws", "new"), OLD)
    assert (chosen.mounted, chosen.gone) == ((AWS,), ())
    assert chosen.notes == (f'Missing in this workspace: "new". {AWAY}',)


@pytest.mark.parametrize("asked", [None, ("aws",)])
def test_where_nobody_answers_a_start_goes_on_and_says_so(asked: tuple[str, ...] | None) -> None:
    assert choose_credentials(asked, None) == ChosenCredentials(notes=(AWAY,))


def test_who_wants_none_is_told_nothing_of_a_service_that_is_away() -> None:
    assert choose_credentials((), None) == ChosenCredentials()


def test_of_two_with_the_same_variable_or_file_the_first_counts_and_the_person_is_told() -> None:
    second = MountedCredential(name="team", kind=CredentialKind.CLOUD, env=("HF_TOKEN",), files=("aws/credentials",))
    known = KnownCredentials(credentials=(HUB, AWS, second))
    chosen = choose_credentials(("hub", "aws", "team"), known)
    assert chosen.notes == ('The credential "team" is not all there: another one has the same variable or file.',)
    assert variables_of(chosen.mounted) == {"HF_TOKEN": HUB}


def test_what_a_person_keeps_counts_before_what_a_team_gives_in_whatever_order_they_were_chosen() -> None:
    given = MountedCredential(
        name="vision/hub", team="vision", kind=CredentialKind.ENV, env=("HF_TOKEN", "MORE"), always=True
    )
    for asked in (None, ("vision/hub", "hub")):
        chosen = choose_credentials(asked, KnownCredentials(credentials=(given, HUB)))
        assert chosen.mounted == (HUB, given)
        assert variables_of(chosen.mounted) == {"HF_TOKEN": HUB, "MORE": given}
        assert chosen.notes == (
            'The credential "vision/hub" is not all there: another one has the same variable or file.',
        )
    assert choose_credentials(("vision/hub",), KnownCredentials(credentials=(given, HUB))).notes == ()


def test_what_a_team_gave_that_the_person_has_left_is_gone_and_the_reason_is_named() -> None:
    gone = choose_credentials(("hub", "vision/hub"), KNOWN).gone
    refusal = CredentialsGone(gone, Choice(environment="python", hardware="small", credentials=("hub", "vision/hub")))
    assert str(refusal) == 'The credential "vision/hub" does not exist any more.'
    assert "or you have left the team" in refusal.cause
    assert refusal.offers[0].choice.credentials == ("hub",)


def test_no_credential_sets_what_is_studiolo_s() -> None:
    """Refused when it is saved; a row from elsewhere must not bring it in either."""
    wicked = MountedCredential(name="x", kind=CredentialKind.ENV, env=("LD_PRELOAD", "JUPYTERHUB_USER", "PATH", "OK"))
    assert set(variables_of([wicked])) == {"OK"}


async def test_without_services_nobody_has_any() -> None:
    source = NoCredentials()
    assert await source.known("ada") == KnownCredentials(credentials=())
    assert await source.values("ada", "", ()) == CredentialValues(env={}, files={})


def test_values_on_their_way_are_never_shown() -> None:
    values = CredentialValues(env={"HF_TOKEN": "canary-1"}, files={"netrc": "canary-2"})
    assert "canary" not in f"{values!r} {values}"
