"""The typed client of a hub and its services. The command line, the notebook and the hub itself ask through it.

    async with Studiolo.from_environment() as studiolo:
        for workspace in await studiolo.workspaces():
            print(workspace.name, workspace.state)

Every error is one of `studiolo.client_errors`, which are named here too.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urlencode

from studiolo.address import HubAddress
from studiolo.client_capacity import AsksAboutCapacity
from studiolo.client_errors import (
    AddressInvalid,
    Busy,
    ClientError,
    HubAway,
    HubFault,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    ServiceAway,
    StartFailed,
    UnexpectedAnswer,
)
from studiolo.credentials_file import credentials_path, load_login
from studiolo.http_door import Door, new_http
from studiolo.names import DEFAULT_SERVER_TITLE, server_from_shown
from studiolo.problems import perhaps, quoted
from studiolo.wire import (
    ChoiceForecast,
    ChoiceForecasts,
    CredentialMounts,
    CredentialsWanted,
    CredentialView,
    CredentialViews,
    Expectations,
    Extended,
    HasAccount,
    Health,
    HomeArchive,
    HomeArchives,
    HomeName,
    HomeStep,
    HomeToPutAside,
    HubVersion,
    Identity,
    NewCredential,
    NewValue,
    OpenedCredentials,
    PasswordSet,
    PersonStanding,
    ProgressEvent,
    Server,
    ServersOfUser,
    StartRecord,
    Team,
    TeamProperties,
    UserView,
    WorkspaceState,
    WorkspaceView,
)
from studiolo.wire_bases import DerivedBasePlan, DerivedBaseView, DerivedBaseViews
from studiolo.wire_models import (
    ModelChoicesView,
    ModelPackageView,
    ModelPackageViews,
    ModelPlanView,
    PackageOrigin,
    ProvenanceView,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import IO, Any

    import httpx

    from studiolo.http_door import Model
    from studiolo.packaging.project import Project
    from studiolo.wire_bases import NewDerivedBase
    from studiolo.wire_models import NewModelPackage

__all__ = [
    "AddressInvalid",
    "Busy",
    "ClientError",
    "HubAway",
    "HubFault",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Refused",
    "ServiceAway",
    "StartFailed",
    "Studiolo",
    "UnexpectedAnswer",
]

DEFAULT_TIMEOUT_SECONDS: Final = 10.0
"""A hub answers in milliseconds; ten seconds are for one under load, and still short for somebody who waits."""

SLOW_CALL_SECONDS: Final = 60.0
"""Starting and stopping: the hub itself waits up to 10 s for each before it answers."""

PACKAGE_LIMIT_SECONDS: Final = 900.0
"""Packaging a model takes a second; its files may come over a slow line, and its packages may have to be installed."""

STOP_CHECK_SECONDS: Final = 0.25
"""How often a stop is looked at. The hub has no event for it."""

STOP_LIMIT_SECONDS: Final = 120.0
"""A server that takes longer to stop is stuck, and the person should know."""

_SPAWN_FAILED: Final = "Spawn failed:"
"""JupyterHub puts this before the sentence; people do not spawn."""


class Studiolo(AsksAboutCapacity):
    """One hub, asked with one token. Close it, or use it in `async with`."""

    def __init__(
        self,
        url: str | HubAddress,
        token: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout`: the most seconds that one question takes, answer included; starts and stops have their own."""
        self.address = url if isinstance(url, HubAddress) else HubAddress.parse(url)
        self._seconds = timeout
        self._me: Identity | None = None
        is_near = self.address.is_loopback or self.address.is_inside
        self._http = new_http(token=_checked_token(token), is_near=is_near, transport=transport)
        where = self.address.public
        self._hub = Door(self._http, base=self.address.hub_api, where=where, who="The hub", away=HubAway)
        self._services = Door(
            self._http, base=self.address.services_api, where=where, who="The services process", away=ServiceAway
        )

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """The hub that is meant here: STUDIOLO_URL and STUDIOLO_TOKEN, else the stored login, else the workspace's own.

        The login comes before the workspace because somebody chose it, and a workspace's token may do less.
        Raises NotSignedIn when there is none.
        """
        environ = os.environ if environ is None else environ
        address, token = _where(environ)
        return cls(address, token, timeout=timeout, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # -- who and where -------------------------------------------------------------------------------------------

    async def hub_version(self) -> str:
        """JupyterHub's version; needs no token, and tells whether there is a hub at all."""
        return (await self._hub.call("GET", "/", HubVersion, seconds=self._seconds)).version

    async def whoami(self) -> Identity:
        """Whose token this is. Raises NotSignedIn when it is nobody's."""
        self._me = await self._hub.call("GET", "/user", Identity, seconds=self._seconds)
        return self._me

    async def health(self) -> Health:
        """That the services are there; needs no token. Raises ServiceAway when they are not."""
        return await self._services.call("GET", "/health", Health, seconds=self._seconds)

    # -- workspaces ----------------------------------------------------------------------------------------------

    async def workspaces(self, user: str | None = None) -> tuple[WorkspaceView, ...]:
        """All workspaces of a person (yourself), stopped ones too: `default`, which everybody has, then by name."""
        user = user or await self._my_name()
        path = f"/users/{_part(user)}"
        answer = await self._hub.call("GET", path, ServersOfUser, seconds=self._seconds, include_stopped_servers="1")
        if answer.servers is None:
            raise NotAllowed(
                f"This token may not see the workspaces of {user}.", hint="Make one with its scopes: studiolo login"
            )
        # The hub makes the record of the unnamed server when somebody first looks at it.
        servers = {
            "": Server(name="", stopped=True, url=f"{self.address.public}/user/{_part(user)}/"),
            **answer.servers,
        }
        return tuple(self._view(server, user) for _, server in sorted(servers.items()))

    async def workspace(self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None) -> WorkspaceView:
        """One workspace. Raises NotFound, with the nearest name."""
        known = await self.workspaces(user)
        for view in known:
            if view.name == name:
                return view
        raise NotFound(
            f"There is no workspace {quoted(name)}.{perhaps(name, (view.name for view in known))}",
            hint="See them all: studiolo workspace list",
        )

    async def workspace_url(self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None) -> str:
        """The link that opens a workspace."""
        return (await self.workspace(name, user=user)).url

    async def start_workspace(
        self,
        name: str = DEFAULT_SERVER_TITLE,
        options: Mapping[str, object] | None = None,
        *,
        title: str | None = None,
        user: str | None = None,
        wait: bool = True,
        on_progress: Callable[[ProgressEvent], None] | None = None,
    ) -> WorkspaceView:
        """Start a workspace, make it where there is none; when it waits, the view is of one that is ready.

        `options` are `{"environment": …, "hardware": …, "env": {…}}`, or None for those of the last time.
        Raises Refused with the hub's sentence, StartFailed when the start ends in failure.
        """
        user = user or await self._my_name()
        body: dict[str, object] = {"user_options": None if options is None else dict(options)}
        if title is not None:
            body["display_name"] = title
        try:
            await self._hub.tell("POST", self._server_path(user, name), body=body, seconds=self._slow)
        except HubFault as error:
            if not error.said:
                raise
            raise StartFailed(error.said) from error
        if wait:
            await self._wait_until_ready(user, name, on_progress)
        return await self.workspace(name, user=user)

    async def follow_start(
        self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None
    ) -> AsyncGenerator[ProgressEvent]:
        """The progress of a start that is under way, event by event; the last one says `ready` or `failed`.

        Raises HubAway when the hub goes away in between.
        """
        user = user or await self._my_name()
        path = f"{self._server_path(user, name)}/progress"
        async with aclosing(self._hub.events(path, ProgressEvent)) as events:
            async for event in events:
                yield event
                if event.is_last:
                    return
        raise HubAway(
            "The hub went away while the workspace was starting.",
            hint="Look how it went in a few seconds: studiolo workspace list",
        )

    async def forecasts(self, *, environment: str = "", hardware: str = "") -> tuple[ChoiceForecast, ...]:
        """How long each choice that is on offer to you would take to start, or why it would not; "" for all."""
        chosen = {"environment": environment, "hardware": hardware}
        path = "/studiolo/capacity/forecast"
        given = {name: value for name, value in chosen.items() if value}
        return (await self._hub.call("GET", path, ChoiceForecasts, seconds=self._seconds, **given)).forecasts

    async def stop_workspace(
        self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None, wait: bool = True
    ) -> None:
        """Stop a workspace; its files and its choice stay. Nothing happens to one that does not run."""
        user = user or await self._my_name()
        await self._hub.tell("DELETE", self._server_path(user, name), seconds=self._slow)
        if wait:
            await self._wait_until_stopped(user, name)

    async def extend_workspace(self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None) -> datetime:
        """Keep a workspace that would be stopped soon; until when, at least. Raises Refused where nothing is near."""
        user = user or await self._my_name()
        path = f"/studiolo/workspaces/{_part(user)}/{_part(name)}/extend"
        return (await self._hub.call("POST", path, Extended, body={}, seconds=self._seconds)).until

    async def delete_workspace(self, name: str, *, user: str | None = None) -> None:
        """Stop a named workspace and forget it. The home directory is the person's and stays."""
        if server_from_shown(name) == "":
            raise Refused(
                "The default workspace cannot be deleted: everybody has it.",
                hint="Stop it instead: studiolo workspace stop",
            )
        user = user or await self._my_name()
        await self._hub.tell("DELETE", self._server_path(user, name), body={"remove": True}, seconds=self._slow)

    async def workspace_log(self, name: str = DEFAULT_SERVER_TITLE, *, user: str | None = None) -> str:
        """The last MiB that a workspace printed, also after its end; its owner's alone."""
        user = user or await self._my_name()
        return await self._services.text(f"/workspaces/{_part(user)}/{_part(name)}/log", seconds=self._seconds)

    # -- credentials (your own, and your teams') -----------------------------------------------------------------

    async def credentials(self, *, team: str | None = None) -> tuple[CredentialView, ...]:
        """Your credentials and then those of your teams, or those of one team. No value can be read back, by nobody."""
        chosen = {} if team is None else {"team": team}
        found = await self._services.call("GET", "/credentials", CredentialViews, seconds=self._seconds, **chosen)
        return found.credentials

    async def add_credential(self, new: NewCredential) -> CredentialView:
        """Keep a credential. Raises Refused with all that is wrong with it."""
        return await self._services.call(
            "POST", "/credentials", CredentialView, body=new.with_value(), seconds=self._seconds
        )

    async def rotate_credential(self, name: str, new: NewValue, *, team: str = "") -> CredentialView:
        """Give a credential of yours, or of a team that you lead, another value; its places stay."""
        path = f"/credentials/{_part(name)}/rotate{_of_team(team)}"
        return await self._services.call("POST", path, CredentialView, body=new.with_value(), seconds=self._seconds)

    async def remove_credential(self, name: str, *, team: str = "") -> None:
        """Forget a credential of yours, or of a team that you lead. Raises NotFound where there is none."""
        await self._services.tell("DELETE", f"/credentials/{_part(name)}{_of_team(team)}", seconds=self._seconds)

    # -- model packages (your own, and your teams') --------------------------------------------------------------

    async def models(self, *, team: str | None = None) -> tuple[ModelPackageView, ...]:
        """Your model packages and those of your teams, by name, newest first; with `team`, those of one team."""
        chosen = {} if team is None else {"team": team}
        views = await self._services.call("GET", "/models", ModelPackageViews, seconds=self._seconds, **chosen)
        return views.models

    async def model(self, name: str, version: str = "latest", *, team: str = "") -> ModelPackageView:
        """One version of a model of yours or of a team; without one, the newest. Raises NotFound."""
        path = f"/models/{_part(name)}/{_part(version)}{_of_team(team)}"
        return await self._services.call("GET", path, ModelPackageView, seconds=self._seconds)

    async def model_choices(self) -> ModelChoicesView:
        """What you may choose for a package: environments with what they hold, and teams."""
        return await self._services.call("GET", "/model-choices", ModelChoicesView, seconds=self._seconds)

    async def plan_model(self, new: NewModelPackage, project: Project) -> ModelPlanView:
        """What a package of these files would be; nothing is kept."""
        return await self._send_model("/models/plan", ModelPlanView, new, project)

    async def package_model(
        self, new: NewModelPackage, project: Project, *, on_sent: Callable[[], None] | None = None
    ) -> ModelPackageView:
        """A package of these files; `is_new` says whether this call made it. Raises Refused with every reason.

        `on_sent` is called once all of it has left.
        """
        return await self._send_model("/models", ModelPackageView, new, project, on_sent)

    async def model_provenance(self, name: str, version: str, *, team: str = "") -> tuple[dict[str, Any], ...]:
        """What is said beside the image of a version: in-toto statements."""
        path = f"/models/{_part(name)}/{_part(version)}/provenance{_of_team(team)}"
        return (await self._services.call("GET", path, ProvenanceView, seconds=self._slow)).statements

    async def delete_model(self, name: str, version: str, *, team: str = "") -> None:
        """Delete a version, and its image. Of a team, only who leads it may."""
        path = f"/models/{_part(name)}/{_part(version)}{_of_team(team)}"
        await self._services.tell("DELETE", path, seconds=self._slow)

    async def save_model_image(self, name: str, version: str, target: IO[bytes], *, team: str = "") -> int:
        """Write the image of a version, an OCI layout in a tar archive; how many bytes it has."""
        path = f"/models/{_part(name)}/{_part(version)}/image{_of_team(team)}"
        return await self._services.save(path, target, seconds=self._slow)

    async def save_model_files(self, name: str, version: str, target: IO[bytes], *, team: str = "") -> int:
        """Write the files that went into a version, a tar archive; how many bytes it has."""
        path = f"/models/{_part(name)}/{_part(version)}/files{_of_team(team)}"
        return await self._services.save(path, target, seconds=self._slow)

    # -- bases of slow builds (that you asked for) ---------------------------------------------------------------

    async def bases(self) -> DerivedBaseViews:
        """Those that you asked for, the newest first; and whether anything can be built here."""
        return await self._services.call("GET", "/model-bases", DerivedBaseViews, seconds=self._seconds)

    async def base(self, key: str) -> DerivedBaseView:
        """What became of one. Raises NotFound."""
        return await self._services.call("GET", f"/model-bases/{_part(key)}", DerivedBaseView, seconds=self._seconds)

    async def plan_base(self, new: NewDerivedBase) -> DerivedBasePlan:
        """What it would be, word for word; nothing is begun."""
        body = new.model_dump(mode="json")
        return await self._services.call("POST", "/model-bases/plan", DerivedBasePlan, body=body, seconds=self._seconds)

    async def ask_base(self, new: NewDerivedBase) -> DerivedBaseView:
        """Have it built, unless it is already. Raises Refused with every reason."""
        body = new.model_dump(mode="json")
        return await self._services.call("POST", "/model-bases", DerivedBaseView, body=body, seconds=self._seconds)

    async def cancel_base(self, key: str) -> DerivedBaseView:
        """You want it no more; its build ends, unless somebody else wants it, too. Raises NotFound."""
        path = f"/model-bases/{_part(key)}"
        return await self._services.call("DELETE", path, DerivedBaseView, seconds=self._seconds)

    # -- people and teams (administrators) -----------------------------------------------------------------------

    async def create_user(self, name: str, *, admin: bool = False) -> UserView:
        """Add a person. Raises Refused when there is one of that name."""
        return await self._hub.call(
            "POST", f"/users/{_part(name)}", UserView, body={"admin": admin}, seconds=self._seconds
        )

    async def set_password(self, name: str, password: str | None = None) -> str:
        """Give a person a new password, generated unless given; the answer is the only time it can be read."""
        body = {} if password is None else {"password": password}
        path = f"/users/{_part(name)}/password"
        return (await self._hub.call("PUT", path, PasswordSet, body=body, seconds=self._seconds)).password

    async def create_team(self, name: str, members: Iterable[str] = (), leads: Iterable[str] = ()) -> Team:
        """Add a team; whoever leads it is a member too. Raises Refused for a name that is taken or unknown people."""
        led_by = tuple(dict.fromkeys(leads))
        people = list(dict.fromkeys((*led_by, *members)))
        path = f"/groups/{_part(name)}"
        await self._hub.tell("POST", path, body={"users": people}, seconds=self._seconds)
        properties = TeamProperties(leads=led_by).model_dump(mode="json")
        return await self._hub.call("PUT", f"{path}/properties", Team, body=properties, seconds=self._seconds)

    async def add_team_members(self, name: str, members: Iterable[str]) -> Team:
        """Add people to a team; those who are in it already stay."""
        path = f"/groups/{_part(name)}/users"
        return await self._hub.call("POST", path, Team, body={"users": list(members)}, seconds=self._seconds)

    async def home_archives(self) -> tuple[HomeArchive, ...]:
        """Homes of deleted accounts: waiting, put aside or back, the newest first."""
        return (await self._services.call("GET", "/homes", HomeArchives, seconds=self._seconds)).homes

    async def archive_home(self, user: str, *, now: bool = False) -> HomeArchive:
        """Put the home of a deleted account aside. Raises Refused where the account is there."""
        body = HomeToPutAside(now=now).model_dump()
        path = f"/homes/{_part(user)}/archive"
        return await self._services.call("POST", path, HomeArchive, body=body, seconds=self._slow)

    async def restore_home(self, user: str) -> HomeArchive:
        """Bring back what was put aside last. Raises Refused with the reason, NotFound where there is nothing."""
        path = f"/homes/{_part(user)}/restore"
        return await self._services.call("POST", path, HomeArchive, body={}, seconds=self._slow)

    # -- for the hub itself --------------------------------------------------------------------------------------

    async def expectations(self) -> Expectations:
        """How long each phase of a start is expected to take, by environment digest (with the hub's own token)."""
        return await self._services.call("GET", "/expectations", Expectations, seconds=self._seconds)

    async def record_start(self, record: StartRecord) -> None:
        """Remember how a start went (with the hub's own token)."""
        await self._services.tell("POST", "/starts", body=record.model_dump(mode="json"), seconds=self._seconds)

    async def credential_mounts(self, user: str, teams: Iterable[str] = ()) -> CredentialMounts:
        """What workspaces of a person who is in these teams could get, without values (with the hub's own token)."""
        in_teams = urlencode([("team", team) for team in teams])
        path = f"/credentials/{_part(user)}/mounts{'?' if in_teams else ''}{in_teams}"
        return await self._services.call("GET", path, CredentialMounts, seconds=self._seconds)

    async def open_credentials(self, user: str, wanted: CredentialsWanted) -> OpenedCredentials:
        """The values for a workspace of this machine (with the hub's own token). Raises NotFound on Kubernetes."""
        path = f"/credentials/{_part(user)}/open"
        body = wanted.model_dump(mode="json")
        return await self._services.call("POST", path, OpenedCredentials, body=body, seconds=self._seconds)

    async def credentials_mounted(self, user: str, wanted: CredentialsWanted) -> None:
        """Remember that a workspace got them (with the hub's own token)."""
        path = f"/credentials/{_part(user)}/mounted"
        await self._services.tell("POST", path, body=wanted.model_dump(mode="json"), seconds=self._seconds)

    async def package_origin(self, user: str, name: str, version: str, *, team: str = "") -> PackageOrigin:
        """What a package of a person, or of a team of theirs, stands on (with the hub's own token). Raises NotFound."""
        path = f"/package-origins/{_part(user)}/{_part(name)}/{_part(version)}{_of_team(team)}"
        return await self._services.call("GET", path, PackageOrigin, seconds=self._seconds)

    async def forget_credentials(self, user: str) -> None:
        """Remove all credentials of a person who is deleted (with the hub's own token)."""
        await self._services.tell("POST", f"/credentials/{_part(user)}/forget", seconds=self._slow)

    async def forget_team_credentials(self, team: str) -> None:
        """Remove all credentials of a team that is deleted (with the hub's own token)."""
        await self._services.tell("POST", f"/team-credentials/{_part(team)}/forget", seconds=self._slow)

    async def all_home_archives(self) -> tuple[HomeArchive, ...]:
        """The same as `home_archives`, for the administrator's page (with the hub's own token)."""
        return (await self._services.call("GET", "/home-archives", HomeArchives, seconds=self._seconds)).homes

    async def account_deleted(self, user: str) -> None:
        """Remember that a person's home is to be put aside (with the hub's own token)."""
        await self._services.tell("POST", f"/homes/{_part(user)}/deleted", seconds=self._seconds)

    async def account_leaves_name(self, user: str) -> None:
        """Forget what is bound to a name that its person leaves (with the hub's own token). Raises Refused."""
        await self._services.tell("POST", f"/accounts/{_part(user)}/leaves-name", seconds=self._slow)

    # -- for the services process itself -------------------------------------------------------------------------

    async def has_account(self, user: str) -> bool:
        """Whether there is an account of this name now (with the services' own token)."""
        path = f"/studiolo/homes/{_part(user)}"
        return (await self._hub.call("GET", path, HasAccount, seconds=self._seconds)).has_account

    async def put_home_aside(self, user: str, name: str) -> HomeStep:
        """Put a home aside under a name, unless there is an account (with the services' own token)."""
        path, body = f"/studiolo/homes/{_part(user)}/put-aside", HomeName(name=name).model_dump()
        return await self._hub.call("POST", path, HomeStep, body=body, seconds=self._slow)

    async def bring_home_back(self, user: str, name: str) -> HomeStep:
        """Bring back what was put aside under a name (with the services' own token)."""
        path, body = f"/studiolo/homes/{_part(user)}/bring-back", HomeName(name=name).model_dump()
        return await self._hub.call("POST", path, HomeStep, body=body, seconds=self._slow)

    async def standing(self, user: str) -> PersonStanding:
        """Where a person stands among the teams at this moment (with the token of the services process)."""
        path = f"/studiolo/standing/{_part(user)}"
        return await self._hub.call("GET", path, PersonStanding, seconds=self._seconds)

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _slow(self) -> float:
        return max(self._seconds, SLOW_CALL_SECONDS)

    async def _send_model(
        self,
        path: str,
        into: type[Model],
        new: NewModelPackage,
        project: Project,
        on_sent: Callable[[], None] | None = None,
    ) -> Model:
        from studiolo.packaging.transport import CONTENT_TYPE, sent_archive  # noqa: PLC0415 - few calls need it

        content = sent_archive(new, project, on_sent)
        return await self._services.send(
            path, into, content=content, content_type=CONTENT_TYPE, seconds=PACKAGE_LIMIT_SECONDS
        )

    async def _my_name(self) -> str:
        return (self._me or await self.whoami()).name

    def _server_path(self, user: str, name: str) -> str:
        server = server_from_shown(name)
        return f"/users/{_part(user)}/servers/{_part(server)}" if server else f"/users/{_part(user)}/server"

    def _view(self, server: Server, user: str) -> WorkspaceView:
        return WorkspaceView.of(server, user=user, url=self.address.absolute(server.full_url or server.url))

    async def _wait_until_ready(
        self, user: str, name: str, on_progress: Callable[[ProgressEvent], None] | None
    ) -> None:
        async with aclosing(self.follow_start(name, user=user)) as events:
            async for event in events:
                if on_progress is not None:
                    on_progress(event)
                if event.failed:
                    raise StartFailed(
                        event.message.removeprefix(_SPAWN_FAILED).strip() or "The workspace did not start.",
                        hint=f"See what it printed: studiolo workspace logs {name}",
                    )

    async def _wait_until_stopped(self, user: str, name: str) -> None:
        try:
            async with asyncio.timeout(STOP_LIMIT_SECONDS):
                while (  # noqa: ASYNC110 - the hub is asked over the network, there is no event to wait for
                    await self.workspace(name, user=user)
                ).state is WorkspaceState.STOPPING:
                    await asyncio.sleep(STOP_CHECK_SECONDS)
        except NotFound:
            return  # never started, so the hub has no record of it
        except TimeoutError as error:
            raise Refused(
                f"Workspace {quoted(name)} is still stopping after {STOP_LIMIT_SECONDS:g} s.",
                hint="Its last words: studiolo workspace logs",
            ) from error


def _where(environ: Mapping[str, str]) -> tuple[HubAddress, str]:
    url, token = environ.get("STUDIOLO_URL"), environ.get("STUDIOLO_TOKEN")
    if url and token:
        return HubAddress.parse(url), token
    login = load_login(credentials_path())
    if login is not None and (not url or HubAddress.parse(url).public == login.url):
        return HubAddress.parse(login.url), token or login.token
    if not url and environ.get("JUPYTERHUB_API_URL") and environ.get("JUPYTERHUB_API_TOKEN"):
        return HubAddress.of_workspace(environ), token or environ["JUPYTERHUB_API_TOKEN"]
    where = f" to {HubAddress.parse(url).public}" if url else ""
    raise NotSignedIn(f"You are not signed in{where}.")


def _checked_token(token: str) -> str:
    """A token that can be sent. A stray line end from a pipe is not a reason to fail; other characters are."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise NotSignedIn("The token has characters that no token has.", hint="Copy it again: studiolo login URL")
    return token


def _of_team(team: str) -> str:
    return f"?{urlencode({'team': team})}" if team else ""


def _part(name: str) -> str:
    """A name as one part of a path. "." and ".." would be eaten by whoever normalises the path."""
    if name in {"", ".", ".."}:
        raise Refused(f"{quoted(name)} is not a name.")
    return quote(name, safe="")
