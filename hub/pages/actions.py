"""Links and buttons as values. Everything that changes something is a form that is sent, never a link. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from hub.roles import SERVICE_PREFIX
from studiolo.choice import EMPTY_HOME
from studiolo.names import shown_name

if TYPE_CHECKING:
    from studiolo.choice import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a person can do with a workspace."""

    id: str
    label: str
    spoken: str
    """The label with the workspace in it: a screen reader meets five buttons called Stop."""
    url: str
    method: Literal["get", "post"] = "get"
    style: str = "btn-plain"
    fields: tuple[tuple[str, str], ...] = ()


def choice_fields(choice: Choice) -> tuple[tuple[str, str], ...]:
    """A choice as the fields of a form that starts it."""
    env = "\n".join(f"{name}={value}" for name, value in choice.env)
    return (
        ("environment", choice.environment),
        ("hardware", choice.hardware),
        ("env", env),
        *(("data", name) for name in choice.data),
        *((("git", choice.git),) if choice.git else ()),
        *((("model", choice.model),) if choice.model else ()),
        # An empty one says that somebody chose, if only to have none.
        *(("credentials", name) for name in (() if choice.credentials is None else ("", *choice.credentials))),
        *((("home", EMPTY_HOME),) if choice.has_empty_home else ()),
    )


def path_part(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="@~")


def spawn_url(base_url: str, user: str, server: str) -> str:
    """The spawn page of one workspace; the unnamed one is addressed by its shown name."""
    return f"{base_url}spawn/{path_part(user)}/{path_part(shown_name(server))}"


def pending_url(base_url: str, user: str, server: str) -> str:
    """The page of a workspace that starts, stops or failed (JupyterHub's own address)."""
    return f"{base_url}spawn-pending/{path_part(user)}" + (f"/{path_part(server)}" if server else "")


def workspace_url(base_url: str, user: str, server: str, verb: Literal["stop", "extend", "delete"]) -> str:
    """Where a form that stops, extends or deletes one workspace is sent."""
    return f"{base_url}workspaces/{path_part(user)}/{path_part(shown_name(server))}/{verb}"


def log_address(user: str, server: str) -> str:
    """Where the services process shows the owner what a workspace printed."""
    return f"{SERVICE_PREFIX}api/workspaces/{path_part(user)}/{path_part(shown_name(server))}/log"
