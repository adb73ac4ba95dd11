"""What did the person ask for, and is it on offer to them: one check for form, link, REST and command line.

Everything that arrives here was written by somebody else and may be anything. The answer is a `Choice` that the catalog
offers, or an `OptionsError` with one sentence for each thing wrong; never another exception.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from spawner.env_rules import MOST_VARIABLES, problem_with_name, problem_with_value
from spawner.errors import OptionsError
from spawner.git_address import GitAddressRefused, parse_git_address
from spawner.shown_values import shown
from studiolo.choice import EMPTY_HOME, Choice
from studiolo.package_name import PackageName, PackageNameInvalid
from studiolo.problems import nearest
from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from studiolo.catalog import Catalog, DataFolder, Environment, Hardware

_Entry = TypeVar("_Entry", "Environment", "Hardware", "DataFolder")

OPTIONS: Final = ("environment", "hardware", "env", "data", "credentials", "git", "model", "home")
"""The options of this version."""

FORM_ONLY: Final = frozenset({"_xsrf"})
"""Fields of a form that are not options."""

MOST_DATA: Final = 100
MOST_CREDENTIALS: Final = 100
"""Chosen for one workspace."""

LONGEST_CREDENTIAL_NAME: Final = 110
"""A team's is `TEAM/NAME`, with the name of the team's folder, which has up to 63 characters."""

MOST_LISTED: Final = 12
"""Names and problems listed in one answer; more are counted."""

LONGEST_COMPARED: Final = 100
"""Characters compared in search of the nearest name: a megabyte would keep the hub busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a workspace was started with last time, as far as it can still be had."""

    choice: Choice | None = None
    """What the page selects: gone entries are replaced by the default. None when nothing usable is remembered."""
    note: str | None = None
    """What the page says about it when something is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A choice with the catalog's entries that it names."""

    environment: Environment
    hardware: Hardware
    env: tuple[tuple[str, str], ...]
    data: tuple[DataFolder, ...]
    credentials: tuple[str, ...] | None
    git: str | None
    model: PackageName | None
    has_empty_home: bool

    @property
    def choice(self) -> Choice:
        """The same by name."""
        return Choice(
            environment=self.environment.name,
            hardware=self.hardware.name,
            env=self.env,
            data=tuple(entry.name for entry in self.data),
            credentials=self.credentials,
            git=self.git,
            model=str(self.model) if self.model else None,
            has_empty_home=self.has_empty_home,
        )


def parse_options(raw: object, *, catalog: Catalog, teams: Collection[str]) -> Choice:
    """The choice that user options name: nothing gives the default, a part is filled up from it.

    Raises OptionsError with every problem. What exists but is not offered to these teams does not exist.
    """
    return resolve_options(raw, catalog=catalog, teams=teams).choice


def resolve_options(raw: object, *, catalog: Catalog, teams: Collection[str]) -> Resolved:
    """As `parse_options`, with the entries of the catalog instead of their names."""
    options = {} if raw is None else raw
    if not isinstance(options, Mapping):
        raise OptionsError((f"options: {shown(raw)} is not a set of options. Write {_EXAMPLE}.",))
    problems = [_unknown_option(key) for key in options if key not in OPTIONS]
    default = catalog.default_choice(teams)
    environment = _pick("environment", options, catalog.offered_environments(teams), default, problems)
    hardware = _pick("hardware", options, catalog.offered_hardware(teams), default, problems)
    env = _parse_env(options.get("env"), problems)
    data = _pick_data(options.get("data"), catalog.offered_data(teams), problems)
    credentials = _parse_credentials(options.get("credentials"), problems)
    git = _parse_git(options.get("git"), problems)
    model = _parse_model(options.get("model"), problems)
    has_empty_home = _parse_home(options.get("home"), problems)
    if problems or environment is None or hardware is None:
        raise OptionsError(_at_most(problems))
    return Resolved(
        environment=environment,
        hardware=hardware,
        env=env,
        data=data,
        credentials=credentials,
        git=git,
        model=model,
        has_empty_home=has_empty_home,
    )


def options_from_form(formdata: Mapping[str, Any]) -> dict[str, Any]:
    """User options in the fields of a form: names, and `env` as lines of NAME=value.

    Decides nothing: whatever cannot be read is passed on for `parse_options` to refuse. Empty fields are left out, but
    for `credentials`: an empty one says that none is wanted. Of them and of `data` there is one field for each, or
    names between commas.
    """
    options: dict[str, Any] = {}
    for field, values in formdata.items():
        if field in FORM_ONLY:
            continue
        if field in {"data", "credentials"}:
            options[field] = _names_in_fields(values)
            continue
        value = values[0] if isinstance(values, list) and len(values) == 1 else values
        if isinstance(value, str) and not value.strip():
            continue
        options[field] = _env_as_mapping(value) if field == "env" and isinstance(value, str) else value
    return options


def options_from_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """User options in a link (`opt-environment=…`, the prefix is taken off already): the same fields as the form's."""
    return options_from_form(query)


