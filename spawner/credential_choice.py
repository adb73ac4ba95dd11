"""Which credentials a workspace gets: what was chosen, against what there is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spawner.credential_places import placed_files
from spawner.env_rules import is_reserved
from studiolo.problems import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spawner.credentials import KnownCredentials, MountedCredential

AWAY: Final = (
    "Your credentials are missing in this workspace: the services process does not answer. "
    "Start the workspace again later to have them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCredentials:
    """What a start goes on with."""

    mounted: tuple[MountedCredential, ...] = ()
    gone: tuple[str, ...] = ()
    """Names that were chosen and that certainly do not exist any more: the person is asked."""
    notes: tuple[str, ...] = ()
    """What the person is told while it starts."""


def choose_credentials(asked: tuple[str, ...] | None, known: KnownCredentials | None) -> ChosenCredentials:
    """What a workspace gets. `asked`: by name; None for all that are marked "always"."""
    if asked == ():
        return ChosenCredentials()
    if known is None:
        return ChosenCredentials(notes=(AWAY,))
    by_name = {credential.name: credential for credential in known.credentials}
    if asked is None:
        wanted = tuple(credential for credential in known.credentials if credential.always)
        missing: tuple[str, ...] = ()
    else:
        wanted = tuple(by_name[name] for name in dict.fromkeys(asked) if name in by_name)
        missing = tuple(name for name in dict.fromkeys(asked) if name not in by_name)
    wanted = own_first(wanted)
    if known.is_current:
        return ChosenCredentials(mounted=wanted, gone=missing, notes=_notes_on_clashes(wanted))
    unknown = (f"{said_missing(missing)} {AWAY}",) if missing else ()
    return ChosenCredentials(mounted=wanted, notes=(*unknown, *_notes_on_clashes(wanted)))


def own_first(credentials: Iterable[MountedCredential]) -> tuple[MountedCredential, ...]:
    """In the order in which they count where two have the same place: what a person keeps before what a team gives."""
    return tuple(sorted(credentials, key=lambda credential: credential.team))


def said_missing(names: Sequence[str]) -> str:
    """That these credentials are not in the workspace."""
    return f"Missing in this workspace: {listed([quoted(name) for name in names])}."


def said_unwritten(reason: str) -> str:
    """That the files are not there, and what the machine said."""
    return f"The files of your credentials are missing in this workspace: they cannot be written ({reason})."


def variables_of(credentials: Sequence[MountedCredential]) -> dict[str, MountedCredential]:
    """Every variable and the credential it comes from: the first one wins, and ours are nobody's."""
    variables: dict[str, MountedCredential] = {}
    for credential in credentials:
        for name in credential.env:
            if not is_reserved(name):
                variables.setdefault(name, credential)
    return variables


def _notes_on_clashes(wanted: Sequence[MountedCredential]) -> tuple[str, ...]:
    """A word for each credential of which something is not where its owner put it."""
    variables, placed = variables_of(wanted), placed_files(wanted)
    whole = set(placed.values())
    return tuple(
        f"The credential {quoted(credential.name)} is not all there: another one has the same variable or file."
        for credential in wanted
        if any(variables.get(name, credential) is not credential for name in credential.env)
        or any((credential, path) not in whole for path in credential.files)
    )
