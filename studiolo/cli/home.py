"""`studiolo home`: homes of deleted accounts, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json, print_table, since

if TYPE_CHECKING:
    from studiolo.wire import HomeArchive

_SENTENCES: Final = {
    "waiting": "The home of {user} is put aside in {due}. Whoever has an account of this name then keeps it.",
    "archiving": "The home of {user} is being put aside.",
    "archived": "The home of {user} is put aside as {archived}.",
    "restored": "{user} has the home again, as it was.",
    "cancelled": "The home of {user} is not put aside.",
    "failed": "The home of {user} could not be put aside; it is tried again in {next_try}.",
    "not-possible": "The home of {user} cannot be put aside here.",
}


@click.group()
def home() -> None:
    """See, put aside and bring back the homes of deleted accounts (administrators)."""


@home.command("list")
@json_option
def list_homes(*, as_json: bool) -> None:
    """Show the homes of deleted accounts: waiting, put aside, or back."""
    found = ask(lambda studiolo: studiolo.home_archives())
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    now = datetime.now(UTC)
    print_table(
        ("account", "state", "since", "due in", "put aside as", "why"),
        (
            (
                one.user,
                one.state,
                since(one.since, now=now),
                _until(one.due or one.next_try, now),
                one.archived,
                one.reason,
            )
            for one in found
        ),
    )


@home.command()
@click.argument("user")
@click.option("--now", "at_once", is_flag=True, help="Now, instead of after the usual time.")
@json_option
def archive(user: str, *, at_once: bool, as_json: bool) -> None:
    """Put the home of a deleted account aside. Deleting an account does this by itself, after a time."""
    _print(ask(lambda studiolo: studiolo.archive_home(user, now=at_once)), as_json=as_json)


@home.command()
@click.argument("user")
@json_option
def restore(user: str, *, as_json: bool) -> None:
    """Bring back the home that was put aside last, for an account that is there again."""
    _print(ask(lambda studiolo: studiolo.restore_home(user)), as_json=as_json)


def _print(found: HomeArchive, *, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    now = datetime.now(UTC)
    sentence = _SENTENCES.get(found.state, "The home of {user}: {state}.").format(
        user=found.user,
        state=found.state,
        archived=found.archived,
        due=_until(found.due, now),
        next_try=_until(found.next_try, now),
    )
    note(f"{sentence} {found.reason}".strip())


def _until(moment: datetime | None, now: datetime) -> str:
    """How long until then, such as "7 d"; nothing where there is no moment."""
    return "" if moment is None else since(now, now=max(moment, now))
