"""What the spawn form sent: the name of a new workspace, and what stands in the way of the start. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.pages.spawn_view import FieldError, Wish
from spawner.admission import DoesNotFit, alternatives
from spawner.errors import DoesNotFitError, OptionsError, ProgramsMissing
from studiolo.choice import EMPTY_HOME
from studiolo.names import DEFAULT_SERVER_TITLE, server_name_from_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.pages.spawn_view import Offer, Target
    from spawner.errors import StartError
    from studiolo.choice import Choice

LONGEST_TITLE = 120
"""JupyterHub takes 255; a longer name than this fits nowhere."""

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories nobody can read; some of them turn the text around them."""

FIELDS = {
    "environment": "software",
    "hardware": "hardware",
    "env": "env",
    "data": "data",
    "credentials": "credentials",
    "git": "git",
    "model": "model",
}
"""Where on the page an option is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewName:
    """The workspace that the form is about."""

    server: str
    title: str
    errors: tuple[FieldError, ...] = ()


def name_workspace(target: Target, fields: Mapping[str, Sequence[str]], *, taken: Mapping[str, str]) -> NewName:
    """Which workspace is meant: the one of the address, or a new one by its title. `taken`: server name -> title."""
    if not target.is_new:
        return NewName(server=target.server, title=target.title)
    title = _tidy(next(iter(fields.get("name", ())), ""))
    problem = _problem_with_title(title, target, taken)
    if problem is not None:
        return NewName(server="", title="", errors=(FieldError(field="name", message=problem),))
    if title in {"", DEFAULT_SERVER_TITLE}:
        return NewName(server="", title="")
    return NewName(server=server_name_from_title(title, taken), title=title)


def errors_from_options(error: OptionsError) -> tuple[FieldError, ...]:
    """Each problem with the place on the page where it is put right."""
    return tuple(
        FieldError(field=FIELDS.get(problem.partition(":")[0].partition(".")[0], ""), message=problem)
        for problem in error.problems
    )


def check_room(choice: Choice, offer: Offer) -> tuple[FieldError, ...]:
    """Why a valid choice cannot start at this moment; nothing when it can."""
    hardware = next(entry for entry in offer.hardware if entry.name == choice.hardware)
    software = next(facts for facts in offer.software if facts.environment.name == choice.environment)
    errors = []
    if software.missing_programs:
        errors.append(_as_field_error("software", ProgramsMissing(software.environment, software.missing_programs)))
    if software.problem:
        errors.append(FieldError(field="software", message=software.problem))
    machine = offer.machine
    if machine is not None and isinstance(verdict := machine.verdicts[hardware.name], DoesNotFit):
        others = alternatives(offer.hardware, machine.state, hardware)
        errors.append(_as_field_error("hardware", DoesNotFitError(hardware, verdict, alternatives=others)))
    return tuple(errors)


def typed_wish(fields: Mapping[str, Sequence[str]]) -> Wish:
    """What the person chose and typed, to be shown again."""
    return Wish(
        environment=next(iter(fields.get("environment", ())), None),
        hardware=next(iter(fields.get("hardware", ())), None),
        env_text=next(iter(fields.get("env", ())), ""),
        data=tuple(fields.get("data", ())),
        credentials=tuple(filter(None, fields["credentials"])) if "credentials" in fields else None,
        git=next(iter(fields.get("git", ())), ""),
        model=next(iter(fields.get("model", ())), ""),
        has_empty_home=EMPTY_HOME in fields.get("home", ()),
    )


def _as_field_error(field: str, error: StartError) -> FieldError:
    return FieldError(field=field, message=error.text)


def _problem_with_title(title: str, target: Target, taken: Mapping[str, str]) -> str | None:
    if title in {"", DEFAULT_SERVER_TITLE}:
        taken_already = "The default workspace is in use: give this one a name of its own."
        return taken_already if target.is_default_taken else None
    if len(title) > LONGEST_TITLE:
        return f"The name has {len(title)} characters; at most {LONGEST_TITLE} fit."
    if any(unicodedata.category(character) in _UNPRINTABLE for character in title):
        return "The name holds a character that cannot be read. Type it again."
    if title.casefold() in {other.casefold() for other in taken.values()}:
        return f"There is a workspace called {title} already. Choose another name, or start that one."
    return None


def _tidy(title: str) -> str:
    return unicodedata.normalize("NFC", " ".join(title.split()))
