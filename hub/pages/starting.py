"""A workspace on its way: `/hub/spawn-pending/…`, and what `/hub/user/…` shows of one that does not run.

What happens is decided by JupyterHub's handlers; these give its templates our views, of this workspace and no other.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.pages import SpawnPendingHandler

from hub.pages.actions import workspace_url
from hub.pages.facts import choice_of, failure_of, is_trouble, reason_of, subject_of
from hub.pages.not_running_view import NotRunningView, Reader, failed_view, stopped_view
from hub.pages.page import OwnPage
from hub.pages.waiting_view import WaitingView, checking_view, stopping_view, waiting_view
from spawner.ending import describe_ending
from spawner.errors import UnexpectedStartFailure


class WorkspacePage(OwnPage):
    """Renders JupyterHub's templates about one workspace with our views."""

    def render_template(self, name: str, sync: bool = False, **names: Any) -> Any:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """The template with its view, to be awaited; any other (an error, rendered at once) as it is."""
        if name == "not_running.html":
            names["view"] = self._not_running(names["user"], names["server_name"])
        elif name in {"spawn_pending.html", "stop_pending.html"}:
            user, spawner = names["user"], names["spawner"]
            title = self.title_of(user, spawner.name)
            if name == "stop_pending.html":
                names["view"] = stopping_view(server=spawner.name, title=title)
            elif spawner.pending == "spawn":
                names["view"] = self._waiting(user, spawner, title)
            else:
                name = "stop_pending.html"
                stop_url = (
                    workspace_url(self.hub.base_url, user.name, spawner.name, "stop") if spawner.is_resumed else ""
                )
                names["view"] = checking_view(server=spawner.name, title=title, stop_url=stop_url)
        if "user" in names:
            # The frame shows who is signed in; the page says whose workspace it is.
            names["user"] = self.current_user
        return super().render_template(name, sync=sync, **names)

    @property
    def _next_url(self) -> str:
        """Where the person wanted to go; "" for no place in particular."""
        address: str = self._validate_next_url(self.get_argument("next", ""))
        return address

    def _waiting(self, user: Any, spawner: Any, title: str) -> WaitingView:
        return waiting_view(
            spawner.progress_now(),
            server=spawner.name,
            title=title,
            subject=subject_of(choice_of(spawner), self.place.catalogs.current),
            now=self.start_clock,
            stop_url=workspace_url(self.hub.base_url, user.name, spawner.name, "stop"),
            next_url=self._next_url,
            log_url=self.place.log_address(user.name, spawner.name) if user.name == self.current_user.name else "",
        )

    def _not_running(self, user: Any, server: str) -> NotRunningView:
        spawner = user.get_spawner(server)
        choice = choice_of(spawner)
        reader = Reader(
            may_start=self.has_scope(f"servers!server={user.name}/{server}"),
            is_owner=user.name == self.current_user.name,
        )
        about: dict[str, Any] = {
            "user": user.name,
            "server": server,
            "title": self.title_of(user, server),
            "subject": subject_of(choice, self.place.catalogs.current),
            "base_url": self.hub.base_url,
            "reader": reader,
            "next_url": self._next_url,
        }
        ending = spawner.ending()
        failure = failure_of(spawner, self.log)
        if failure is not None:
            # A refusal is no fault of the server; only what nobody thought of is.
            is_fault = isinstance(failure, UnexpectedStartFailure)
            self.reference = failure.reference  # that of the start, under which the log has it
            self.set_status(HTTPStatus.INTERNAL_SERVER_ERROR if is_fault else HTTPStatus.FAILED_DEPENDENCY)
            return failed_view(failure, retry=choice, log=failure.log_tail, **about)
        return stopped_view(
            choice=choice,
            ending=describe_ending(ending) if ending is not None and is_trouble(ending) else reason_of(ending),
            is_trouble=is_trouble(ending),
            log=ending.log_tail if ending is not None and is_trouble(ending) else (),
            **about,
        )


class PendingPage(WorkspacePage, SpawnPendingHandler):  # type: ignore[misc]  # JupyterHub has no types
    """The waiting page of one workspace, the page of its failed start, or the way on when it runs."""

    async def get(self, user_name: str, server_name: str = "") -> None:
        """JupyterHub's, which says 404 of a named workspace that it has not met since it was started."""
        user = self.find_user(user_name) if self.current_user else None
        if user is not None and server_name in user.orm_spawners:
            user.get_spawner(server_name)
        await super().get(user_name, server_name)


class UserUrlPage(WorkspacePage, UserUrlHandler):  # type: ignore[misc]  # JupyterHub has no types
    """The address of a workspace that does not run; started again, it opens where the person wanted to go."""

    @property
    def _next_url(self) -> str:
        address: str = self._validate_next_url(self.request.uri)
        return address
