"""What an operator sets where workspaces are pods."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval
from pydantic import Field

from hub.settings_types import Duration, Memory, Section
from spawner.installation import JOVYAN, HomesVolume, Installation
from studiolo import quantities

Id = Annotated[int, Interval(ge=1, le=2**31 - 1)]
"""A user or group: never root."""


class HomesVolumeSettings(Section):
    """The one volume with everybody's homes."""

    claim: str = ""
    """A PersistentVolumeClaim in the workspaces' namespace that several nodes can write. Absent: a home lives as long
    as its pod, for trying things out."""
    folder: str = ""
    """Where in the volume the homes lie. Empty: at its top."""
    team_folders: bool = False
    """Whether each team has a folder in the volume, which its members have at `~/shared/TEAM`. Needs the home service
    (`homes.service.url`), which makes them."""

    @property
    def volume(self) -> HomesVolume:
        """The same for whoever makes pods."""
        return HomesVolume(claim=self.claim, folder=self.folder, has_team_folders=self.team_folders)


class KubernetesSettings(Section):
    """How workspaces run as pods. Absent: they are processes of this machine."""

    namespace: str
    """Of the workspaces. Never the hub's own: pods of people stand apart."""
    release: str
    """Marks everything of this installation, so that two of them never meet."""
    kubeconfig: Path | None = Field(default=None, strict=False)
    """How a hub outside the cluster reaches it. Absent: the hub is a pod and has an account of its own."""
    homes: HomesVolumeSettings = HomesVolumeSettings()
    uid: Id = JOVYAN
    """The user that people's processes run as; the images are made for 1000."""
    gid: Id = JOVYAN
    """The group that people's processes run as."""
    image_pull_secrets: tuple[str, ...] = Field(default=(), strict=False)
    """Secrets that a private registry asks for: in the workspaces' namespace, and of the same names in that of held
    room (`capacity.namespace`), where slots and pods that bring images to nodes fetch with them, too."""
    priority_class: str = ""
    """Of workspaces whose hardware names none."""
    ephemeral_storage: Memory = quantities.memory_bytes("10Gi")
    """Of the node's own disk, for hardware that says nothing."""
    stop_seconds: Annotated[int, Ge(1)] = 30
    """For a server to save and say goodbye before it is killed."""
    read_only_root: bool = True
    """Whether only the home, /tmp and the folders of the run can be written. Off for images that write elsewhere."""
    look_for_orphans_every: Duration = timedelta(seconds=30)
    """How often pods that no workspace knows are looked for."""

    @property
    def installation(self) -> Installation:
        """The same for whoever makes pods."""
        homes = self.homes.volume if self.homes.claim else None
        return Installation(
            namespace=self.namespace,
            release=self.release,
            homes=homes,
            uid=self.uid,
            gid=self.gid,
            image_pull_secrets=self.image_pull_secrets,
            priority_class=self.priority_class or None,
            ephemeral_storage_bytes=self.ephemeral_storage,
            stop_seconds=self.stop_seconds,
            has_read_only_root=self.read_only_root,
        )
