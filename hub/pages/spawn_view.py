"""What the spawn page shows, worked out from facts. Pure: no request, no clock, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.pages.cards import HardwareCard, MachineFacts, SoftwareCard, SoftwareFacts, hardware_card, software_card
from hub.pages.credential_ticks import NO_TICKS, CredentialTicks
from hub.pages.data_ticks import DataTick, data_ticks
from hub.pages.forecast_cards import ForecastTables, forecast_table
from spawner.admission import DoesNotFit
from studiolo.choice import EMPTY_HOME
from studiolo.names import shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from hub.capacity.forecast import Forecast
    from hub.pages.forecast_cards import ForecastCell
    from hub.pages.package_tick import PackageTick
    from spawner.options import Remembered
    from studiolo.catalog import DataFolder, Entry, Hardware
    from studiolo.choice import Choice

SERVICES_AWAY = (
    "Estimates are missing: the part of Studiolo that remembers earlier starts does not answer. Starting works."
)
"""Said wherever an estimate would stand. A start never needs the services."""


LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What should be chosen when the page opens."""

    environment: str | None = None
    hardware: str | None = None
    env_text: str = ""
    data: tuple[str, ...] = ()
    credentials: tuple[str, ...] | None = None
    """None: all that are marked "always"."""
    git: str = ""
    model: str = ""
    """A package to open, as a choice names it."""
    has_empty_home: bool = False
    notes: tuple[str, ...] = ()
    """What has to be said about the wish: part of it may be gone from the catalog."""
    is_kept: bool = True
    """A person's own selection stays even where it cannot start now; a remembered one gives way to one that can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong, and the id of the field to go to ("" for none)."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameField:
    """The name of a new workspace."""

    value: str
    placeholder: str
    hint: str
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Everything that is on offer to the owner of the workspace, with what is known of it."""

    software: tuple[SoftwareFacts, ...]
    hardware: tuple[Hardware, ...]
    machine: MachineFacts | None
    """None: a cluster, which says only when it is asked whether there is room."""
    currency: str
    default: Choice | None
    data: tuple[DataFolder, ...] = ()
    knows_estimates: bool = True
    forecasts: tuple[Forecast, ...] = ()
    """One for each environment and hardware; none where nobody makes any."""
    without_claims: tuple[Forecast, ...] = ()
    """The same for who claims no warm pod; none where no pod waits."""
    timezone: str = "UTC"
    """In which times of day are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workspace that the form starts."""

    owner: str
    viewer: str
    server: str
    title: str
    """The free name of an existing workspace; "" when it is new."""
    action: str
    """Where the form is sent."""
    is_new: bool
    is_default_taken: bool = False
    """Whether a new workspace needs a name, because `default` is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the button will do."""

    software: str
    hardware: str
    time: str
    price: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """What could be had in place of what is chosen and does not start."""

    hardware: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnView:
    """The spawn page."""

    heading: str
    lead: str
    action: str
    for_whom: str
    is_new: bool
    name: NameField | None
    software: tuple[SoftwareCard, ...]
    hardware: tuple[HardwareCard, ...]
    data: tuple[DataTick, ...]
    credentials: CredentialTicks
    package: PackageTick | None
    has_empty_home: bool
    """Whether to ask, ticked, for an empty home: a link wants one, or the form was sent with it."""
    notes: tuple[str, ...]
    errors: tuple[FieldError, ...]
    env_text: str
    git: str
    summary: Summary
    instead: Instead
    forecasts: str
    """Every pair's, as JSON for the script; "" where nobody makes any."""
    missing: str
    next_url: str


