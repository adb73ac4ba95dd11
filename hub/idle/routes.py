"""What servers and programs ask of idle and age: JupyterHub's activity call with a note of it, and an extension."""

from __future__ import annotations

from datetime import UTC
from http import HTTPStatus
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.apihandlers.users import ActivityAPIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from hub.idle.errors import CannotExtend, NothingKnown
from hub.workspace_rows import WorkspaceRow
from studiolo.names import server_from_shown


class HeardActivity(ActivityAPIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`POST /hub/api/users/USER/activity`, as JupyterHub has it, and a note that somebody was heard.

    JupyterHub keeps only when a server was used last: the same for one that nobody uses and one that is not heard.
    """

    @needs_scope("users:activity")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    def post(self, user_name: str) -> None:
        """What JupyterHub refuses is not noted."""
        super().post(user_name)
        servers: dict[str, Any] = self.get_json_body().get("servers") or {}
        for server in servers:
            self.settings["studiolo_idle"].heard_of(WorkspaceRow(user=user_name, server=server))


class ExtendApi(APIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`POST /hub/api/studiolo/workspaces/USER/WORKSPACE/extend`: what the button Extend does, for programs."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    def post(self, user_name: str, workspace: str) -> None:
        """`{"until": "2026-11-22T14:20:00+00:00"}`: not stopped before."""
        user = self.find_user(user_name)
        server = workspace if user and workspace in user.orm_spawners else server_from_shown(workspace)
        if user is None or server not in user.orm_spawners:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no workspace of this name.")
        try:
            until = self.settings["studiolo_idle"].extend(WorkspaceRow(user=user.name, server=server))
        except CannotExtend as error:
            raise web.HTTPError(HTTPStatus.CONFLICT, f"{error} {error.hint}".rstrip()) from error
        except NothingKnown as error:
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        self.log.info("%s extended the workspace %s of %s", self.current_user.name, workspace, user.name)
        self.write({"until": until.astimezone(UTC).isoformat(timespec="seconds")})


def handlers() -> list[tuple[Any, ...]]:
    """To be placed before JupyterHub's own; paths are relative to the hub's prefix."""
    return [
        (r"/api/users/([^/]+)/activity", HeardActivity),
        (r"/api/studiolo/workspaces/([^/]+)/([^/]+)/extend", ExtendApi),
    ]
