"""The hub's way to people's homes."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.homes.disk import HomesDisk
from hub.homes.errors import HomeInTheWay, NoSuchHome
from hub.homes.measurements import Measurements
from hub.keys import homes_token
from spawner.homes import HomeMissing, HomeRefused, HomeService, HomeUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.settings import Settings
    from spawner.data_directory import DataDirectory


def home_service(settings: Settings) -> HomeService | None:
    """The home service that the settings name; None where they name none. Raises StudioloError without its key."""
    url = settings.homes.service.url
    return HomeService(url, homes_token(settings)) if url is not None else None


class HomesHere:
    """Puts homes of this machine aside and brings them back, as the home service does for pods."""

    def __init__(self, data: DataDirectory) -> None:
        """Touches nothing yet."""
        self._data = data
        self._disk = HomesDisk(root=data.homes, uid=os.geteuid(), gid=os.getegid())

    async def archive(self, home: str, name: str) -> str:
        """Puts a home aside under a name, once however often it is asked for. Raises HomeRefused."""
        return await self._step(lambda: self._disk.archive(home, now=datetime.now(UTC), name=name))

    async def restore(self, home: str, name: str) -> str:
        """Brings back the home that was put aside under a name. Raises HomeRefused."""
        return await self._step(lambda: self._disk.restore(home, name=name))

    async def move(self, home: str, new: str) -> bool:
        """Gives a home another name; whether now. Raises HomeRefused."""

        def move() -> str:
            return new if self._disk.move(home, new) else ""

        return bool(await self._step(move))

    async def _step(self, step: Callable[[], str]) -> str:
        if not self._data.homes.is_dir():  # the folder is made by the first start
            raise HomeMissing("There are no homes yet.")
        try:
            return await asyncio.to_thread(step)
        except NoSuchHome as error:
            raise HomeMissing(str(error)) from error
        except HomeInTheWay as error:
            raise HomeRefused(f"{error} {error.hint}") from error
        except OSError as error:
            raise HomeRefused(f"{os.strerror(error.errno or 0)}.") from error


def measurements_here(data: DataDirectory) -> Measurements:
    """What homes hold on this machine, whose folders the hub sees itself."""
    disk = HomesDisk(root=data.homes, uid=os.geteuid(), gid=os.getegid())

    def measure(home: str, seconds: float) -> HomeUsage:
        # The folder is made by the first start.
        return disk.usage(home, seconds=seconds) if data.homes.is_dir() else HomeUsage(used_bytes=0, is_whole=True)

    return Measurements(measure)