def spawn_view(
    target: Target,
    offer: Offer,
    wish: Wish,
    *,
    typed_name: str = "",
    errors: tuple[FieldError, ...] = (),
    next_url: str = "",
    lasts: Callable[[Hardware], str] = lambda _hardware: "",
    credentials: CredentialTicks = NO_TICKS,
    package: PackageTick | None = None,
    without_claim: Collection[str] = (),
    now: datetime = LONG_AGO,
) -> SpawnView:
    """The page: every card, the one that is selected in each row, and what has to be said about it.

    `lasts` says of a hardware how long a workspace on it may last. `without_claim`: fields in which whatever is ticked
    keeps a start from claiming a warm pod.
    """
    able_software = tuple(facts.environment.name for facts in offer.software if facts.can_start)
    verdicts = offer.machine.verdicts if offer.machine else {}
    able_hardware = tuple(
        entry.name for entry in offer.hardware if not isinstance(verdicts.get(entry.name), DoesNotFit)
    )
    default = offer.default
    software, software_note = _select(
        wish.environment or (package.environment if package else None),
        tuple(facts.environment for facts in offer.software),
        able=able_software,
        default=default.environment if default else None,
        is_kept=wish.is_kept,
    )
    hardware, hardware_note = _select(
        wish.hardware,
        offer.hardware,
        able=able_hardware,
        default=default.hardware if default else None,
        is_kept=wish.is_kept,
    )
    ticks = data_ticks(offer.data, wish.data, is_machine=offer.machine is not None)
    is_ticked = {
        "data": any(tick.is_ticked for tick in ticks),
        "credentials": any(tick.is_ticked for tick in credentials.ticks) or any(credentials.hidden),
        "model": package is not None and package.is_ticked,
        "home": wish.has_empty_home,
    }
    tables = ForecastTables(
        usual=forecast_table(offer.forecasts, offer.hardware, timezone=offer.timezone, now=now),
        without_claims=forecast_table(offer.without_claims, offer.hardware, timezone=offer.timezone, now=now),
        fields=tuple(without_claim),
    )
    table = tables.table(is_claim=not any(is_ticked[field] for field in without_claim))
    chosen = table.of(software, hardware)
    software_cards = tuple(
        software_card(
            facts,
            is_selected=facts.environment.name == software,
            cell=table.of(facts.environment.name, hardware),
        )
        for facts in offer.software
    )
    hardware_cards = tuple(
        hardware_card(
            entry,
            offer.machine,
            currency=offer.currency,
            is_selected=entry.name == hardware,
            lasts=lasts(entry),
            cell=table.of(software, entry.name),
        )
        for entry in offer.hardware
    )
    return SpawnView(
        heading="New workspace" if target.is_new else f"Start {target.title or shown_name(target.server)}",
        lead="Your files come along, whatever you choose. You can change both later."
        if target.owner == target.viewer
        else f"The files of {target.owner} come along, whatever you choose.",
        action=target.action,
        for_whom="" if target.owner == target.viewer else target.owner,
        is_new=target.is_new,
        name=_name_field(target, typed_name),
        software=software_cards,
        hardware=hardware_cards,
        data=ticks,
        credentials=credentials,
        package=package,
        has_empty_home=wish.has_empty_home,
        notes=(
            *wish.notes,
            *(note for note in (software_note, hardware_note) if note),
            *credentials.notes,
            *(package.notes if package else ()),
        ),
        errors=errors,
        env_text=wish.env_text,
        git=wish.git,
        summary=_summary(software_cards, hardware_cards, chosen),
        instead=Instead(hardware=chosen.instead, words=chosen.instead_words) if chosen else Instead(),
        forecasts=tables.as_json(),
        missing="" if offer.knows_estimates else SERVICES_AWAY,
        next_url=next_url,
    )


def remembered_wish(remembered: Remembered) -> Wish:
    """The last choice of a workspace, as far as it can still be had, with a word about what is gone."""
    choice = remembered.choice
    return Wish(
        environment=choice.environment if choice else None,
        hardware=choice.hardware if choice else None,
        env_text=env_as_text(dict(choice.env)) if choice else "",
        data=choice.data if choice else (),
        credentials=choice.credentials if choice else None,
        git=(choice.git or "") if choice else "",
        model=(choice.model or "") if choice else "",
        is_kept=False,
        notes=(remembered.note,) if remembered.note else (),
    )


def linked_wish(options: Mapping[str, Any], problems: Iterable[str]) -> Wish:
    """What a link asks for; what it cannot have is said and nothing is started."""
    env, names = options.get("env"), options.get("credentials")
    return Wish(
        environment=_name_or_none(options.get("environment")),
        hardware=_name_or_none(options.get("hardware")),
        env_text=env if isinstance(env, str) else env_as_text(env),
        data=tuple(name for name in options.get("data") or () if isinstance(name, str)),
        credentials=tuple(names) if isinstance(names, list) else None,
        git=_name_or_none(options.get("git")) or "",
        model=_name_or_none(options.get("model")) or "",
        has_empty_home=options.get("home") == EMPTY_HOME,
        notes=tuple(f"The link asks for something that cannot be had. {problem}" for problem in problems),
    )


def env_as_text(env: object) -> str:
    """Environment variables as the form shows them: one NAME=value a line."""
    if not isinstance(env, Mapping):
        return ""
    return "\n".join(f"{name}={value}" for name, value in env.items())


def _select(
    wanted: str | None,
    entries: tuple[Entry, ...],
    *,
    able: tuple[str, ...],
    default: str | None,
    is_kept: bool,
) -> tuple[str | None, str]:
    """The name to select, and what has to be said about it ("" for nothing)."""
    titles = {entry.name: entry.title for entry in entries}
    fallback = default if default in able else next(iter(able), default)
    if wanted is None or wanted not in titles:
        return fallback, ""
    if wanted in able or is_kept or fallback is None or fallback == wanted:
        return wanted, ""
    note = f"Last time it was {titles[wanted]}, which cannot start now: {titles[fallback]} is selected instead."
    return fallback, note


def _name_field(target: Target, typed: str) -> NameField | None:
    if not target.is_new:
        return None
    if target.is_default_taken:
        hint = "Your default workspace is in use, so this one needs a name, such as Iris or Night runs."
    else:
        hint = "Without a name this is your default workspace."
    return NameField(
        value=typed,
        placeholder="Iris" if target.is_default_taken else "default",
        hint=hint,
        is_required=target.is_default_taken,
    )


def _summary(
    software: tuple[SoftwareCard, ...], hardware: tuple[HardwareCard, ...], chosen: ForecastCell | None
) -> Summary:
    chosen_software = next((card for card in software if card.is_selected), None)
    chosen_hardware = next((card for card in hardware if card.is_selected), None)
    fits = chosen_hardware is None or chosen_hardware.fits
    time = chosen.time if chosen else chosen_software.time if chosen_software else ""
    return Summary(
        software=chosen_software.title if chosen_software else "…",
        hardware=chosen_hardware.title if chosen_hardware else "…",
        time=time if fits else "does not fit now",
        price=chosen_hardware.price if chosen_hardware else "",
    )


def _name_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
