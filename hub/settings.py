"""What an operator can set: the schema of `studiolo.yaml` and of the chart's values."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from annotated_types import Ge, Interval
from pydantic import Field, ValidationError, model_validator

from hub.builder.settings import ModelsSettings
from hub.domains import domains_problem
from hub.homes.settings import HomesSettings
from hub.idle.settings import IdleSettings
from hub.logs.settings import LogsSettings
from hub.metrics.settings import MetricsSettings
from hub.oidc.settings import AuthSettings
from hub.settings_capacity import CapacitySettings
from hub.settings_claims import ClaimsSettings
from hub.settings_cluster import KubernetesSettings
from hub.settings_problems import as_problem, plain_values
from hub.settings_types import Duration, HttpUrl, Memory, Port, Section
from spawner.data_directory import DataDirectory
from studiolo import quantities
from studiolo.errors import StudioloError
from studiolo.yaml_file import read_yaml

if TYPE_CHECKING:
    from studiolo.problems import Problem
    from studiolo.yaml_tree import Place

CHECKOUT = Path(__file__).resolve().parent.parent
"""The tree we run from; its root holds the catalogs that ship."""

SETTINGS_VARIABLE = "STUDIOLO_SETTINGS"
"""Where hub and services learn which settings file is theirs."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


class ProxySettings(Section):
    """The proxy: the one address people open, and the one the hub tells routes to."""

    host: str = DEFAULT_HOST
    """The interface to listen on. Anything but loopback opens workspaces to the network without isolation."""
    port: Port = DEFAULT_PORT
    """The port people open."""
    api_url: HttpUrl = f"http://127.0.0.1:{DEFAULT_PORT + 1}"
    """Where the hub reaches the proxy's own API. Absent: one port above `proxy.port`, on loopback."""


class DatabaseSettings(Section):
    """A database of our own processes."""

    url: str = ""
    """A SQLAlchemy address. Absent: an SQLite file in the data directory."""
    url_file: Path | None = Field(default=None, strict=False)
    """A file that holds the address instead, such as a mounted Secret: an address may hold a password."""

    def address(self, otherwise: Path) -> str:
        """As SQLAlchemy reads it; `otherwise` is the SQLite file where none is named.

        Raises StudioloError where the file cannot be read or is empty.
        """
        if self.url_file is None:
            return self.url or f"sqlite:///{otherwise}"
        try:
            address = self.url_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StudioloError(
                f"The database's address cannot be read: {error.strerror}: {self.url_file}.",
                hint="In a cluster it is the key `url` of the Secret that database.existingSecret names.",
            ) from error
        if not address:
            raise StudioloError(
                f"{self.url_file} is empty, so there is no database to open.",
                hint="In a cluster it is the key `url` of the Secret that database.existingSecret names.",
            )
        return address


class HubSettings(Section):
    """JupyterHub itself, behind the proxy."""

    host: str = DEFAULT_HOST
    """The interface that the hub listens on. In a pod it is `0.0.0.0`: workspaces and services call from outside."""
    port: Port = DEFAULT_PORT + 2
    """Port of the hub. Running workspaces remember it, so it stays the same over restarts.

    Absent: two ports above `proxy.port`.
    """
    connect_url: HttpUrl | None = None
    """Where workspaces, proxy and services reach the hub, such as `http://hub.studiolo:8081`. Absent: its port on
    loopback."""
    database: DatabaseSettings = DatabaseSettings()


class ServicesSettings(Section):
    """The services process, behind the proxy at `/services/studiolo/`."""

    url: HttpUrl = f"http://127.0.0.1:{DEFAULT_PORT + 3}"
    """Where proxy and hub reach the services process. Absent: three ports above `proxy.port`, on loopback."""
    host: str = ""
    """The interface that it listens on, at the port of `services.url`. Absent: the host of `services.url`."""
    database: DatabaseSettings = DatabaseSettings()


