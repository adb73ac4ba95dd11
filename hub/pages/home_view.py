"""What the list of workspaces shows, worked out from facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from hub.idle.words import describe_extension, describe_notice
from hub.pages.actions import Action, choice_fields, pending_url, spawn_url, workspace_url
from hub.pages.home_bar import HomeBar, home_bar
from hub.pages.package_tick import package_in
from hub.pages.spawn_view import SERVICES_AWAY
from hub.pages.tones import Tone
from studiolo.catalog import APPS
from studiolo.names import shown_name
from studiolo.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.homes.board import HomeLook
    from hub.idle.loop import StopNotice
    from studiolo.catalog import Catalog
    from studiolo.choice import Choice

JUST_NOW = timedelta(seconds=60)
"""Under a minute, a page that counts seconds would only flicker."""

A_DAY = timedelta(days=1)


class WorkspaceState(StrEnum):
    """Where a workspace stands."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPING = "stopping"
    CHECKING = "checking"
    """The hub was restarted and has not looked at it yet."""
    FAILED = "failed"
    """The last start failed."""
    STOPPED = "stopped"


SELDOM = 15.0
"""Every open page costs the hub some milliseconds each time, and a thousand people may have one open."""

HOME_ASKED = 1.5
"""What a home holds will be known, or known to be unknown, within a second."""

