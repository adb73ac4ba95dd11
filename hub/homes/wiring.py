"""The hub's way to people's homes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hub.homes.disk import HomesDisk
from hub.homes.measurements import Measurements
from hub.keys import homes_token
from spawner.homes import HomeService, HomeUsage

if TYPE_CHECKING:
    from hub.settings import Settings
    from spawner.data_directory import DataDirectory


def home_service(settings: Settings) -> HomeService | None:
    """The home service that the settings name; None where they name none. Raises StudioloError without its key."""
    url = settings.homes.service.url
    return HomeService(url, homes_token(settings)) if url is not None else None


def measurements_here(data: DataDirectory) -> Measurements:
    """What homes hold on this machine, whose folders the hub sees itself."""
    disk = HomesDisk(root=data.homes, uid=os.geteuid(), gid=os.getegid())

    def measure(home: str, seconds: float) -> HomeUsage:
        # The folder is made by the first start.
        return disk.usage(home, seconds=seconds) if data.homes.is_dir() else HomeUsage(used_bytes=0, is_whole=True)

    return Measurements(measure)