def check_remembered(raw: object, *, catalog: Catalog, teams: Collection[str]) -> Remembered:
    """What to select for a workspace that was started before, and what to say when it is no longer to be had."""
    if not isinstance(raw, Mapping) or not raw:
        return Remembered()
    default = catalog.default_choice(teams)
    if default is None:
        return Remembered(note="What it was started with is no longer offered to you.")
    environment, environment_note = _recall(
        "software", raw.get("environment"), catalog.offered_environments(teams), default.environment
    )
    hardware, hardware_note = _recall(
        "hardware", raw.get("hardware"), catalog.offered_hardware(teams), default.hardware
    )
    problems: list[str] = []
    env = _parse_env(raw.get("env"), problems)
    env_note = "Its environment variables can no longer be used and were left out." if problems else None
    data, data_note = _recall_data(raw.get("data"), catalog.offered_data(teams))
    wrong_names: list[str] = []
    credentials = _parse_credentials(raw.get("credentials"), wrong_names)
    wrong_address: list[str] = []
    git = _parse_git(raw.get("git"), wrong_address)
    git_note = "Its repository can no longer be used and was left out." if wrong_address else None
    wrong_package: list[str] = []
    model = _parse_model(raw.get("model"), wrong_package)
    model_note = "Its model package can no longer be opened and was left out." if wrong_package else None
    every = (environment_note, hardware_note, env_note, data_note, git_note, model_note)
    notes = [note for note in every if note is not None]
    return Remembered(
        choice=Choice(
            environment=environment,
            hardware=hardware,
            env=env if not problems else (),
            data=data,
            credentials=credentials if not wrong_names else None,
            git=git,
            model=str(model) if model else None,
        ),
        note=" ".join(notes) or None,
    )


_EXAMPLE: Final = '{"environment": "…", "hardware": "…"}'


def _unknown_option(key: object) -> str:
    name = shown(key)
    near = nearest(key[:LONGEST_COMPARED], OPTIONS) if isinstance(key, str) else None
    meant = f' Did you mean "{near}"?' if near else ""
    return f"options: {name} is not an option.{meant} There are: {', '.join(OPTIONS)}."


def _pick(
    field: str, options: Mapping[Any, Any], offered: tuple[_Entry, ...], default: Choice | None, problems: list[str]
) -> _Entry | None:
    """The offered entry that a field names, or the default's; None where it or the other field has a problem noted."""
    if not offered:
        problems.append(f"{field}: nothing is on offer to you. Ask an administrator which teams you should be in.")
        return None
    if field in options:
        name = options[field]
    elif default is not None:
        name = getattr(default, field)
    else:
        return None
    found = _entry_named(name, offered)
    if found is None:
        problems.append(_not_on_offer(field, name, offered))
    return found


def _entry_named(name: object, offered: tuple[_Entry, ...]) -> _Entry | None:
    return next((entry for entry in offered if isinstance(name, str) and entry.name == name), None)


def _not_on_offer(field: str, name: object, offered: tuple[_Entry, ...]) -> str:
    names = [entry.name for entry in offered]
    near = nearest(name[:LONGEST_COMPARED], names) if isinstance(name, str) else None
    meant = f' Did you mean "{near}"?' if near else ""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"{field}: {shown(name)} is not on offer.{meant} On offer: {', '.join(names[:MOST_LISTED])}{more}."


def _parse_env(raw: object, problems: list[str]) -> tuple[tuple[str, str], ...]:
    """The environment variables in a mapping or in lines of NAME=value, in their order; what is wrong is noted."""
    match raw:
        case None:
            return ()
        case str():
            variables, wrong_lines = _read_env_lines(raw)
            problems.extend(wrong_lines)
        case Mapping():
            variables = dict(raw)
        case _:
            problems.append(f'env: {shown(raw)} is not a set of variables. Write {{"NAME": "value"}}.')
            return ()
    if len(variables) > MOST_VARIABLES:
        problems.append(f"env: {len(variables)} variables are too many. At most {MOST_VARIABLES}; keep more in a file.")
        return ()
    problems.extend(wrong for name, value in variables.items() if (wrong := _problem_with_variable(name, value)))
    return tuple(variables.items())


def _problem_with_variable(name: object, value: object) -> str | None:
    if not isinstance(name, str):
        return f"env: {shown(name)} is not the name of a variable. Names are text."
    wrong = problem_with_name(name)
    if wrong or looks_like_secret(name):
        return f"env: {shown(name)}: {wrong or 'not the name of a variable.'}"
    if not isinstance(value, str):
        return f'env.{name}: {shown(value)} is not text. Write it in quotes: "…".'
    wrong = problem_with_value(name, value)
    return f"env.{name}: {wrong}" if wrong else None


