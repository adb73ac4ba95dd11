"""What the buttons do, `/hub/workspaces/USER/WORKSPACE/{stop,extend,delete}`. Forms, so they work without scripts."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.scopes import needs_scope
from jupyterhub.utils import maybe_future
from tornado import web

from hub.idle.errors import CannotExtend, NothingKnown
from hub.pages.actions import pending_url, workspace_url
from hub.pages.delete_view import delete_view
from hub.pages.page import OwnPage
from hub.workspace_rows import WorkspaceRow

if TYPE_CHECKING:
    from collections.abc import Coroutine

CANCELLED_WITHIN_SECONDS = 10
"""How long a start may take to give up before it is stopped the hard way."""

AT_ONCE_SECONDS = 1.0
"""How long the answer waits for a stop: most are done by then, and the list shows them so."""

_running: set[asyncio.Task[None]] = set()
"""Stops that go on after their answer was sent: asyncio itself forgets tasks that nobody holds."""


class StopWorkspace(OwnPage):
    """Stops one workspace, or the start of one."""

    @web.authenticated
    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def post(self, user_name: str, workspace: str) -> None:
        """Stops it and goes back to the list."""
        user = self.owner_named(user_name)
        server = self.server_named(user, workspace)
        if server not in user.orm_spawners:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no workspace of this name.")
        spawner = user.spawners[server]
        if spawner.pending in {"check", "rename"}:
            if spawner.is_resumed:
                spawner.stop_resumed()
            self.redirect(pending_url(self.hub.base_url, user.name, server), status=HTTPStatus.SEE_OTHER)
            return
        if spawner.pending == "spawn":
            await self._in_background(self._stop_start(user, spawner))
        elif spawner.ready:
            await self._in_background(self._stop_running(user, spawner))
        self.redirect(f"{self.hub.base_url}home", status=HTTPStatus.SEE_OTHER)

    async def _stop_start(self, user: Any, spawner: Any) -> None:
        future = spawner._spawn_future  # noqa: SLF001 - as JupyterHub's own API does
        if future is not None and not future.done():
            future.cancel()
            await asyncio.wait([future], timeout=CANCELLED_WITHIN_SECONDS)
        if spawner.name in user.spawners and not spawner.pending:
            await self.stop_single_user(user, spawner.name)

    async def _stop_running(self, user: Any, spawner: Any) -> None:
        # Asks first, so that one that died this second is recorded as what it is.
        if await spawner.poll_and_notify() is None and not spawner.pending:
            await self.stop_single_user(user, spawner.name)

    async def _in_background(self, stop: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(stop)
        _running.add(task)
        task.add_done_callback(_running.discard)
        await asyncio.wait([task], timeout=AT_ONCE_SECONDS)
        if task.done() and (error := task.exception()) is not None:
            raise error


class ExtendWorkspace(OwnPage):
    """Keeps a workspace longer that would be stopped soon."""

    @web.authenticated
    @needs_scope("servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def post(self, user_name: str, workspace: str) -> None:
        """Extends it and goes back to the list, which says until when."""
        user = self.owner_named(user_name)
        server = self.server_named(user, workspace)
        if server not in user.orm_spawners:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no workspace of this name.")
        try:
            self.idle.extend(WorkspaceRow(user=user.name, server=server))
        except CannotExtend as error:
            raise web.HTTPError(HTTPStatus.CONFLICT, f"{error} {error.hint}".rstrip()) from error
        except NothingKnown as error:
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        self.log.info("%s extended the workspace %s of %s", self.current_user.name, workspace, user.name)
        self.redirect(f"{self.hub.base_url}home", status=HTTPStatus.SEE_OTHER)


class DeleteWorkspace(OwnPage):
    """Asks, then deletes one named workspace that does not run. Files in the home are never touched."""

    @web.authenticated
    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def get(self, user_name: str, workspace: str) -> None:
        """The question."""
        user = self.owner_named(user_name)
        server = self._deletable(user, workspace)
        view = delete_view(
            title=self.title_of(user, server), action=workspace_url(self.hub.base_url, user.name, server, "delete")
        )
        self.finish(await self.render_template("confirm_delete.html", view=view))

    @web.authenticated
    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def post(self, user_name: str, workspace: str) -> None:
        """Deletes it and goes back to the list."""
        user = self.owner_named(user_name)
        server = self._deletable(user, workspace)
        spawner = user.get_spawner(server)
        if spawner.active:
            raise web.HTTPError(HTTPStatus.CONFLICT, "This workspace is in use. Stop it first, then delete it.")
        await maybe_future(user._delete_spawner(spawner))  # noqa: SLF001 - as JupyterHub's own API does
        self.db.delete(spawner.orm_spawner)
        user.spawners.pop(server, None)
        self.db.commit()
        self.log.info("%s deleted the workspace %s of %s", self.current_user.name, server, user.name)
        self.redirect(f"{self.hub.base_url}home", status=HTTPStatus.SEE_OTHER)

    def _deletable(self, user: Any, workspace: str) -> str:
        server = self.server_named(user, workspace)
        if server == "":
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "The default workspace stays: it can be stopped, not deleted.")
        if server not in user.orm_spawners:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no workspace of this name.")
        return server
