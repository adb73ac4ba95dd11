"""`studiolo login`, `logout`, `whoami`: a token for a hub, kept where only its owner reads it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import click

from studiolo.address import HubAddress
from studiolo.cli.connection import ask, ask_at
from studiolo.cli.output import json_option, note, print_json
from studiolo.client_errors import NotSignedIn
from studiolo.credentials_file import Login, credentials_path, forget_login, load_login, save_login

if TYPE_CHECKING:
    from studiolo.client import Studiolo
    from studiolo.wire import Identity

DEFAULT_URL: Final = "http://127.0.0.1:8000"
"""Where `studiolo up` listens."""

SCOPES: Final = (
    "read:users!user",
    "servers!user",
    "access:servers!user",
    "access:services!service=studiolo",
)
"""What the token needs: know who you are, your own workspaces, go into them, ask the services (logs)."""

ADMIN_SCOPES: Final = ("admin:users", "admin:groups")
"""In addition for `studiolo user` and `studiolo team`."""

TOKEN_NOTE: Final = "studiolo on the command line"  # noqa: S105 - what the token is called, not the token


@click.command()
@click.argument("url", required=False)
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input, for scripts.")
@click.option("--no-browser", is_flag=True, help="Only print the address of the token page.")
@click.option("--admin", is_flag=True, help="Ask for an administrator's rights too.")
def login(url: str | None, *, token_stdin: bool, no_browser: bool, admin: bool) -> None:
    """Sign in to the hub at URL (the last one, this workspace's, or this machine's) with a token from its token page.

    The token is never taken from the command line, where other people on the machine could read it.
    """
    address = HubAddress.parse(url or _last_url())
    if not address.is_private:
        note(f"Warning: {address.public} is not encrypted: whoever is on the way can read the token. Use https.")
    ask_at(address.public, "", lambda studiolo: studiolo.hub_version())  # is there a hub, before anybody pastes
    token = _from_stdin() if token_stdin else _from_person(address, with_browser=not no_browser, is_admin=admin)
    me = ask_at(address.public, token, _whose)
    path = credentials_path()
    save_login(Login(url=address.public, user=me.name, token=token), path)
    note(f"Signed in to {address.public} as {me.name}. The token is kept in {path}.")


@click.command()
def logout() -> None:
    """Forget the token on this machine. On the hub's token page it can be revoked as well."""
    path = credentials_path()
    if not forget_login(path):
        note("You were not signed in.")
        return
    note("Signed out. The hub still knows the token until you revoke it on its token page (/hub/token).")


@click.command()
@json_option
def whoami(*, as_json: bool) -> None:
    """Show who is signed in, and where."""

    async def question(studiolo: Studiolo) -> tuple[Identity, str]:
        return await studiolo.whoami(), studiolo.address.public

    me, url = ask(question)
    if as_json:
        print_json({"url": url, **me.model_dump(mode="json")})
        return
    teams = f", teams: {', '.join(me.groups)}" if me.groups else ""
    click.echo(f"{me.name}{' (administrator)' if me.admin else ''} at {url}{teams}")


def token_page(address: HubAddress, *, is_admin: bool) -> str:
    """The hub's token page with the form filled in: what the token is for, and what it may do."""
    scopes = " ".join((*SCOPES, *(ADMIN_SCOPES if is_admin else ())))
    return f"{address.public}/hub/token?{urlencode({'note': TOKEN_NOTE, 'scopes': scopes})}"


async def _whose(studiolo: Studiolo) -> Identity:
    me = await studiolo.whoami()
    if me.kind != "user":
        raise NotSignedIn(
            f'This token belongs to the service "{me.name}", not to a person.', hint="Make one on the token page."
        )
    return me


def _last_url() -> str:
    try:
        last = load_login(credentials_path())
    except NotSignedIn:  # a file that cannot be used is replaced by this login
        return DEFAULT_URL
    if last is not None:
        return last.url
    return HubAddress.of_workspace(os.environ).public if "JUPYTERHUB_API_URL" in os.environ else DEFAULT_URL


def _from_stdin() -> str:
    token = sys.stdin.readline().strip()
    if not token:
        raise NotSignedIn("There is no token on standard input.", hint="Pipe it in: studiolo login URL --token-stdin")
    return token


def _from_person(address: HubAddress, *, with_browser: bool, is_admin: bool) -> str:
    page = token_page(address, is_admin=is_admin)
    note(f"Make a token on this page (note and permissions are filled in):\n  {page}")
    if with_browser:
        click.launch(page)
    token: str = click.prompt("Paste the token here (it is not shown)", hide_input=True, err=True)
    return token.strip()
