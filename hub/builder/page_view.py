"""What the page "Models" shows, worked out from facts. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from hub.builder.rules import Action, may
from hub.builder.view import same_content
from hub.credentials.rights import Answer
from studiolo.package_name import package_name
from studiolo.packaging.commands import pull_command, run_commands
from studiolo.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from hub.builder.model_package import ModelPackage
    from hub.credentials.rights import Standing

SHORT_DIGEST: Final = 19
"""Characters of a digest that are shown: `sha256:` and twelve more."""

WORDS: Final[Mapping[str, str]] = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
    "minLength": "at least as long as",
    "maxLength": "at most as long as",
}
"""Limits of a JSON Schema, before their number."""


IN_CONTAINER: Final[Mapping[str, tuple[str, str]]] = {
    "Train": ("", "train"),
    "Predict in batch": ("", "batch_predict"),
    "Serve": (" -p 8080:8080", "serve"),
}
"""Options of a container engine, and the verb of the runner, by what the command does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One version, in a list."""

    version: str
    age: str
    size: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """A model as the list shows it: its newest version, and which others there are."""

    name: str
    methods: str
    doc: str
    environment: str
    newest: VersionLine
    older: tuple[VersionLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSection:
    """The models of one team."""

    name: str
    lines: tuple[ModelLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """The list."""

    lines: tuple[ModelLine, ...]
    """A person's own."""
    teams: tuple[TeamSection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of facts."""

    title: str
    text: str
    is_mono: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A hyperparameter."""

    name: str
    type: str
    default: str
    values: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to copy."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageView:
    """The page of one version."""

    name: str
    version: str
    team: str
    doc: str
    about: str
    open: str
    """The form that opens it as a workspace, below the hub's address; "" for who only looks at it."""
    methods: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    lineage: tuple[Fact, ...]
    diff: str
    commands: tuple[Command, ...]
    warnings: tuple[str, ...]
    overridden: tuple[str, ...]
    used_by: str
    """What goes with it, or stays without it, when it is deleted."""
    may_delete: bool


def list_view(found: Iterable[ModelPackage], who: Standing | None, *, now: datetime) -> ListView:
    """The list of somebody who may see these. `who` is None where the hub does not say: then they are their own."""
    lines: dict[str, list[ModelLine]] = {}
    for (owner, _), packages in groupby(found, key=lambda one: (one.owner, one.name)):
        lines.setdefault(owner.team, []).append(_line(tuple(packages), now))
    teams = sorted({*lines, *(who.own_teams if who else ())} - {""})
    return ListView(
        lines=tuple(lines.get("", ())),
        teams=tuple(TeamSection(name=name, lines=tuple(lines.get(name, ()))) for name in teams),
    )


def package_view(
    package: ModelPackage, beside: Iterable[ModelPackage], who: Standing | None, *, now: datetime
) -> PackageView:
    """The page of one version. `beside`: the others of the same model."""
    contract = package.contract
    same = same_content(package, beside)
    may_delete = not package.owner.team or (who is not None and may(who, Action.DELETE, package.owner) is Answer.YES)
    return PackageView(
        name=package.name,
        version=package.version,
        team=package.owner.team,
        doc=contract["doc"],
        about=f"{format_memory(package.layer_bytes)} · packaged {age_of(now - package.made)} by {package.by} "
        f"in {package.seconds:.1f} s",
        open=_open(package) if not package.owner.team or (who and package.owner.team in who.own_teams) else "",
        methods=tuple(contract["methods"]),
        parameters=tuple(_parameters(contract["hyperparameters"])),
        lineage=tuple(_lineage(package)),
        diff=package.lineage.diff,
        commands=tuple(_commands(package)),
        warnings=package.warnings,
        overridden=package.overridden,
        used_by=_used_by(same),
        may_delete=may_delete,
    )


def _open(package: ModelPackage) -> str:
    named = package_name(package.name, package.version, team=package.owner.team)
    return f"spawn?{urlencode({'opt-model': named, 'opt-environment': package.lineage.environment})}"


def age_of(age: timedelta) -> str:
    """How long ago, roughly, as people say it."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 1:
        return "just now"
    for least, size, word in ((2 * 1440, 1440, "days"), (120, 60, "hours")):
        if minutes >= least:
            return f"{minutes // size} {word} ago"
    return f"{minutes} min ago"


def _line(packages: Sequence[ModelPackage], now: datetime) -> ModelLine:
    newest, *older = packages
    return ModelLine(
        name=newest.name,
        methods=", ".join(newest.contract["methods"]),
        doc=newest.contract["doc"],
        environment=newest.lineage.environment,
        newest=_version(newest, now),
        older=tuple(_version(one, now) for one in older),
    )


def _version(package: ModelPackage, now: datetime) -> VersionLine:
    return VersionLine(
        version=package.version,
        age=age_of(now - package.made),
        size=format_memory(package.layer_bytes),
        by=package.by,
    )


def _parameters(schema: Mapping[str, Any]) -> Iterable[Parameter]:
    for name, described in schema["properties"].items():
        kind = described.get("type", "any")
        kinds = kind if isinstance(kind, list) else [kind]
        choices = [json.dumps(value, ensure_ascii=False) for value in described.get("enum", ())]
        limits = [f"{word} {described[key]}" for key, word in WORDS.items() if key in described]
        yield Parameter(
            name=name,
            type=" or ".join("nothing" if one == "null" else one for one in kinds),
            default=(
                "required" if name in schema["required"]
                else json.dumps(described["default"], ensure_ascii=False) if "default" in described
                else "worked out when it runs"
            ),
            values=", ".join([*choices, *limits]),
            description=described.get("description", ""),
        )  # fmt: skip


def _lineage(package: ModelPackage) -> Iterable[Fact]:
    lineage = package.lineage
    yield Fact(title="Notebook", text=lineage.source)
    if package.cells_kept or package.cells_left:
        yield Fact(title="Cells", text=f"{len(package.cells_kept)} kept, {len(package.cells_left)} left out")
    yield Fact(title="Files", text=f"{package.files}, {format_memory(package.project_bytes)}")
    yield Fact(title="Environment", text=lineage.environment)
    yield Fact(title="Stands on", text=lineage.base_name or "this machine alone", is_mono=bool(lineage.base_name))
    if lineage.commit:
        state = "with changes that are not committed" if lineage.diff else "everything committed"
        yield Fact(title="Commit", text=f"{lineage.commit[:12]}, {state}", is_mono=True)
    if lineage.lock_sha256:
        yield Fact(title="Packages beside it", text=f"sha256:{lineage.lock_sha256[:12]}", is_mono=True)
    yield Fact(title="Content", text=f"sha256:{lineage.tree_sha256[:12]}", is_mono=True)
    yield Fact(title="Image", text=package.reference, is_mono=True)


def _commands(package: ModelPackage) -> Iterable[Command]:
    image = "" if package.is_local_only or not package.is_in_registry else package.reference
    name, version, contract = package.name, package.version, package.contract
    if image:
        yield Command(title="Fetch", text=f"studiolo model pull {package.place}:{version} --name {name}")
    else:
        yield Command(title="Fetch", text=pull_command(name, version, team=package.owner.team))
    methods, parameters = contract["methods"], contract.get("parameters", {})
    schema = contract["hyperparameters"]
    for title, text in run_commands(name, version, methods=methods, schema=schema, parameters=parameters):
        yield Command(title=title, text=text)
        if image and title in IN_CONTAINER:
            options, verb = IN_CONTAINER[title]
            yield Command(title=f"{title}, in a container", text=f"docker run --rm{options} {image} {verb}")


def _used_by(same: Sequence[str]) -> str:
    nothing = "Nothing that Studiolo knows of uses it. Whoever runs this digest elsewhere cannot fetch it again."
    if not same:
        return nothing
    return f"The very same image is also version {', '.join(same)}, and stays for as long as one of them is there."
