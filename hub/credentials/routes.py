"""REST about credentials. Values come in; they go out to nobody but the hub of one machine."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from tornado import web

from hub.auth import HubOnlyHandler
from hub.credentials.callers import STATUS, CallerOfCredentials
from hub.credentials.credential import Owner
from hub.credentials.errors import CredentialRefused, VaultAway
from hub.credentials.rights import Action, Answer, may
from hub.rest_errors import InItsOwnWords
from studiolo.wire import (
    CredentialMount,
    CredentialMounts,
    CredentialsWanted,
    CredentialView,
    CredentialViews,
    NewCredential,
    NewValue,
)

if TYPE_CHECKING:
    from hub.credentials.credential import Credential

Body = TypeVar("Body", bound=BaseModel)

_FROM_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def view_of(credential: Credential, *, may_change: bool = True, is_given: bool = True) -> CredentialView:
    """What its owner, or somebody of its team, sees of it."""
    return CredentialView(
        name=credential.name,
        team=credential.owner.team,
        full_name=credential.full_name,
        may_change=may_change,
        is_given=is_given,
        kind=credential.purpose.kind.value,
        always=credential.always,
        env=credential.env,
        files=credential.files,
        title=credential.purpose.title,
        public_key=credential.public_key,
        fingerprint=credential.fingerprint,
        created=credential.created,
        changed=credential.changed,
        mounted=credential.mounted,
        mounted_by=credential.mounted_by,
    )


class CredentialHandler(InItsOwnWords, CallerOfCredentials):
    """For people. `team` names the team whose credentials are meant; without it they are the caller's own."""

    status_of = STATUS

    @property
    def team(self) -> str:
        """Which team the address names."""
        return self.get_query_argument("team", "", strip=False)


class CredentialsHandler(CredentialHandler):
    """`api/credentials`: yours, and those of your teams."""

    async def get(self) -> None:
        """All of them, your own first, then by team and name. `?team=` gives those of one team."""
        if self.team:
            await self.owner(self.team, Action.SEE)
        who = await self.standing()
        found = [one for one in await self.visible(who) if not self.team or one.owner.team == self.team]
        views = tuple(
            view_of(
                one,
                may_change=may(who, Action.CHANGE, one.owner) is Answer.YES,
                is_given=not one.owner.team or one.owner.team in who.own_teams,
            )
            for one in found
        )
        self.write(CredentialViews(credentials=views).model_dump_json())

    async def post(self) -> None:
        """201 and the new one; 400 with everything that is wrong with it."""
        new = parse(self.request.body, NewCredential)
        added = await self.credentials.add(await self.owner(new.team, Action.ADD), new)
        self.set_status(HTTPStatus.CREATED)
        self.write(view_of(added).model_dump_json())


class CheckHandler(CredentialHandler):
    """`POST api/credential-check`: what is wrong with a credential that is being typed; nothing is kept."""

    async def post(self) -> None:
        """`{problems, fingerprint}`: of an SSH key that somebody brings, so that they see which one it is."""
        new = parse(self.request.body, NewCredential)
        owner = await self.owner(new.team, Action.ADD)
        try:
            content = await self.credentials.check(owner, new)
        except CredentialRefused as error:
            self.write({"problems": list(error.problems), "fingerprint": ""})
        else:
            self.write({"problems": [], "fingerprint": content.fingerprint if new.value.get_secret_value() else ""})


class OneCredentialHandler(CredentialHandler):
    """`api/credentials/NAME`: one of yours, or with `?team=` of a team that you lead."""

    async def delete(self, name: str) -> None:
        """204; it is gone from the next start, and its files soon from running workspaces."""
        await self.credentials.remove(await self.owner(self.team, Action.CHANGE), name)
        self.set_status(HTTPStatus.NO_CONTENT)


class RotateHandler(CredentialHandler):
    """`POST api/credentials/NAME/rotate`: another value."""

    async def post(self, name: str) -> None:
        """The credential as it now is."""
        owner = await self.owner(self.team, Action.CHANGE)
        new = parse(self.request.body, NewValue)
        changed = await self.credentials.rotate(owner, name, new.value.get_secret_value())
        self.write(view_of(changed).model_dump_json())