REFRESH_SECONDS: Mapping[WorkspaceState, float] = MappingProxyType(
    {
        WorkspaceState.STARTING: 1.5,
        WorkspaceState.STOPPING: 1.5,
        WorkspaceState.CHECKING: 1.5,
        WorkspaceState.RUNNING: 4.0,
        WorkspaceState.FAILED: SELDOM,
        WorkspaceState.STOPPED: SELDOM,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFacts:
    """What is known of one workspace."""

    user: str
    server: str
    title: str
    state: WorkspaceState
    choice: Choice | None
    """What runs, or what it had last; None when it never had one."""
    url: str
    """Where it is opened while it runs."""
    since: datetime | None = None
    """When the present state began."""
    seconds_left: float | None = None
    """Of a start."""
    ending: str = ""
    """How it ended, as a sentence; "" when somebody stopped it or it never ran."""
    reason: str = ""
    """Why it was stopped although no person stopped it, as a sentence."""
    lacks: tuple[str, ...] = ()
    """What it started without, as sentences: credentials that nobody could be asked for."""
    notice: StopNotice | None = None
    """What will stop it soon."""
    kept_until: datetime | None = None
    """Its owner extended it until then."""
    failure: str = ""
    """Why the last start failed, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRow:
    """One line of the list."""

    key: str
    name: str
    title: str
    software: str
    package: str
    """The model package that it opens, in words."""
    hardware: str
    state: WorkspaceState
    tone: Tone
    words: str
    detail: str
    lacks: str
    """What it started without, as sentences."""
    notice: str
    """What will stop it soon, and how to keep it; or until when it is kept."""
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """The list of workspaces."""

    rows: tuple[WorkspaceRow, ...]
    missing: str
    refresh_seconds: float
    """When the page asks for itself again: often while something happens, seldom while nothing does."""
    home: HomeBar | None = None
    """How full the home is; None where nobody measures."""


def home_view(
    workspaces: Iterable[WorkspaceFacts],
    *,
    catalog: Catalog,
    base_url: str,
    now: datetime,
    knows_estimates: bool = True,
    home: HomeLook | None = None,
) -> HomeView:
    """The list: what is in use first, then by name; the default workspace leads its group."""
    ordered = sorted(workspaces, key=lambda facts: (_is_idle(facts.state), facts.server != "", facts.title.casefold()))
    return HomeView(
        rows=tuple(_row(facts, catalog=catalog, base_url=base_url, now=now) for facts in ordered),
        missing="" if knows_estimates else SERVICES_AWAY,
        refresh_seconds=min(
            HOME_ASKED if home is not None and home.is_asked else SELDOM,
            *(REFRESH_SECONDS[facts.state] for facts in ordered),
            SELDOM,
        ),
        home=None if home is None else home_bar(home),
    )


def when(moment: datetime, now: datetime) -> str:
    """How long ago, as people say it: "just now", "2 h 10 min ago", "on 12 Nov"."""
    passed = now - moment
    if passed < JUST_NOW:
        return "just now"
    if passed < A_DAY:
        return f"{format_duration(_whole_minutes(passed))} ago"
    if passed < 2 * A_DAY:
        return "yesterday"
    return f"on {moment:%-d %b}" if moment.year == now.year else f"on {moment:%-d %b %Y}"


def _is_idle(state: WorkspaceState) -> bool:
    return state in {WorkspaceState.STOPPED, WorkspaceState.FAILED}


def _whole_minutes(passed: timedelta) -> timedelta:
    return timedelta(minutes=passed // timedelta(minutes=1))


def _row(facts: WorkspaceFacts, *, catalog: Catalog, base_url: str, now: datetime) -> WorkspaceRow:
    tone, words, detail = _state(facts, now)
    software, hardware = _titles(facts.choice, catalog)
    return WorkspaceRow(
        key=shown_name(facts.server),
        name=shown_name(facts.server),
        title=facts.title or shown_name(facts.server),
        software=software,
        package=_package(facts.choice),
        hardware=hardware,
        state=facts.state,
        tone=tone,
        words=words,
        detail=detail,
        lacks=" ".join(facts.lacks),
        notice=_notice(facts, now=now, timezone=catalog.timezone),
        actions=_actions(facts, catalog=catalog, base_url=base_url),
    )


def _state(facts: WorkspaceFacts, now: datetime) -> tuple[Tone, str, str]:
    match facts.state:
        case WorkspaceState.RUNNING:
            return Tone.OK, "running", _running_for(facts.since, now)
        case WorkspaceState.STARTING:
            left = facts.seconds_left
            return Tone.SOON, "starting", "" if left is None else f"about {format_duration(max(1.0, left))} left"
        case WorkspaceState.STOPPING:
            return Tone.SOON, "stopping", ""
        case WorkspaceState.CHECKING:
            return Tone.SOON, "checking", "Studiolo was restarted and looks whether it still runs"
        case WorkspaceState.FAILED:
            return Tone.NO, "did not start", facts.failure
        case WorkspaceState.STOPPED:
            ago = "" if facts.since is None else when(facts.since, now)
            tone, verb = (Tone.NO, "ended") if facts.ending else (Tone.CALM, "stopped")
            return tone, f"{verb} {ago}".rstrip(), facts.ending or facts.reason


def _notice(facts: WorkspaceFacts, *, now: datetime, timezone: str) -> str:
    notice = facts.notice
    if notice is None:
        return describe_extension(facts.kept_until, now=now, timezone=timezone) if facts.kept_until else ""
    return describe_notice(notice.why, notice.limit, notice.at, now=now, timezone=timezone)


def _running_for(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    passed = now - since
    return "since just now" if passed < JUST_NOW else f"for {format_duration(_whole_minutes(passed))}"


def _titles(choice: Choice | None, catalog: Catalog) -> tuple[str, str]:
    if choice is None:
        return "", ""
    environment, hardware = catalog.environment(choice.environment), catalog.hardware_named(choice.hardware)
    # What is gone from the catalog still has the name it had.
    return (environment.title if environment else choice.environment), (hardware.title if hardware else choice.hardware)


def _package(choice: Choice | None) -> str:
    package = package_in(choice.model or "") if choice else None
    return f"with the files of {package.shown}" if package else ""


def _actions(facts: WorkspaceFacts, *, catalog: Catalog, base_url: str) -> tuple[Action, ...]:
    key, title = shown_name(facts.server), facts.title or shown_name(facts.server)

    def link(verb: str, label: str, url: str, *, style: str = "btn-plain") -> Action:
        return Action(id=f"{verb}-{key}", label=label, spoken=f"{label}: {title}", url=url, style=style)

    stop = Action(
        id=f"stop-{key}",
        label="Stop",
        spoken=f"Stop: {title}",
        url=workspace_url(base_url, facts.user, facts.server, "stop"),
        method="post",
    )
    delete = link("delete", "Delete", workspace_url(base_url, facts.user, facts.server, "delete"), style="btn-quiet")
    own_page = pending_url(base_url, facts.user, facts.server)
    elsewhere = link("choose", "Start on …", spawn_url(base_url, facts.user, facts.server))
    match facts.state:
        case WorkspaceState.RUNNING:
            apps = tuple(
                link(name, APPS[name].title, f"{facts.url}{APPS[name].path}") for name in _apps(facts.choice, catalog)
            )
            extend = _extend(facts, key=key, title=title, base_url=base_url)
            return (link("open", "Open", facts.url, style="btn-primary"), *apps, *extend, stop)
        case WorkspaceState.STARTING:
            return (link("watch", "Watch", own_page), stop)
        case WorkspaceState.STOPPING | WorkspaceState.CHECKING:
            return (link("watch", "Watch", own_page),)
        case WorkspaceState.FAILED:
            why = link("why", "Why?", own_page)
            return (why, elsewhere, *((delete,) if facts.server else ()))
        case WorkspaceState.STOPPED:
            start = (_start(facts, key=key, title=title, base_url=base_url),) if facts.choice else ()
            return (*start, elsewhere, *((delete,) if facts.server else ()))


def _extend(facts: WorkspaceFacts, *, key: str, title: str, base_url: str) -> tuple[Action, ...]:
    if facts.notice is None or facts.notice.extend_by is None:
        return ()
    label = f"Extend by {format_duration(facts.notice.extend_by)}"
    url = workspace_url(base_url, facts.user, facts.server, "extend")
    return (Action(id=f"extend-{key}", label=label, spoken=f"{label}: {title}", url=url, method="post"),)


def _start(facts: WorkspaceFacts, *, key: str, title: str, base_url: str) -> Action:
    choice = facts.choice
    return Action(
        id=f"start-{key}",
        label="Start",
        spoken=f"Start: {title}",
        url=spawn_url(base_url, facts.user, facts.server),
        method="post",
        fields=choice_fields(choice) if choice is not None else (),
    )


def _apps(choice: Choice | None, catalog: Catalog) -> tuple[str, ...]:
    environment = catalog.environment(choice.environment) if choice else None
    return tuple(name for name in environment.apps if name in APPS) if environment else ()
