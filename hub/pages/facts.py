"""Facts about people and workspaces for the views, gathered from JupyterHub's objects; decides nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.pages.home_view import WorkspaceFacts, WorkspaceState
from hub.workspace_rows import WorkspaceRow
from spawner.ending import ASKED_FOR, EndingKind, describe_ending
from spawner.refusals import public_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from hub.idle.loop import StopNotice
    from spawner.ending import Ending
    from spawner.errors import StartError
    from studiolo.catalog import Catalog
    from studiolo.choice import Choice


def teams_of(user: Any) -> tuple[str, ...]:
    """The teams of a person: JupyterHub's groups."""
    return tuple(sorted(group.name for group in user.orm_user.groups))


def may_book_room(user: Any) -> bool:
    """Whether the page about held room has a form for this person: a link only, that page asks for itself."""
    leads = (group.properties.get("leads") for group in user.orm_user.groups if isinstance(group.properties, dict))
    return bool(user.admin) or any(isinstance(names, list) and user.name in names for names in leads)


def workspaces_of(
    user: Any, *, now: float, log: Logger, notice_of: Callable[[WorkspaceRow], StopNotice | None]
) -> tuple[WorkspaceFacts, ...]:
    """Every workspace of a person, also those that do not run; the default one once it was ever used."""
    # From the database: `user.spawners` forgets what was stopped.
    names = tuple(user.orm_user.orm_spawners)
    every = tuple(
        _workspace(user, name, now=now, log=log, notice=notice_of(WorkspaceRow(user=user.name, server=name)))
        for name in names
    )
    return tuple(facts for facts in every if facts.server or not _was_never_used(facts))


def choice_of(spawner: Any) -> Choice | None:
    """What a workspace was started with last; None when it never was, or nobody can read it."""
    choice: Choice | None = spawner.choice
    return choice


def subject_of(choice: Choice | None, catalog: Catalog) -> str:
    """A choice in words: "Python on Small"."""
    if choice is None:
        return ""
    environment, hardware = catalog.environment(choice.environment), catalog.hardware_named(choice.hardware)
    return (
        f"{environment.title if environment else choice.environment}"
        f" on {hardware.title if hardware else choice.hardware}"
    )


def has_failed(spawner: Any) -> bool:
    """Whether the last start of a workspace failed.

    JupyterHub calls one that no proxy took the route of a good start, and stops it.
    """
    if spawner._failed:  # noqa: SLF001 - JupyterHub's own pages ask the same; there is no other way
        return True
    return not spawner.active and spawner.failure is not None


def failure_of(spawner: Any, log: Logger) -> StartError | None:
    """Why the last start of a workspace failed, or None when it did not.

    What did not come from us gets its reference here, once, and the log gets it in full under that reference.
    """
    if not has_failed(spawner):
        return None
    if spawner.failure is not None:
        known: StartError = spawner.failure
        return known
    error = spawner._spawn_future.exception()  # noqa: SLF001 - see above
    failure = getattr(error, "failure", None)
    if failure is None:
        failure = error.failure = public_error(error)
        log.error(
            "The start of %s failed (ref %s)",
            *(spawner._log_name, failure.reference),  # noqa: SLF001 - what JupyterHub calls it in its log
            exc_info=error,
            extra={"reference": failure.reference, "verdict": failure.code},
        )
    return failure


def is_trouble(ending: Ending | None) -> bool:
    """Whether a workspace ended in a way that nobody asked for."""
    return ending is not None and ending.kind not in ASKED_FOR


def reason_of(ending: Ending | None) -> str:
    """Why a workspace was stopped that no person stopped, as a sentence."""
    if ending is None or is_trouble(ending) or ending.kind is EndingKind.STOPPED:
        return ""
    return describe_ending(ending)


def _workspace(user: Any, server: str, *, now: float, log: Logger, notice: StopNotice | None) -> WorkspaceFacts:
    spawner = user.get_spawner(server)
    state = state_of(spawner)
    ending: Ending | None = spawner.ending() if state is WorkspaceState.STOPPED else None
    failure = failure_of(spawner, log)
    shown = spawner.progress_now()
    progress = shown if state is WorkspaceState.STARTING else None
    return WorkspaceFacts(
        user=user.name,
        server=server,
        title=spawner.display_name,
        state=state,
        choice=choice_of(spawner),
        url=user.server_url(server),
        since=_since(spawner, state, ending),
        seconds_left=progress.seconds_left(now) if progress else None,
        ending=describe_ending(ending) if ending is not None and is_trouble(ending) else "",
        reason=reason_of(ending),
        notice=notice if state is WorkspaceState.RUNNING else None,
        lacks=shown.notices if shown and state in {WorkspaceState.STARTING, WorkspaceState.RUNNING} else (),
        kept_until=spawner.lasting.extended_until if state is WorkspaceState.RUNNING else None,
        failure=f"{failure.sentence} {failure.cause}".strip() if failure else "",
    )


def state_of(spawner: Any) -> WorkspaceState:
    """Where a workspace stands, for pages and metrics alike."""
    match spawner.pending:
        case "spawn":
            return WorkspaceState.STARTING
        case "stop":
            return WorkspaceState.STOPPING
        case "check" | "rename":
            return WorkspaceState.CHECKING
    if spawner.ready:
        return WorkspaceState.RUNNING
    return WorkspaceState.FAILED if has_failed(spawner) else WorkspaceState.STOPPED


def _since(spawner: Any, state: WorkspaceState, ending: Ending | None) -> datetime | None:
    if state is WorkspaceState.RUNNING:
        return _aware(spawner.orm_spawner.started)
    if ending is not None:
        return ending.ended_at
    return _aware(spawner.orm_spawner.last_activity) if state is WorkspaceState.STOPPED else None


def _aware(moment: datetime | None) -> datetime | None:
    """JupyterHub keeps times in UTC without saying so."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def _was_never_used(facts: WorkspaceFacts) -> bool:
    return facts.state is WorkspaceState.STOPPED and facts.choice is None
