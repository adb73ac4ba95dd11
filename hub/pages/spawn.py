"""`/hub/spawn`, `/hub/spawn/USER`, `/hub/spawn/USER/WORKSPACE`: choose software and hardware, and start.

A GET changes nothing and starts nothing, whatever its query says: a link alone must never cost money. A POST is checked
against the catalog before anything is made, and gives back the same form with what was typed when it is refused.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.spawner import SpawnException
from tornado import web

from hub.idle.words import describe_limits
from hub.pages.actions import path_part
from hub.pages.credential_ticks import credential_ticks, settled
from hub.pages.facts import teams_of
from hub.pages.package_tick import PackageTick, package_in, package_tick
from hub.pages.page import OwnPage
from hub.pages.spawn_request import NewName, check_room, errors_from_options, name_workspace, typed_wish
from hub.pages.spawn_view import FieldError, SpawnView, Target, Wish, linked_wish, remembered_wish, spawn_view
from hub.pages.start_limits import too_many_starts
from hub.pages.wished_start import fields_without_claim, planned
from spawner.errors import OptionsError, StartError
from spawner.opened_package import software_of
from spawner.options import OPTIONS, check_remembered, options_from_form, options_from_query, parse_options
from spawner.package_errors import PackageGone, PackagesAway
from spawner.packages import find_origin
from spawner.refusals import STATUS
from studiolo.choice import Choice
from studiolo.names import check_server_name

if TYPE_CHECKING:
    from spawner.credentials import KnownCredentials

AT_ONCE_SECONDS = 0.3
"""How long a POST waits for a start that fails at once; longer, and the person looks at a page that does nothing."""


class SpawnPage(OwnPage, SpawnHandler):  # type: ignore[misc]  # JupyterHub has no types
    """The form; JupyterHub's handler gives the addresses around it."""

    @web.authenticated
    def get(self, user_name: str | None = None, workspace: str | None = None) -> Any:
        """The form, prefilled from the link, else from the last start. Starts nothing."""
        return self._show(user_name=user_name or self.current_user.name, workspace=workspace)

    @web.authenticated
    def post(self, user_name: str | None = None, workspace: str | None = None) -> Any:
        """Starts what was chosen, or shows the form again with the reasons why not."""
        return self._start(user_name=user_name or self.current_user.name, workspace=workspace)

    @needs_scope("servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def _show(self, user_name: str, workspace: str | None) -> None:
        user = self.owner_named(user_name)
        target = self._target(user, workspace)
        if not target.is_new and (elsewhere := self._elsewhere(user, target.server)):
            self.redirect(elsewhere)
            return
        self.finish(await self._render(target, self._wish(user, target)))

    @needs_scope("servers")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def _start(self, user_name: str, workspace: str | None) -> None:
        user = self.owner_named(user_name)
        target = self._target(user, workspace)
        fields = {
            name: [value.decode("utf-8", "replace") for value in values]
            for name, values in self.request.body_arguments.items()
        }
        named = name_workspace(target, fields, taken=self._titles(user))
        choice, errors, status = self._check(user, fields)
        if named.errors or errors or choice is None:
            status = HTTPStatus.BAD_REQUEST if named.errors else status
            await self._refuse(target, fields, (*named.errors, *errors), status)
            return
        if (problem := await self._problem_with_package(user, choice)) is not None:
            error = FieldError(field="model", message=problem.text)
            await self._refuse(target, fields, (error,), STATUS[type(problem)])
            return
        choice = settled(choice, await self._known_credentials(user.name))
        try:
            await self._spawn(user, named, choice)
        except web.HTTPError as refusal:
            # JupyterHub's own limits: how many workspaces a person may have, how many may start at once.
            # A start that failed at once: its words for people; its message is for the log.
            said = getattr(refusal, "jupyterhub_message", "") or refusal.get_message()
            message = said or refusal.reason or "This was refused."
            if refusal.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                retry_after = (getattr(refusal, "headers", None) or {}).get("Retry-After")
                message = too_many_starts(retry_after)
                if retry_after is not None:
                    self.set_header("Retry-After", str(retry_after))
            error = FieldError(field="", message=message)
            await self._refuse(target, fields, (error,), HTTPStatus(refusal.status_code))

    def _target(self, user: Any, workspace: str | None) -> Target:
        default_is_free = not user.spawners[""].active
        if workspace is None and (self.get_argument("next", "") or None) is not None:
            workspace = "default"  # JupyterHub and JupyterLab send people here to start the unnamed one again
        server = "" if workspace is None else self.server_named(user, workspace)
        if problem := check_server_name(server):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, problem)
        path = [self.hub.base_url.rstrip("/"), "spawn", path_part(user.name)]
        return Target(
            owner=user.name,
            viewer=self.current_user.name,
            server=server,
            title=self.title_of(user, server) if server in user.orm_spawners else server,
            action="/".join([*path, path_part(workspace)] if workspace is not None else path),
            is_new=workspace is None,
            is_default_taken=not default_is_free,
        )

    def _elsewhere(self, user: Any, server: str) -> str | None:
        """Where to go when the workspace is in use already; None when the form is the right page."""
        spawner = user.spawners[server] if server in user.orm_spawners else None
        if spawner is None or not spawner.active:
            return None
        if spawner.ready:
            ready: str = self.get_next_url(user, default=user.server_url(server))
            return ready
        pending: str = self._get_pending_url(user, server)
        return pending

    def _wish(self, user: Any, target: Target) -> Wish:
        catalog, teams = self.place.catalogs.current, teams_of(user)
        asked = {
            name.removeprefix("opt-"): [value.decode("utf-8", "replace") for value in values]
            for name, values in self.request.query_arguments.items()
            if name.startswith("opt-")
        }
        if asked:
            options = options_from_query(asked)
            try:
                parse_options(options, catalog=catalog, teams=teams)
            except OptionsError as error:
                return linked_wish(options, error.problems)
            return linked_wish(options, ())
        orm_spawner = user.orm_spawners.get(target.server)
        last = orm_spawner.user_options if orm_spawner else None
        return remembered_wish(check_remembered(last, catalog=catalog, teams=teams))

    def _check(
        self, user: Any, fields: dict[str, list[str]]
    ) -> tuple[Choice | None, tuple[FieldError, ...], HTTPStatus]:
        catalog, teams = self.place.catalogs.current, teams_of(user)
        missing = tuple(
            FieldError(field=place, message=f"Choose {place}.")
            for field, place in (("environment", "software"), ("hardware", "hardware"))
            if not any(fields.get(field, []))
        )
        wanted = {name: values for name, values in fields.items() if name in OPTIONS}
        try:
            choice = parse_options(options_from_form(wanted), catalog=catalog, teams=teams)
        except OptionsError as error:
            return None, (*missing, *errors_from_options(error)), HTTPStatus.BAD_REQUEST
        if missing:
            return None, missing, HTTPStatus.BAD_REQUEST
        return choice, check_room(choice, self.place.offer_to(teams)), HTTPStatus.CONFLICT

    async def _spawn(self, user: Any, named: NewName, choice: Choice) -> None:
        server = named.server
        is_made_here = server not in user.orm_spawners
        if server:
            await self._check_named_server_request(user, server, named.title)
        spawner = user.get_or_create_spawner(server, named.title, replace_failed=True)
        if spawner.active:
            raise web.HTTPError(
                HTTPStatus.CONFLICT,
                f"{named.title or 'This workspace'} is in use already. Stop it first to start it with something else.",
            )
        if spawner._spawn_future and spawner._spawn_future.done():  # noqa: SLF001 - as JupyterHub's own handler does
            spawner._spawn_future = None  # noqa: SLF001 - an explicit start forgets the last failure
        start = asyncio.ensure_future(
            self.spawn_single_user(user, server, named.title, options=choice.as_user_options())
        )
        await asyncio.wait([start], timeout=AT_ONCE_SECONDS)
        while not (start.done() or spawner.pending):
            # The identity provider is asked first; until then the page of the workspace would say that it stands still.
            await asyncio.wait([start], timeout=AT_ONCE_SECONDS)
        error = start.exception() if start.done() else None
        if error is not None and not spawner._failed:  # noqa: SLF001 - it never began: JupyterHub has too much to do
            if is_made_here:
                self.db.delete(spawner.orm_spawner)
                user.spawners.pop(server, None)
                self.db.commit()
            raise error
        if not start.done():
            start.add_done_callback(self._log_late)
        # Started, starting or failed: the page of this workspace says which.
        self.redirect(self._get_pending_url(user, server), status=HTTPStatus.SEE_OTHER)

    def _log_late(self, start: asyncio.Future[None]) -> None:
        error = None if start.cancelled() else start.exception()
        if error is not None and not isinstance(error, web.HTTPError | SpawnException):
            self.log.error("A start failed after its page was sent", exc_info=error)

    async def _refuse(
        self, target: Target, fields: dict[str, list[str]], errors: tuple[FieldError, ...], status: HTTPStatus
    ) -> None:
        self.set_status(status)
        typed_name = next(iter(fields.get("name", [])), "")
        self.finish(await self._render(target, typed_wish(fields), typed_name=typed_name, errors=errors))

    async def _render(
        self, target: Target, wish: Wish, *, typed_name: str = "", errors: tuple[FieldError, ...] = ()
    ) -> str:
        user = self.owner_named(target.owner)
        known = await self._known_credentials(target.owner)
        teams = teams_of(user)
        plan_of = planned(user=user.name, server=target.server, teams=teams, env_text=wish.env_text)
        offer = self.place.offer_to(teams, plan_of)
        view: SpawnView = spawn_view(
            target,
            offer,
            wish,
            typed_name=typed_name,
            errors=errors,
            next_url=self._validate_next_url(self.get_argument("next", "")),
            lasts=lambda hardware: describe_limits(self.idle.limits_on(hardware)),
            credentials=credential_ticks(known, wish.credentials, is_own=target.owner == target.viewer),
            package=await self._package(user, wish),
            without_claim=fields_without_claim(
                offer,
                plan_of,
                self.place.forecasts.may_claim,
                credentials=known.credentials if known else (),
                package=package_in(wish.model),
            ),
            now=self.now,
        )
        html: str = await self.render_template("spawn.html", view=view)
        return html

    async def _known_credentials(self, owner: str) -> KnownCredentials | None:
        """What there is; None where nobody says so at once. A page waits no longer than that."""
        try:
            async with asyncio.timeout(AT_ONCE_SECONDS):
                return await self.credentials.known(owner)
        except TimeoutError:
            return None

    async def _package(self, user: Any, wish: Wish) -> PackageTick | None:
        """What the page says of a package that is wished. It waits no longer for that than for credentials."""
        package, teams = package_in(wish.model), teams_of(user)
        if package is None:
            return None
        origin, team, problem = None, "", ""
        try:
            async with asyncio.timeout(AT_ONCE_SECONDS):
                asked = Choice(environment="", hardware="", model=wish.model)
                origin, team = await find_origin(self.packages, package, asked, user=user.name, teams=teams)
        except (TimeoutError, PackagesAway):
            pass  # whether it can be opened, the start says
        except PackageGone as error:
            problem = error.text
        offered = self.place.catalogs.current.offered_environments(teams)
        return package_tick(package, origin, offered, team=team, problem=problem)

    async def _problem_with_package(self, user: Any, choice: Choice) -> StartError | None:
        """Why the package of a choice cannot be opened with it. The start looks again."""
        package, teams = package_in(choice.model or ""), teams_of(user)
        if package is None:
            return None
        offered = self.place.catalogs.current.offered_environments(teams)
        try:
            origin, _ = await find_origin(self.packages, package, choice, user=user.name, teams=teams)
            software_of(origin, package, choice=choice, is_chosen=True, offered=offered)
        except StartError as error:
            return error
        return None

    def _titles(self, user: Any) -> dict[str, str]:
        return {name: self.title_of(user, name) for name in user.orm_spawners}