class WorkspacesSettings(Section):
    """Limits that hold for every workspace."""

    named_limit: Annotated[int, Ge(1)] = 10
    """How many named workspaces one person may have beside `default`."""
    start_timeout: Duration = timedelta(hours=1)
    """The longest start: the first one of an environment downloads it."""
    cpu_overcommit: Annotated[float, Ge(1)] = 2.0
    """How many times the machine's cores may be promised: cores that idle hurt nobody, memory that is gone does."""
    memory_reserve: Memory = quantities.memory_bytes("1Gi")
    """Memory of this machine that workspaces never get: the hub and the desktop need some."""
    parked_servers: bool = True
    """On one machine: keep a server waiting for each software that somebody used, so that the next start is a claim.
    Each takes about 60 MiB."""
    parked_kernels: bool = True
    """And a Python kernel beside each, for the first cell: about 40 MiB more. In warm pods, too."""


class GpuSettings(Section):
    """The GPUs of this machine."""

    simulate: Annotated[int, Interval(ge=0, le=64)] = 0
    """Pretend this many GPUs, for trying out. 0: use the real ones."""


class PackagesSettings(Section):
    """Where packages are installed from: environments on one machine, what a model needs, and what people install."""

    index_url: HttpUrl | None = None
    """A package index instead of the one that pip and uv know. Workspaces are told it as `PIP_INDEX_URL` and
    `UV_DEFAULT_INDEX`, unless it holds a password; a person's own variables and credentials come before it."""


class Settings(Section):
    """Everything an operator can set, complete: defaults filled in, addresses derived."""

    data_directory: Path = Field(strict=False)
    """Where everything is kept that must survive."""
    catalog_directory: Path = Field(default=CHECKOUT, strict=False)
    """The folder with `environments.yaml`, `hardware.yaml` and, where there is data to offer, `data.yaml`."""
    public_url: HttpUrl = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
    """The address in people's browsers. Absent: the proxy's host and port."""
    proxy: ProxySettings = ProxySettings()
    hub: HubSettings = HubSettings()
    services: ServicesSettings = ServicesSettings()
    workspaces: WorkspacesSettings = WorkspacesSettings()
    gpus: GpuSettings = GpuSettings()
    packages: PackagesSettings = PackagesSettings()
    idle: IdleSettings = IdleSettings()
    homes: HomesSettings = HomesSettings()
    models: ModelsSettings = ModelsSettings()
    capacity: CapacitySettings = CapacitySettings()
    claims: ClaimsSettings = ClaimsSettings()
    secrets_directory: Path | None = Field(default=None, strict=False)
    """A folder with the keys between our processes, one file each, such as a mounted Secret. Absent: they are made in
    the data directory."""
    kubernetes: KubernetesSettings | None = None
    metrics: MetricsSettings = MetricsSettings()
    logs: LogsSettings = LogsSettings()
    auth: AuthSettings = AuthSettings()
    domain_per_person: bool = False
    """Each person's workspaces have a domain of their own below `publicUrl`'s, which protects people from each other
    in the browser. Needs https, and a wildcard name and certificate: `*.studiolo.example.org`."""

    @model_validator(mode="before")
    @classmethod
    def _derive_addresses(cls, raw: object) -> object:
        return _with_derived_addresses(raw) if isinstance(raw, Mapping) else raw

    @model_validator(mode="after")
    def _can_have_domains(self) -> Self:
        if problem := domains_problem(is_on=self.domain_per_person, public_url=self.public_url):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _can_have_team_folders(self) -> Self:
        wants = self.kubernetes is not None and self.kubernetes.homes.team_folders
        if wants and self.homes.service.url is None:
            raise ValueError(
                "kubernetes.homes.teamFolders: the home service makes the folders of teams, and there is none. Set "
                "homes.service.url too, or leave it off."
            )
        return self

    @model_validator(mode="after")
    def _can_have_owners(self) -> Self:
        wants = self.auth.kind == "oidc" and bool(self.auth.oidc.uid_claim)
        has_homes = self.kubernetes is not None and bool(self.kubernetes.homes.claim)
        if wants and has_homes and self.homes.service.url is None:
            raise ValueError(
                "auth.oidc.uidClaim: the home service gives each home to its person, and there is none. Set "
                "homes.service.url too, or leave it off."
            )
        return self

    @property
    def data(self) -> DataDirectory:
        """The paths below the data directory."""
        return DataDirectory(root=self.data_directory)

    @property
    def hub_connect_url(self) -> str:
        """Where our other processes and workspaces reach the hub: `http://127.0.0.1:8002`."""
        return self.hub.connect_url or f"http://127.0.0.1:{self.hub.port}"

    @property
    def hub_url(self) -> str:
        """The same with JupyterHub's prefix: `http://127.0.0.1:8002/hub/`."""
        return f"{self.hub_connect_url}/hub/"

    @property
    def hub_database_url(self) -> str:
        """JupyterHub's database as SQLAlchemy reads it."""
        return self.hub.database.address(self.data.hub_database)

    @property
    def database_url(self) -> str:
        """The services' database as SQLAlchemy reads it."""
        return self.services.database.address(self.data.services_database)

    def write(self, path: Path) -> None:
        """Save the settings for hub and services; for the owner alone: a database address may hold a password."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(self.model_dump_json(by_alias=True, indent=2) + "\n")
        Path(staged).replace(path)


def _with_derived_addresses(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What was set, plus the addresses that follow from the proxy's: three ports above it, on loopback.

    Fixed distances rather than free ports: running workspaces remember the hub's address over a restart.
    """
    settings = dict(raw)
    sections = {name: settings.get(name, {}) for name in ("proxy", "hub", "services")}
    if not all(isinstance(section, Mapping) for section in sections.values()):
        return settings  # the wrong type is reported where it stands
    port = sections["proxy"].get("port", DEFAULT_PORT)
    host = sections["proxy"].get("host", DEFAULT_HOST)
    if not isinstance(port, int) or isinstance(port, bool) or not isinstance(host, str):
        return settings
    settings["proxy"] = {"apiUrl": f"http://127.0.0.1:{port + 1}", **sections["proxy"]}
    settings["hub"] = {"port": port + 2, **sections["hub"]}
    settings["services"] = {"url": f"http://127.0.0.1:{port + 3}", **sections["services"]}
    settings.setdefault("publicUrl", f"http://{_host_for_people(host)}:{port}")
    return settings