class MountsHandler(HubOnlyHandler):
    """`GET api/credentials/USER/mounts`: what a start may give a workspace, without values."""

    async def get(self, user: str) -> None:
        """All of the person and of the teams that the hub says they are in (`?team=`, for each), their own first."""
        found = await self.services.credentials.mounts(user, self.get_query_arguments("team", strip=False))
        mounts = tuple(
            CredentialMount(
                name=one.name,
                team=one.team,
                kind=one.kind,
                secret=one.secret,
                env=one.env,
                files=one.files,
                always=one.always,
            )
            for one in found
        )
        self.write(CredentialMounts(credentials=mounts).model_dump_json())


class MountedHandler(HubOnlyHandler):
    """`POST api/credentials/USER/mounted`: a workspace got them."""

    async def post(self, user: str) -> None:
        """204."""
        wanted = parse(self.request.body, CredentialsWanted)
        await self.services.credentials.note_mounted(user, wanted.teams, wanted.names, workspace=wanted.workspace)
        self.set_status(HTTPStatus.NO_CONTENT)


class ForgetHandler(HubOnlyHandler):
    """`POST api/credentials/USER/forget`: the person is deleted."""

    async def post(self, user: str) -> None:
        """204 when nothing of them is left."""
        await self.forget(Owner.person(user))

    async def forget(self, owner: Owner) -> None:
        """Nothing of them is left, model packages neither, or the reason is told."""
        try:
            await self.services.credentials.forget(owner)
        except VaultAway as error:
            raise web.HTTPError(503, "%s", error) from None
        await self.services.models.forget(owner)
        if not owner.team:
            await self.services.bases.forget(owner.name)
        self.set_status(HTTPStatus.NO_CONTENT)


class LeavesNameHandler(ForgetHandler):
    """`POST api/accounts/USER/leaves-name`: the person is called otherwise from now on."""

    async def post(self, user: str) -> None:
        """204 once nothing is left that a later person of this name would have; 409 where that would lose packages."""
        owner = Owner.person(user)
        packages = await self.services.models.of(owner)
        if packages:
            raise web.HTTPError(
                HTTPStatus.CONFLICT,
                "%s has model packages, whose addresses hold the name. They must be deleted first.",
                user,
            )
        await self.forget(owner)


class ForgetTeamHandler(ForgetHandler):
    """`POST api/team-credentials/TEAM/forget`: the team is deleted."""

    async def post(self, team: str) -> None:
        """204 when nothing of it is left."""
        await self.forget(Owner.of_team(team))


class OpenHandler(HubOnlyHandler):
    """`POST api/credentials/USER/open`: values, for the hub of this very machine."""

    def prepare(self) -> None:
        """Refuse whoever does not call from here directly; where workspaces are pods there is nothing to open."""
        super().prepare()
        came_by_proxy = any(name.lower().startswith("x-forwarded-") for name in self.request.headers)
        if came_by_proxy or self.request.remote_ip not in _FROM_LOOPBACK:
            raise web.HTTPError(403, "This address is for the hub of this machine.")
        if not self.services.credentials.can_open:
            raise web.HTTPError(404, "There is nothing at this address.")

    async def post(self, user: str) -> None:
        """`{env: {NAME: value}, files: {path: text}, missing: [name]}`."""
        wanted = parse(self.request.body, CredentialsWanted)
        opened = await self.services.credentials.open(user, wanted.teams, wanted.names)
        content = opened.content
        self.write({"env": dict(content.env), "files": dict(content.files), "missing": list(opened.missing)})


def parse(body: bytes, into: type[Body]) -> Body:
    """What was sent. Raises CredentialRefused, in words that repeat nothing of it but the names of known fields."""
    try:
        return into.model_validate_json(body)
    except ValidationError as error:
        problems = [_problem(detail["loc"], detail["msg"], into) for detail in error.errors(include_input=False)]
    raise CredentialRefused(tuple(dict.fromkeys(problems)))


def _problem(place: tuple[int | str, ...], message: str, into: type[BaseModel]) -> str:
    if place and place[0] in into.model_fields:
        return f"{place[0]}: {message}."
    return f"Only {', '.join(into.model_fields)} can be sent here, as JSON."
