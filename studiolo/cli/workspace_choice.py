"""Which workspace is meant, and what it starts with: decided from what was typed and what there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studiolo.choice import EMPTY_HOME
from studiolo.client_errors import NotFound, Refused
from studiolo.names import check_server_name, server_from_shown, server_name_from_title
from studiolo.problems import perhaps, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studiolo.wire import WorkspaceView


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody typed, or wrote into a workspace.yaml."""

    name: str
    """A name or a title, of a workspace that exists or is to be made."""
    environment: str | None = None
    hardware: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    data: Sequence[str] | None = None
    """None: as the last time; empty: none."""
    credentials: Sequence[str] | None = None
    """As `data`; of a workspace that never ran, None means all that are marked "always"."""
    git: str | None = None
    """None: as the last time; empty: none."""
    model: str | None = None
    """A package, with its version. None: as the last time; empty: none."""
    has_empty_home: bool = False
    """Only for this start."""

    @property
    def options(self) -> dict[str, object]:
        """What was chosen, as user options; nothing for what was left open."""
        chosen = {"environment": self.environment, "hardware": self.hardware, "env": dict(self.env)}
        options: dict[str, object] = {name: value for name, value in chosen.items() if value}
        names = {"data": self.data, "credentials": self.credentials}
        options |= {name: list(chosen) for name, chosen in names.items() if chosen is not None}
        if self.has_empty_home:
            options["home"] = EMPTY_HOME
        texts = {"git": self.git, "model": self.model}
        return options | {name: text for name, text in texts.items() if text is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlan:
    """How to start it."""

    name: str
    title: str | None
    """The free display name of a new workspace; None keeps what it has."""
    options: dict[str, object] | None
    """None: as the last time."""
    running: WorkspaceView | None
    """The workspace, when it runs already or is on its way."""
    is_new: bool = False
    """Whether there was none of that name before."""


def find(text: str, known: Sequence[WorkspaceView]) -> WorkspaceView:
    """The workspace of that name, else of that title. Raises NotFound with the nearest name."""
    found = _matching(text, known)
    if found is not None:
        return found
    raise NotFound(
        f"You have no workspace {quoted(text)}.{perhaps(text, (view.name for view in known))}",
        hint="See them all: studiolo workspace list",
    )


def plan_start(wanted: Wanted, known: Sequence[WorkspaceView]) -> StartPlan:
    """How to start what is wanted. Raises Refused when it runs with another choice, or is just stopping."""
    found = _matching(wanted.name, known)
    if found is None:
        name, title = _new_name(wanted.name, known)
        # Without options the hub would take those of a namesake that was deleted.
        return StartPlan(name=name, title=title, options=wanted.options, running=None, is_new=True)
    options = _on_top_of(found, wanted)
    if found.state == "stopping":
        raise Refused(f"Workspace {found.name} is still stopping.", hint="Try again in a few seconds.")
    if found.state == "stopped":
        return StartPlan(name=found.name, title=None, options=options, running=None)
    if options is not None and options != _choice_of(found):
        now = " on ".join(filter(None, (found.environment, found.hardware))) or "the default choice"
        raise Refused(
            f"Workspace {found.name} is {found.state} with {now}, and that changes only with a new start.",
            hint=f"Stop it first: studiolo workspace stop {found.name}",
        )
    return StartPlan(name=found.name, title=None, options=None, running=found)


def _matching(text: str, known: Sequence[WorkspaceView]) -> WorkspaceView | None:
    by_name = (view for view in known if view.name == text)
    by_title = (view for view in known if view.title == text)
    return next(by_name, None) or next(by_title, None)


def _new_name(text: str, known: Sequence[WorkspaceView]) -> tuple[str, str | None]:
    if check_server_name(server_from_shown(text)) is None:
        return text, None
    return server_name_from_title(text, {view.name for view in known}), text


def _choice_of(view: WorkspaceView) -> dict[str, object]:
    wanted = Wanted(
        name=view.name,
        environment=view.environment,
        hardware=view.hardware,
        env=view.env,
        data=view.data or None,
        credentials=view.credentials,
        git=view.git,
        model=view.model,
    )
    return wanted.options


def _on_top_of(view: WorkspaceView, wanted: Wanted) -> dict[str, object] | None:
    """What was chosen over what the workspace had the last time; None when nothing was chosen."""
    if not wanted.options:
        return None
    merged = {**_choice_of(view), **wanted.options}
    if wanted.model and wanted.environment is None:
        merged.pop("environment", None)  # the package's, whatever it was
    if env := {**view.env, **wanted.env}:
        merged["env"] = env
    for name in ("data", "git", "model"):
        if not merged.get(name):
            merged.pop(name, None)  # the same as nothing said
    return merged
