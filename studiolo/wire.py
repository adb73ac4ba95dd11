"""What crosses the wire between hub, services, client and pages: tolerant in reading, strict in writing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval, Len
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from studiolo.names import shown_name


class Received(BaseModel):
    """Read from a hub that may be newer than this code: what is not known is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Sent(BaseModel):
    """Written by us: nothing goes out, and nothing comes in, that is not declared here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Received):
    """Whose token this is, and what it may do."""

    name: str
    kind: str = "user"
    admin: bool = False
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class WorkspaceState(StrEnum):
    """What a workspace is doing now."""

    READY = "ready"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CHECKING = "checking"
    """The hub has just been restarted and looks whether it still runs."""


_STATE_OF_PENDING: Mapping[str, WorkspaceState] = {
    "spawn": WorkspaceState.STARTING,
    "stop": WorkspaceState.STOPPING,
}


def _mapping_or_empty(value: object) -> object:
    return value if isinstance(value, Mapping) else {}


def _texts_or_nothing(value: object) -> object:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _texts_or_none(value: object) -> object:
    return _texts_or_nothing(value) if isinstance(value, list | tuple) else None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


class UserOptions(Received):
    """A choice as the hub keeps it. Whatever an older version saved there is read without complaint."""

    environment: Annotated[str | None, BeforeValidator(_text_or_none)] = None
    hardware: Annotated[str | None, BeforeValidator(_text_or_none)] = None
    env: Annotated[dict[str, Any], BeforeValidator(_mapping_or_empty)] = Field(default_factory=dict)
    data: Annotated[tuple[str, ...], BeforeValidator(_texts_or_nothing)] = ()
    credentials: Annotated[tuple[str, ...] | None, BeforeValidator(_texts_or_none)] = None
    git: Annotated[str | None, BeforeValidator(_text_or_none)] = None
    model: Annotated[str | None, BeforeValidator(_text_or_none)] = None


class Server(Received):
    """A workspace in the hub's own words."""

    name: str
    display_name: str | None = None
    ready: bool = False
    stopped: bool = False
    pending: str | None = None
    url: str
    full_url: str | None = None
    started: datetime | None = None
    last_activity: datetime | None = None
    user_options: Annotated[UserOptions, BeforeValidator(_mapping_or_empty)] = UserOptions()

    @property
    def state(self) -> WorkspaceState:
        """The hub's three flags as one word."""
        if self.pending is not None:
            return _STATE_OF_PENDING.get(self.pending, WorkspaceState.CHECKING)
        if self.ready:
            return WorkspaceState.READY
        return WorkspaceState.STOPPED if self.stopped else WorkspaceState.CHECKING


class ServersOfUser(Received):
    """The part of the hub's user model that lists workspaces. Absent: the token may not see them."""

    servers: dict[str, Server] | None = None


class WorkspaceView(Sent):
    """A workspace as people see it, and as `--json` prints it."""

    user: str
    name: str
    """What people call it: the hub's unnamed server is `default`."""
    title: str
    """The free display name; the name where none was given."""
    state: WorkspaceState
    environment: str | None
    hardware: str | None
    env: dict[str, str]
    data: tuple[str, ...] = ()
    credentials: tuple[str, ...] | None = None
    """By name; None: all that are marked "always"."""
    git: str | None = None
    """The repository that is cloned into the home."""
    model: str | None = None
    """The model package that it opens: `iris:1.0`, of a team `vision/iris:1.0`."""
    started: datetime | None
    last_activity: datetime | None
    url: str

    @classmethod
    def of(cls, server: Server, *, user: str, url: str) -> Self:
        """The view of one of the hub's servers; `url` is the link that people open."""
        name = shown_name(server.name)
        is_up = server.state not in {WorkspaceState.STOPPED, WorkspaceState.STOPPING}
        return cls(
            user=user,
            name=name,
            title=server.display_name or name,
            state=server.state,
            environment=server.user_options.environment,
            hardware=server.user_options.hardware,
            env={key: str(value) for key, value in server.user_options.env.items()},
            data=server.user_options.data,
            credentials=server.user_options.credentials,
            git=server.user_options.git,
            model=server.user_options.model,
            started=server.started if is_up else None,
            last_activity=server.last_activity,
            url=url,
        )


class PhaseView(Received):
    """One phase of a start: what it is called, where it stands, how long it took or should take."""

    phase: str
    title: str = ""
    state: str = "waiting"
    seconds: float | None = None
    expected_seconds: float | None = None
    detail: str = ""


class ProgressEvent(Received):
    """One event of a start. The last one says `ready` or `failed`."""

    progress: int = 0
    message: str = ""
    ready: bool = False
    failed: bool = False
    url: str | None = None
    phases: tuple[PhaseView, ...] = ()
    seconds_left: float | None = None
    log: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """What should be known of the start though it goes on."""

    @property
    def is_last(self) -> bool:
        """Whether the start has come to its end."""
        return self.ready or self.failed


