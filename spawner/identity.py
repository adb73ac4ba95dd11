"""What makes a parked server somebody's: the message it takes, and the hub's order to the agent of its node.

`Identity` is the one line that `images/base/park/message.py` takes; the agent hands it on and reads nothing of it.
`Order` says which pod becomes whose. What it says counts for nothing by itself: the agent compares it with what the API
server shows on that pod, where the claim's patch has written the marks below. So an order fits one pod, once.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal

from annotated_types import Ge, Interval, MaxLen
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from studiolo.names import is_home_name

SEAT_LABEL: Final = "studiolo.dev/seat"
"""Whose a warm pod is: of nobody yet (`parked`), or of somebody for good (`claimed`)."""

PARKED: Final = "parked"
CLAIMED: Final = "claimed"

USER_LABEL: Final = "hub.jupyter.org/username"
"""As KubeSpawner writes it on every workspace."""

ORDER_ANNOTATION: Final = "studiolo.dev/order"
"""The id of the one order that this pod may be given. Written by the patch that claims it."""

HOME_ANNOTATION: Final = "studiolo.dev/home"
"""Whose files: `HOME UID GID`."""

TEAMS_ANNOTATION: Final = "studiolo.dev/teams"
"""Of which teams: their folders with a space between them, `FOLDER` or `FOLDER:ro`."""

CREDENTIALS_ANNOTATION: Final = "studiolo.dev/credentials"
"""Which Secrets it gets, and what of them where: names and places (`GivenCredentials`), never a value."""

SEAT_VOLUME: Final = "seat"
"""The `emptyDir` of a warm pod with `medium: Memory`, mounted at /home with `HostToContainer`. Never on a disk: the
kubelet empties those when the pod goes, and would walk through a home that is mounted there."""

SEAT_PLACE: Final = "jovyan"
"""The folder in it where the home appears."""

SOCKET: Final = ".seat/identity.sock"
"""Where in the seat the parked server waits for its message (`STUDIOLO_PARK_SOCKET=/home/.seat/identity.sock`)."""

AGENT_PORT: Final = 8085
AGENT_HOST: Final = "studiolo-node-agent"
"""The name in the certificate of every agent; the address is that of its pod."""

AGENT_AUDIENCE: Final = "studiolo-node-agent"
"""Of the token that the hub shows an agent. One for the API server does not open it, and the other way round."""

ORDERS_PATH: Final = "/orders"

KNOCK_PATH: Final = "/knock"
"""Where the hub asks whether an order could be carried out. 204: it could; 502: not where the credential broker is
needed; anything else: not now."""

WITH_BROKER: Final = "credentials"
"""In the query of a knock: there are credentials to have."""

MOST_SECRETS: Final = 500
"""Of one workspace. A person and each of their teams have fifty at most."""

MOST_BYTES: Final = 4 << 20
"""Of an order. The kernel takes about 2 MiB as the environment of a process."""

LONGEST_PLACE: Final = 255
"""As `credential_places` has it."""

# These are read by the regular expressions of Rust, where `$` is the end of the text and of no line.
_POD_UID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_NAME: Final = r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$"
_VARIABLE: Final = re.compile(r"[^=\0]+")
_PART: Final = re.compile(r"(?!\.\.)[^/\0]+")
"""Of the place of a file. What begins with two dots is the agent's own, or leads upwards."""


def _is_home(name: str) -> str:
    if not is_home_name(name):
        raise ValueError("no home is called so")
    return name


def _is_place(place: str) -> str:
    if len(place) > LONGEST_PLACE or not all(_PART.fullmatch(part) and part != "." for part in place.split("/")):
        raise ValueError("no file lies there")
    return place


def _has_variables(env: dict[str, str]) -> dict[str, str]:
    if not all(_VARIABLE.fullmatch(name) and "\0" not in value for name, value in env.items()):
        raise ValueError("this is not a table of variables")
    if not env.get("HOME", "").startswith("/"):
        raise ValueError("HOME is not the path of a folder")
    return env


