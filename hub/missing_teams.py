"""Whether the teams that the catalogs name exist: JupyterHub's groups are known only while the hub runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studiolo.problems import perhaps

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.catalog import Catalog


def missing_teams(catalog: Catalog, teams: Collection[str]) -> tuple[str, ...]:
    """One sentence for each team that entries are kept for and that does not exist."""
    entries = (*catalog.environments, *catalog.hardware)
    named = sorted({team for entry in entries for team in entry.teams or ()})
    return tuple(
        f'The catalog keeps entries for the team "{team}", which does not exist.{perhaps(team, teams)} '
        f"Nobody is offered them. Make the team with `studiolo team add {team}`, or correct its name."
        for team in named
        if team not in teams
    )