Seconds = Annotated[float, Interval(ge=0, le=86_400, lt=float("inf"))]
Word = Annotated[str, Len(1, 255)]


class StartForecast(Sent):
    """What was promised before a start: how long, and why so long."""

    kind: Word
    seconds: Seconds | None = None
    """None: it was said that it would not start."""
    stages: Annotated[dict[Word, Seconds], Len(0, 20)] = Field(default_factory=dict)


class StartRecord(Sent):
    """One start as it went: what the next one of the same environment is expected to take."""

    user: Word
    server: Annotated[str, Len(0, 255)]
    """The hub's name: "" for the unnamed one."""
    environment: Word
    hardware: Word
    environment_digest: Word
    phases: Annotated[dict[Word, Seconds], Len(0, 20)]
    outcome: Word
    """`ready`, or the code of what went wrong."""
    started_at: datetime
    stages: Annotated[dict[Word, Seconds], Len(0, 20)] = Field(default_factory=dict)
    """Finer than the phases: seconds by stage, of those that were come to."""
    node_group: Annotated[str, Len(0, 255)] = ""
    """The sort of node that it came to."""
    forecast: StartForecast | None = None
    """What was promised before the click; None where nobody was asked."""


class StageSpread(Received):
    """How long one stage took in starts that have something in common; "" where it does not matter."""

    stage: str
    software: str = ""
    hardware: str = ""
    group: str = ""
    usual: Annotated[float, Ge(0)]
    slow: Annotated[float, Ge(0)]
    slowest: Annotated[float, Ge(0)]
    weight: Annotated[float, Ge(0)]


class AccuracyOfDay(Received):
    """How well starts of one day were forecast."""

    day: date
    starts: int
    median_error: float
    """A share of what the start then took: 0.2 is a fifth."""
    within_30_percent: float


class ForecastAccuracy(Received):
    """How well starts were forecast, all in all and by day, the oldest day first."""

    starts: int = 0
    median_error: float | None = None
    """None: there was no start to measure by."""
    within_30_percent: float | None = None
    days: tuple[AccuracyOfDay, ...] = ()


class Expectations(Received):
    """What services know of earlier starts, and the hub asks for."""

    stages: tuple[StageSpread, ...] = ()
    accuracy: ForecastAccuracy = ForecastAccuracy()
    claims: ForecastAccuracy = ForecastAccuracy()
    """The same of starts that were promised a warm pod."""


class ChoiceForecast(Received):
    """What will come of a click on one environment and hardware, as a person reads it and as `--json` prints it."""

    environment: str
    hardware: str
    kind: str
    """`ready`, `pull`, `node`, `not_now` or `never`."""
    words: str
    seconds: float | None = None
    """Until it is ready; None where it does not start."""
    stages: dict[str, float] = Field(default_factory=dict)
    """Seconds of each stage that it will come to; `claim` is one: a warm pod waits for it."""
    is_measured: bool = False
    """Whether earlier starts say so, for every stage."""
    why: str = ""
    """What stands in the way: `full`, `out_of_use`, `too_large` or `quota`."""
    devices_used: int = 0
    devices: int = 0
    next_free: datetime | None = None
    instead: str = ""
    """The hardware that is the best offer for the same software, where this one does not start."""


class ChoiceForecasts(Received):
    """All of them."""

    forecasts: tuple[ChoiceForecast, ...] = ()


class Health(Received):
    """That the services are there, and which version."""

    status: str
    version: str = ""


class HubVersion(Received):
    """What the hub's API says to everybody."""

    version: str


class PasswordSet(Received):
    """The answer to a new password: the only time it is readable."""

    password: str


class TeamProperties(Sent):
    """What a team has beside its members."""

    leads: tuple[str, ...] = ()
    quota: dict[str, Any] = Field(default_factory=dict)


class Extended(Received):
    """A workspace that may go on: it is not stopped before."""

    until: datetime


class UserView(Received):
    """A person as an administrator sees them."""

    name: str
    admin: bool = False
    groups: tuple[str, ...] = ()


class Team(Received):
    """A team: JupyterHub's group, its members, and who leads it."""

    name: str
    users: tuple[str, ...] = ()
    properties: Annotated[dict[str, Any], BeforeValidator(_mapping_or_empty)] = Field(default_factory=dict)

    @property
    def leads(self) -> tuple[str, ...]:
        """Who leads the team."""
        leads = self.properties.get("leads", ())
        return tuple(str(lead) for lead in leads) if isinstance(leads, list | tuple) else ()


