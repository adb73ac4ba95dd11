"""`studiolo user`: people, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json
from studiolo.client_errors import ClientError

if TYPE_CHECKING:
    from studiolo.client import Studiolo
    from studiolo.wire import UserView


class PasswordNotSet(ClientError):
    """The account was made, and then something came between."""

    code = "password_not_set"

    def __init__(self, name: str, reason: ClientError) -> None:
        """`reason` is what kept the password from being set."""
        super().__init__(
            f"{name} was added, but has no password yet: {reason}",
            hint=f"{reason.hint} Then: studiolo user password {name}".strip(),
        )


@click.group()
def user() -> None:
    """Add people and give them passwords (administrators)."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the person an administrator.")
@json_option
def add(name: str, *, admin: bool, as_json: bool) -> None:
    """Add a person; the last line printed is the generated password, which is shown only once."""

    async def question(studiolo: Studiolo) -> tuple[UserView, str]:
        created = await studiolo.create_user(name, admin=admin)
        try:
            return created, await studiolo.set_password(created.name)
        except ClientError as error:
            raise PasswordNotSet(created.name, error) from error

    created, password = ask(question)
    _print_password(created.name, password, f"Added {created.name}. Their password:", as_json=as_json)


@user.command()
@click.argument("name")
@json_option
def password(name: str, *, as_json: bool) -> None:
    """Give a person a new password; the last line printed is the password. Their browsers are signed out."""
    fresh = ask(lambda studiolo: studiolo.set_password(name))
    _print_password(name, fresh, f"The new password of {name}:", as_json=as_json)


def _print_password(name: str, password: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "password": password})
        return
    note(sentence)
    click.echo(password)
