"""How one installation runs pods: what is the same for every workspace, whoever it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JOVYAN: Final = 1000
"""User and group of people's processes, unless an installation says otherwise; what the images are made for."""

TEAMS: Final = ".teams"
"""Beside the homes, the folder with those of teams. No home is ever called so: their names hold no dot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomesVolume:
    """The one volume with everybody's homes."""

    claim: str
    """A PersistentVolumeClaim that several nodes can write, in the workspaces' namespace."""
    folder: str = ""
    """Where in it the homes lie; "" for its top."""
    has_team_folders: bool = False
    """Whether each team has a folder there that its members' pods mount."""

    def sub_path(self, home: str) -> str:
        """Where one home lies in the volume."""
        return f"{self.folder}/{home}" if self.folder else home

    def team_sub_path(self, folder: str) -> str:
        """Where the folder of a team lies in the volume."""
        return self.sub_path(f"{TEAMS}/{folder}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the chart's values decide about pods."""

    namespace: str
    """Of the workspaces."""
    release: str
    """Marks everything of this installation: two of them may share a namespace and never meet."""
    homes: HomesVolume | None
    """None: a home lives as long as its pod. For trying things out."""
    uid: int = JOVYAN
    gid: int = JOVYAN
    has_own_numbers: bool = False
    """Whether each person has a user number of their own."""
    has_own_groups: bool = False
    """And a group of their own. `gid` is then that of the folders of teams."""
    image_pull_secrets: tuple[str, ...] = ()
    priority_class: str | None = None
    """Of workspaces whose hardware names none."""
    ephemeral_storage_bytes: int = 10 * 2**30
    """Of the node's own disk, for hardware that says nothing: packages in /tmp are large, and a full node ends
    everybody's pods."""
    stop_seconds: int = 30
    """For a server to save and say goodbye before it is killed."""
    package_index: str | None = None
    """Where pip and uv in a workspace find packages. None: where they always do."""
    has_read_only_root: bool = True
    """Whether only home, /tmp and the folders of the run can be written. Off for images that write elsewhere."""
    parks_kernels: bool = False
    """Whether a kernel waits in warm pods, too, for the first cell."""

    @property
    def labels(self) -> dict[str, str]:
        """What marks this installation's workspaces."""
        return {RELEASE_LABEL: self.release, KIND_LABEL: WORKSPACE}


RELEASE_LABEL: Final = "studiolo.dev/release"
KIND_LABEL: Final = "studiolo.dev/kind"
WORKSPACE: Final = "workspace"