CredentialWord = Literal["env", "file", "git", "ssh-key", "package-index", "cloud"]
"""The kinds of credentials, as `spawner.credentials` has them."""


class SentSecret(Sent):
    """Carries what nobody may read later: neither its own texts nor those of errors about it show a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    value: SecretStr = SecretStr("")

    def with_value(self) -> dict[str, Any]:
        """All of it as JSON: for the network alone, never for a log."""
        return {**self.model_dump(mode="json"), "value": self.value.get_secret_value()}


class NewCredential(SentSecret):
    """A credential to keep. Each kind needs some of the fields, and refuses the others."""

    name: str
    team: str = ""
    """The team for whose members it is; "": for yourself."""
    kind: CredentialWord
    always: bool = True
    """Whether every workspace gets it where nothing else is chosen."""
    variable: str = ""
    """env: the variable's name."""
    path: str = ""
    """file: below `/run/credentials`, or `~/…` below the home."""
    host: str = ""
    """git: such as `git.example.org`."""
    url: str = ""
    """package-index: its address."""
    user: str = ""
    """git, package-index: who signs in there."""
    tool: str = ""
    """package-index: `pip`, `npm` or `conda`; cloud: `aws`, `gcp` or `azure`."""


class NewValue(SentSecret):
    """What a credential holds from now on. An SSH key without a value is generated anew."""


class CredentialView(Received):
    """A credential as its owner, or somebody of its team, sees it. It has no field for a value."""

    name: str
    team: str = ""
    """The team that it is of; "": your own."""
    full_name: str = ""
    """What the options of a workspace call it: `hub`, or of a team `vision/hub`."""
    may_change: bool = True
    """Whether you may rotate and remove it: your own, and those of a team that you lead."""
    is_given: bool = True
    """Whether your workspaces can have it. An administrator sees those of other teams, and of teams that are gone."""
    kind: str
    always: bool = False
    env: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    title: str = ""
    """What it is for in a few words: `alice at git.example.org`."""
    public_key: str = ""
    fingerprint: str = ""
    created: datetime
    changed: datetime
    mounted: datetime | None = None
    mounted_by: str = ""
    """The workspace that got it last; of a team's, the person."""


class CredentialViews(Received):
    """All credentials that a person may see."""

    credentials: tuple[CredentialView, ...] = ()


class CredentialMount(Received):
    """A credential as a start needs it: the fields of `spawner.credentials.MountedCredential`."""

    name: str
    team: str = ""
    kind: str
    secret: str = ""
    env: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    always: bool = False


class CredentialMounts(Received):
    """All that a person's workspaces could get, the person's own first."""

    credentials: tuple[CredentialMount, ...] = ()


class CredentialsWanted(Sent):
    """Which credentials a workspace gets."""

    names: tuple[str, ...]
    """A person's own by its name, a team's as `TEAM/NAME` with the name of the team's folder."""
    teams: tuple[str, ...] = ()
    """All teams of the person."""
    workspace: str = ""
    """As people call it, to be shown beside them."""


class TeamStanding(Received):
    """A team, and where one person stands in it."""

    name: str
    leads: tuple[str, ...] = ()
    is_member: bool = False


class PersonStanding(Received):
    """Where one person stands among the teams: all of theirs; of an administrator, all that there are."""

    is_admin: bool = False
    teams: tuple[TeamStanding, ...] = ()


class OpenedCredentials(Received):
    """The values themselves, for the hub of one machine alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    env: dict[str, SecretStr] = Field(default_factory=dict)
    files: dict[str, SecretStr] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Asked for, and not there."""


class HomeArchive(Received):
    """The home of a deleted account: waiting, put aside, or back."""

    user: str
    home: str
    """What its folder is called."""
    state: str
    """waiting, archiving, archived, restored, cancelled, failed or not-possible."""
    since: datetime
    due: datetime | None = None
    """When it will be put aside; None: it is not waiting for that."""
    next_try: datetime | None = None
    archived: str = ""
    """What it is called among those put aside."""
    reason: str = ""


class HomeArchives(Received):
    """All of them, the newest first."""

    homes: tuple[HomeArchive, ...] = ()


class HomeToPutAside(Sent):
    """When a home is to be put aside."""

    now: bool = False
    """Now, instead of after the usual time."""


class HomeName(Sent):
    """What a home is called among those put aside; from services to the hub."""

    name: str


class HasAccount(Received):
    """Whether there is an account of a name; from the hub to services."""

    has_account: bool


HomeOutcome = Literal["done", "account", "no-account", "no-home", "busy", "not-possible", "failed"]


class HomeStep(Received):
    """What came of putting a home aside, or of bringing it back; from the hub to services."""

    outcome: HomeOutcome
    reason: str = ""
