"""What can be wrong between entries and between the files: defaults, titles, names of teams, nothing that runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from studiolo.catalog_folders import check_mounts
from studiolo.catalog_model import Platform
from studiolo.problems import Problem, Severity, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from studiolo.catalog_entries import CatalogFile, Mention
    from studiolo.catalog_model import DataFolder, Environment, Hardware

_SHORTEST_COMPARED: Final = 4
"""Shorter names that differ in one letter are different words more often than slips."""
_LONGEST_COMPARED: Final = 64
"""Longer names are compared by their letters alone: every way to leave one out would be too many."""


def check_across(
    environments: CatalogFile[Environment],
    hardware: CatalogFile[Hardware],
    data: CatalogFile[DataFolder],
    *,
    platform: Platform,
) -> tuple[Problem, ...]:
    """The problems that no single entry has."""
    return (
        *_several_defaults(environments.defaults),
        *_several_defaults(hardware.defaults),
        *_equal_titles(environments.titles),
        *_equal_titles(hardware.titles),
        *_equal_titles(data.titles),
        *_close_teams((*environments.teams, *hardware.teams, *data.teams)),
        *check_mounts(data.mounts),
        *_nothing_runs_here(environments, platform),
    )


def _several_defaults(defaults: tuple[Mention, ...]) -> Iterator[Problem]:
    for default in defaults[1:]:
        if default.entry != defaults[0].entry:  # an entry given twice was reported already
            first = f"{quoted(defaults[0].entry)} (line {defaults[0].place.line})"
            yield _problem(default, f"{first} is the default already, and there can be one. Remove one of the two.")


def _equal_titles(titles: tuple[Mention, ...]) -> Iterator[Problem]:
    first: dict[str, Mention] = {}
    for title in titles:
        earlier = first.setdefault(title.text.casefold(), title)
        if earlier.entry != title.entry:
            message = f"{quoted(earlier.entry)} has this title too: people cannot tell the two apart. Choose another."
            yield _problem(title, message, Severity.WARNING)


def _close_teams(teams: Iterable[Mention]) -> Iterator[Problem]:
    """A warning for each team whose name is one slip of the pen away from one that came before it."""
    known: set[str] = set()
    by_trace: dict[str, str] = {}
    for team in teams:
        if team.text in known:
            continue
        known.add(team.text)
        traces = _traces(team.text)
        close = next((by_trace[trace] for trace in traces if trace in by_trace), None)
        if close is not None:
            message = f"The team {quoted(team.text)} is close to the team {quoted(close)}: are they the same?"
            yield _problem(team, f"{message} If so, write both alike.", Severity.WARNING)
        for trace in traces:
            by_trace.setdefault(trace, team.text)


def _traces(name: str) -> tuple[str, ...]:
    """What two names have in common when one letter is wrong, missing, too much or in its neighbour's place.

    Digits are never left out: team-1 and team-2 are two teams.
    """
    letters = "".join(character for character in name.casefold() if character.isalnum())
    if not _SHORTEST_COMPARED <= len(letters) <= _LONGEST_COMPARED:
        return (letters or name,)
    without_one = (
        letters[:index] + letters[index + 1 :] for index, character in enumerate(letters) if not character.isdigit()
    )
    return letters, *without_one


def _nothing_runs_here(environments: CatalogFile[Environment], platform: Platform) -> Iterator[Problem]:
    if environments.entries and not any(entry.runs_on(platform) for entry in environments.entries):
        where, key = ("on one machine", "requirements") if platform is Platform.LOCAL else ("on Kubernetes", "an image")
        yield Problem(
            file=environments.file,
            line=environments.place.line,
            column=environments.place.column,
            path="environments",
            message=f"None of these can run {where}: no entry names {key}. Add it to one.",
            severity=Severity.WARNING,
        )


def _problem(mention: Mention, message: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(
        file=mention.file,
        line=mention.place.line,
        column=mention.place.column,
        path=mention.path,
        message=message,
        severity=severity,
    )
