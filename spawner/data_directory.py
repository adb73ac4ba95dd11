"""Where everything lies below the data directory of one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import platformdirs

from spawner.credential_files import credentials_folder
from studiolo.names import home_name, team_folder, workspace_key

if TYPE_CHECKING:
    from pathlib import Path


def default_data_directory() -> Path:
    """The data directory when nobody names one: `${XDG_DATA_HOME:-~/.local/share}/studiolo`."""
    return platformdirs.user_data_path("studiolo")


def default_cache_directory() -> Path:
    """Where downloads that can be fetched again are kept: `${XDG_CACHE_HOME:-~/.cache}/studiolo`."""
    return platformdirs.user_cache_path("studiolo")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFiles:
    """The files that one workspace leaves outside its owner's home."""

    root: Path

    @property
    def record(self) -> Path:
        """What runs: process identity, what it holds, its address. Written before the process starts."""
        return self.root / "record.json"

    @property
    def ended(self) -> Path:
        """How the last process ended. Written by the keeper, which outlives the hub."""
        return self.root / "ended.json"

    @property
    def log(self) -> Path:
        """The last MiB the server printed."""
        return self.root / "server.log"

    @property
    def runtime(self) -> Path:
        """JUPYTER_RUNTIME_DIR and Jupyter's SQLite files: on local disk, so that a full or slow home hurts neither."""
        return self.root / "runtime"

    @property
    def credentials(self) -> Path:
        """What its owner's credentials put into files: in memory where there is a place for that."""
        return credentials_folder(self.root)

    @property
    def scratch(self) -> Path:
        """Disk for what may be lost: empty at the start, removed at the end."""
        return self.root / "scratch"

    @property
    def empty_home(self) -> Path:
        """The home of one start that was asked for without the person's own: empty then, removed at the end."""
        return self.root / "empty-home"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDirectory:
    """Every path below the data directory, each named once."""

    root: Path

    @property
    def settings(self) -> Path:
        """What an operator sets, under the chart values' names."""
        return self.root / "studiolo.yaml"

    @property
    def effective_settings(self) -> Path:
        """Settings with command-line flags applied: what hub and services read."""
        return self.run / "settings.json"

    @property
    def hub_database(self) -> Path:
        """JupyterHub's own database."""
        return self.root / "jupyterhub.sqlite"

    @property
    def services_database(self) -> Path:
        """Our database, opened by the services process alone."""
        return self.root / "studiolo.sqlite"

    @property
    def admin_password(self) -> Path:
        """The first administrator's password, readable by the owner of the data directory alone."""
        return self.root / "admin-password"

    @property
    def passwords(self) -> Path:
        """Password hashes of everybody who signs in on this machine."""
        return self.root / "passwords.json"

    @property
    def secrets(self) -> Path:
        """Keys between our processes, one file each, mode 0600."""
        return self.root / "secrets"

    @property
    def environments(self) -> Path:
        """Virtual environments, one folder per lock."""
        return self.root / "environments"

    @property
    def homes(self) -> Path:
        """One folder per person."""
        return self.root / "homes"

    @property
    def teams(self) -> Path:
        """One folder per team, shared by its members."""
        return self.root / "teams"

    @property
    def models(self) -> Path:
        """Images of model packages, where no registry keeps them: one OCI layout per model."""
        return self.root / "models"

    @property
    def workspaces(self) -> Path:
        """One folder per workspace: record, ending, log, runtime files."""
        return self.root / "workspaces"

    @property
    def logs(self) -> Path:
        """What proxy, hub and services print."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What the supervisor knows of the processes it started."""
        return self.root / "run"

    @property
    def parked(self) -> Path:
        """Where servers wait that are nobody's yet, a folder each."""
        return self.run / "parked"

    def home(self, user: str) -> Path:
        """The home of one person; names on disk are one-to-one with people."""
        return self.homes / home_name(user)

    def team(self, team: str) -> Path:
        """The folder of one team."""
        return self.teams / team_folder(team)

    def workspace(self, user: str, server: str) -> WorkspaceFiles:
        """The files of one workspace (`server` is "" for the unnamed one)."""
        return WorkspaceFiles(root=self.workspaces / workspace_key(user, server))