def _host_for_people(host: str) -> str:
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound: "all interfaces" is not an address to open
        return DEFAULT_HOST
    return f"[{host}]" if ":" in host else host


class SettingsError(StudioloError):
    """The settings cannot be used; `problems` has every reason, each with its place."""

    code = "settings_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """`problems` is never empty."""
        super().__init__("\n".join(str(problem) for problem in problems), hint="Correct the values named here.")
        self.problems = problems


def effective(data_directory: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a data directory: its `studiolo.yaml`, flags on top, defaults and addresses filled in.

    `overrides` are named as in the file, with dots: `{"proxy.port": 8123, "catalogDirectory": Path("x")}`;
    None is a flag that was not given. Raises SettingsError with all problems.
    """
    data = DataDirectory(root=data_directory.absolute())
    return load_settings(data.settings, {**(overrides or {}), "dataDirectory": data.root})


def load_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in a file (YAML, or the JSON that `Settings.write` wrote; a missing file is empty), flags on top.

    Raises SettingsError with all problems.
    """
    flags = {name: value for name, value in (overrides or {}).items() if value is not None}
    file = str(path or "settings")
    raw: Any = {}
    places: dict[tuple[str, ...], Place] = {}
    if path is not None and path.exists():
        document = read_yaml(path)
        if document.problems:
            raise SettingsError(document.problems)
        if document.root is not None:
            raw, places = plain_values(document.root)
    if raw is None:
        raw = {}
    if isinstance(raw, dict):  # anything else is refused below, where it stands
        for name, value in flags.items():
            _put(raw, name.split("."), value)
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = (
            as_problem(detail, schema=Settings, file=file, places=places, flags=set(flags)) for detail in error.errors()
        )
        in_order = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
        raise SettingsError(tuple(in_order)) from None


def settings_of_this_process() -> Settings:
    """The settings that whoever started this process saved for it: the file named in `STUDIOLO_SETTINGS`."""
    path = os.environ.get(SETTINGS_VARIABLE, "")
    if not path or not Path(path).is_file():
        raise StudioloError(
            f"{SETTINGS_VARIABLE} names no settings file, so there is nothing to run with.",
            hint="Start Studiolo with `studiolo up`, which writes that file.",
        )
    return load_settings(Path(path))


def _put(raw: dict[str, Any], path: Sequence[str], value: object) -> None:
    *sections, name = path
    for section in sections:
        inner = raw.get(section)
        raw[section] = raw = dict(inner) if isinstance(inner, Mapping) else {}
    raw[name] = value