def _read_env_lines(text: str) -> tuple[dict[str, str], list[str]]:
    """Variables in lines of NAME=value (empty lines and comments are skipped), and what is wrong with other lines.

    Values are taken as they stand, quotes too. A wrong line is named by its number: it may hold a password.
    """
    variables: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.removesuffix("\r").partition("=")
        name = name.strip()
        if not equals:
            problems.append(f"env: line {number} has no =. Write NAME=value, one variable on a line.")
        elif name in variables:
            problems.append(f"env: line {number} gives {shown(name)} a second time. Leave one of the two out.")
        else:
            variables[name] = value
    return variables, problems


def _pick_data(raw: object, offered: tuple[DataFolder, ...], problems: list[str]) -> tuple[DataFolder, ...]:
    """The offered data that a list names, in the order of the catalog; what is wrong is noted."""
    if raw is None:
        return ()
    if not isinstance(raw, list | tuple):
        problems.append(f'data: {shown(raw)} is not a list of names. Write ["…"], or [] for none.')
        return ()
    if len(raw) > MOST_DATA:
        problems.append(f"data: {len(raw)} are too many. At most {MOST_DATA} for one workspace.")
        return ()
    problems.extend(
        _not_on_offer("data", name, offered) if offered else f"data: {shown(name)} is not on offer. Nothing is."
        for name in raw
        if _entry_named(name, offered) is None
    )
    return tuple(entry for entry in offered if entry.name in raw)


def _recall_data(raw: object, offered: tuple[DataFolder, ...]) -> tuple[tuple[str, ...], str | None]:
    """The names to tick, and what to say of those that are gone."""
    names = raw[:MOST_DATA] if isinstance(raw, list | tuple) else ()
    gone = [shown(name) for name in names if _entry_named(name, offered) is None]
    which = f"The data {', '.join(gone)} {'is' if len(gone) == 1 else 'are'}"
    note = f"{which} no longer offered to you and left out."
    return tuple(entry.name for entry in offered if entry.name in names), note if gone else None


def _parse_credentials(raw: object, problems: list[str]) -> tuple[str, ...] | None:
    """The names of credentials in a list, each once; None where nothing is said. Whether they exist, the start asks."""
    if raw is None:
        return None
    if not isinstance(raw, list | tuple):
        problems.append(f'credentials: {shown(raw)} is not a list of names. Write ["…"], or [] for none.')
        return None
    if len(raw) > MOST_CREDENTIALS:
        problems.append(f"credentials: {len(raw)} are too many. At most {MOST_CREDENTIALS} for one workspace.")
        return None
    wrong = [name for name in raw if not _may_name_credential(name)]
    problems.extend(
        f"credentials: {shown(name)} is not the name of a credential. Names only, no values." for name in wrong
    )
    return None if wrong else tuple(dict.fromkeys(raw))


def _parse_home(raw: object, problems: list[str]) -> bool:
    """Whether an empty home is asked for in the place of the person's own; anything else is noted."""
    if raw is not None and raw != EMPTY_HOME:
        problems.append(f'home: {shown(raw)} is no kind of home. Write "{EMPTY_HOME}", or leave it out for your own.')
    return raw == EMPTY_HOME


def _may_name_credential(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_CREDENTIAL_NAME
        and name.isprintable()
        and not looks_like_secret(name)
    )


def _parse_git(raw: object, problems: list[str]) -> str | None:
    """The address of a repository, tidied; None where none is named. Whether it exists, the workspace finds out."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        problems.append(f"git: {shown(raw)} is not the address of a repository. Addresses are text.")
        return None
    try:
        return str(parse_git_address(raw)) if raw.strip() else None
    except GitAddressRefused as refusal:
        problems.append(f"git: {refusal}")
        return None


def _parse_model(raw: object, problems: list[str]) -> PackageName | None:
    """The model package that is opened; None where none is named. Whether there is one, the start asks."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        problems.append(f"model: {shown(raw)} is not the name of a model package. Names are text.")
        return None
    try:
        return PackageName.parse(raw)
    except PackageNameInvalid as refusal:
        problems.append(f"model: {refusal}")
        return None


def _names_in_fields(values: object) -> list[str]:
    """Names in one field or several, between commas."""
    fields = [field for field in (values if isinstance(values, list) else [values]) if isinstance(field, str)]
    return [name.strip() for field in fields for name in field.split(",") if name.strip()]


def _env_as_mapping(text: str) -> dict[str, str] | str:
    variables, problems = _read_env_lines(text)
    return text if problems else variables


def _recall(kind: str, name: object, offered: tuple[_Entry, ...], default: str) -> tuple[str, str | None]:
    """The name to select, and what to say when it is not the one that is remembered."""
    if name is None:
        return default, None
    found = _entry_named(name, offered)
    if found is not None:
        return found.name, None
    title = next(entry.title for entry in offered if entry.name == default)
    gone = shown(name) if isinstance(name, str) else "of before"
    return default, f'The {kind} {gone} is no longer offered to you; "{title}" is selected instead.'


def _at_most(problems: list[str]) -> tuple[str, ...]:
    """The problems, or the first of very many and how many more there are."""
    if len(problems) <= MOST_LISTED:
        return tuple(problems)
    return (*problems[:MOST_LISTED], f"And {len(problems) - MOST_LISTED} more problems.")