Folder = Annotated[str, AfterValidator(_is_home)]
Place = Annotated[str, AfterValidator(_is_place)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Number = Annotated[int, Interval(ge=1, le=2**31 - 1)]
"""Of a user or a group, never root's."""


class Message(BaseModel):
    """Unknown keys are refused, and what is wrong is told without its value: that may be secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Identity(Message):
    """Everything that makes a server somebody's."""

    version: Literal[1] = 1
    env: Annotated[dict[str, str], AfterValidator(_has_variables)] = Field(repr=False)
    """The whole environment: nothing that was set before stays."""
    cwd: Annotated[Text, StringConstraints(pattern=r"^/")]
    umask: Annotated[int, Interval(ge=0, le=0o777)] = 0o022
    arguments: tuple[Text, ...] = Field(default=(), repr=False)
    """Of the server, without the program."""

    def line(self) -> bytes:
        """As the parked server takes it."""
        return self.model_dump_json().encode() + b"\n"


class HomeFolder(Message):
    """A home as the home service knows it (`hub/homes`)."""

    name: Folder
    uid: Number
    gid: Number

    def mark(self) -> str:
        """As the claim's patch writes it on the pod."""
        return f"{self.name} {self.uid} {self.gid}"


class TeamFolder(Message):
    """What a team shares, mounted below `~/shared`."""

    name: Folder
    read_only: bool = False

    def mark(self) -> str:
        """As the claim's patch writes it on the pod."""
        return f"{self.name}:ro" if self.read_only else self.name


class CredentialSecret(Message):
    """What of one Secret appears in the workspace."""

    name: Annotated[str, StringConstraints(pattern=_NAME)]
    env: tuple[Variable, ...] = ()
    """Variables; their keys in the Secret have the same names."""
    files: dict[Place, str] = Field(default_factory=dict)
    """Keys in the Secret, by the place of the file below /run/credentials."""


class GivenCredentials(Message):
    """What the person gets of their credentials and their teams'. The values come from the credential broker."""

    teams: tuple[Folder, ...] = ()
    """Whose Secrets may be among them beside the person's own, by the names of their folders."""
    secrets: Annotated[tuple[CredentialSecret, ...], MaxLen(MOST_SECRETS)] = ()

    @property
    def has_files(self) -> bool:
        """Whether there is anything to write below /run/credentials."""
        return any(secret.files for secret in self.secrets)

    def mark(self) -> str:
        """As the claim's patch writes it on the pod; "" where there are none."""
        return self.model_dump_json() if self.secrets else ""


def marked_credentials(mark: str) -> GivenCredentials:
    """What a pod's mark says. Raises pydantic's ValidationError."""
    return GivenCredentials.model_validate_json(mark) if mark else GivenCredentials()


class Order(Message):
    """`POST /orders`: this pod becomes that person's."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """Random, a new one for each claim."""
    at: AwareDatetime
    namespace: Annotated[str, StringConstraints(pattern=_NAME)]
    pod: Annotated[str, StringConstraints(pattern=_NAME)]
    pod_uid: Annotated[str, StringConstraints(pattern=_POD_UID)]
    user: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """As the pod's label has it (`USER_LABEL`)."""
    home: HomeFolder
    teams: Annotated[tuple[TeamFolder, ...], MaxLen(100)] = ()
    credentials: GivenCredentials = GivenCredentials()
    identity: Identity

    def marks(self) -> dict[str, str]:
        """The annotations that the claim's patch writes; the agent compares them with the order."""
        return {
            ORDER_ANNOTATION: self.id,
            HOME_ANNOTATION: self.home.mark(),
            TEAMS_ANNOTATION: teams_mark(self.teams),
            CREDENTIALS_ANNOTATION: self.credentials.mark(),
        }


def teams_mark(teams: tuple[TeamFolder, ...]) -> str:
    """As the claim's patch writes them on the pod."""
    return " ".join(team.mark() for team in teams)


class Why(StrEnum):
    """Why an order was not carried out, for a program to read."""

    MALFORMED = "malformed"
    """It is no order. A bug of ours."""
    TOO_OLD = "too_old"
    """It was given minutes ago, or the clocks of hub and node differ by as much."""
    UNKNOWN_POD = "unknown_pod"
    """This node's agent does not see such a pod."""
    NOT_CLAIMED = "not_claimed"
    """The API server does not show that pod as claimed by this very order, for this person and home."""
    WRONG_POD = "wrong_pod"
    """Such a pod could lose a home, or run it as somebody else: no `emptyDir` in memory, another user number."""
    NUMBERS = "numbers"
    """The home belongs to another user number than the pod's, and this node cannot show the one as the other."""
    USED = "used"
    """The pod has had an order, and may have its identity: end it, and wait for its death. The only one of these that
    is said once something was sent."""
    ENDED = "ended"
    """The pod ends, or has ended."""
    CREDENTIALS = "credentials"
    """The credential broker is away or refuses, or what it gave cannot be put there. Nothing was sent."""
    SEAT = "seat"
    """What is in its seat is not as it should be, or the home could not be mounted."""
    NOT_PARKED = "not_parked"
    """Nobody in the pod takes the message."""


class Refusal(Message):
    """The answer where an order was not carried out. The pod is nobody's any more: whoever gave the order ends it."""

    why: Why
    message: str


class Delivered(Message):
    """The answer where it was: the server has its identity. The same to whoever asks again."""

    order: str
    left_out: tuple[str, ...] = ()
    """Folders of teams that are not mounted: there is no place for them in the home."""
    verified_ms: Annotated[float, Ge(0)] = 0.0
    """Since the order came in: the API server has shown whose pod it is."""
    mounted_ms: Annotated[float, Ge(0)] = 0.0
    delivered_ms: Annotated[float, Ge(0)] = 0.0
