"""`studiolo team`: teams, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from studiolo.cli.connection import ask
from studiolo.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from studiolo.wire import Team


@click.group()
def team() -> None:
    """Add teams and their members (administrators)."""


@team.command()
@click.argument("name")
@click.option("--member", "members", metavar="USER", multiple=True, help="A person in the team; repeatable.")
@click.option("--lead", "leads", metavar="USER", multiple=True, help="A member who leads it; repeatable.")
@json_option
def add(name: str, members: tuple[str, ...], leads: tuple[str, ...], *, as_json: bool) -> None:
    """Add a team. Catalog entries name it under `teams:`."""
    created = ask(lambda studiolo: studiolo.create_team(name, members, leads))
    _print_team(created, f"Added team {created.name}", as_json=as_json)


@team.command("add-members")
@click.argument("name")
@click.argument("members", metavar="USER...", nargs=-1, required=True)
@json_option
def add_members(name: str, members: tuple[str, ...], *, as_json: bool) -> None:
    """Add people to a team that exists."""
    changed = ask(lambda studiolo: studiolo.add_team_members(name, members))
    _print_team(changed, f"Team {changed.name}", as_json=as_json)


def _print_team(team: Team, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": team.name, "members": list(team.users), "leads": list(team.leads)})
        return
    members = ", ".join(team.users) or "nobody yet"
    leads = f" (led by {', '.join(team.leads)})" if team.leads else ""
    note(f"{sentence}: {members}{leads}.")
