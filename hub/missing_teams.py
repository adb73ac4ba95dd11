"""Whether the teams that the catalogs name exist: JupyterHub's groups are known only while the hub runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.problems import perhaps

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.catalog import Catalog


def missing_teams(catalog: Catalog, teams: Collection[str], *, are_managed: bool = False) -> tuple[str, ...]:
    """One sentence for each team that entries are kept for and that does not exist.

    `are_managed`: teams come from an identity provider, with the first member who signs in.
    """
    entries = (*catalog.environments, *catalog.hardware, *catalog.data)
    named = sorted({team for entry in entries for team in entry.teams or ()})
    return tuple(
        f'The catalog keeps entries for the team "{team}", which does not exist.{perhaps(team, teams)} '
        f"Nobody is offered them. {_way_out(team, are_managed=are_managed)}"
        for team in named
        if team not in teams
    )


def _way_out(team: str, *, are_managed: bool) -> str:
    if are_managed:
        return "It comes with the first of its members who signs in; if it should be there by now, correct its name."
    return f"Make the team with `studiolo team add {team}`, or correct its name."
