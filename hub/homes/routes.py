"""The home service over HTTP, for the hub alone. A disk that hangs is told of in time, and hangs nobody else."""

from __future__ import annotations

import asyncio
import hmac
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from tornado import web

from hub.homes.errors import HomeInTheWay, HomeIsHandedOver, NoSuchHome, OwnerTaken
from hub.homes.measurements import Measurements
from hub.homes.owners import Handovers
from hub.homes.rules import is_archive_of
from hub.logs.requests import log_request
from spawner.file_owner import FileOwner
from spawner.home_checks import HomeChecks
from spawner.homes import HomesSilent
from studiolo.errors import StudioloError
from studiolo.names import is_home_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.homes.disk import HomesDisk

DISK_SECONDS: Final = 4.0
"""The longest a disk is waited for: less than a start waits for this service, so that it learns why."""

LAST_ID: Final = 2**31 - 1
"""The last number of a user or a group that Kubernetes takes."""

Answer = TypeVar("Answer")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """What the routes use, made once."""

    disk: HomesDisk
    token: str = field(repr=False)
    measurements: Measurements
    checks: HomeChecks
    handovers: Handovers = field(default_factory=Handovers)
    disk_seconds: float = DISK_SECONDS

    async def on_disk(self, home: str, step: Callable[[], Answer]) -> Answer:
        """The answer of a step on a home. Raises HomesSilent where the disk does not answer in time."""
        return await self.checks.run(home, step)

    async def hand_over(self, home: str, owner: FileOwner | None) -> None:
        """Where a home belongs to another than this, its files are theirs at last. Raises HomeIsHandedOver."""
        if await self.on_disk(home, lambda: self.disk.has_former_owner(home, owner)):
            await self.handovers.wait_for(home, lambda: self.disk.hand_over(home, owner), seconds=self.disk_seconds)


class HomeHandler(web.RequestHandler):
    """Answers the hub in JSON, and nobody else."""

    def initialize(self, homes: Homes) -> None:
        """What this process has."""
        self.homes = homes

    def set_default_headers(self) -> None:
        """Nothing here is a page."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """Refuse everybody without the key, before anything else is looked at."""
        kind, _, shown = self.request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(shown.encode(), self.homes.token.encode())
        if kind.lower() != "token" or not is_right:
            raise web.HTTPError(403, "This address is for the hub itself.")
        home, *others = self.path_args or ("",)
        is_known = is_home_name(home) and all(is_home_name(name) or is_archive_of(home, name) for name in others)
        if self.path_args and not is_known:
            raise web.HTTPError(404, "No home is called so.")

    def owner(self) -> FileOwner | None:
        """The numbers in the address; None where there are none. Raises 400 where they are not a person's."""
        said = [self.get_query_argument(name, "") for name in ("uid", "gid")]
        if not any(said):
            return None
        if not all(number.isascii() and number.isdigit() and 0 < int(number) <= LAST_ID for number in said):
            raise web.HTTPError(400, "A person has a user and a group, both by number, and neither is root's.")
        return FileOwner(uid=int(said[0]), gid=int(said[1]))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """`{"message": "…"}`: why not."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        said = error.log_message if isinstance(error, web.HTTPError) else ""
        match error:
            case NoSuchHome():
                status_code = 404
            case HomeInTheWay():
                status_code = 409
            case HomeIsHandedOver() | HomesSilent():
                status_code = 504
            case TimeoutError():
                status_code, said = 504, "The disk with the homes does not answer."
            case OSError():
                status_code, said = 500, f"{os.strerror(error.errno or 0)}."
        if isinstance(error, StudioloError):
            said = f"{error} {error.hint}".strip()
        self.set_status(status_code)
        self.finish({"message": said or self._reason})

    def log_exception(self, *error: Any) -> None:
        """What is expected of disks is a line of the request's; only bugs have a traceback."""
        if not isinstance(error[1], StudioloError | OSError):
            super().log_exception(*error)


class HealthHandler(HomeHandler):
    """`GET /health`: this process answers; whether the disk does, is told to the hub."""

    def prepare(self) -> None:
        """Open to everybody that the network lets come here: it says nothing of anybody."""

    def get(self) -> None:
        """Nothing but that."""
        self.write({"status": "ok"})


class EnsureHandler(HomeHandler):
    """`POST /homes/NAME`."""

    async def post(self, home: str) -> None:
        """The home is there: `{"made": true, "state": "ok"}`, or `full`, `read_only`. `?uid=…&gid=…`: of their own."""
        owner = self.owner()
        try:
            await self.homes.hand_over(home, owner)
            ensured = await self.homes.on_disk(home, lambda: self.homes.disk.ensure(home, owner))
        except OwnerTaken as error:
            log.warning("Two people have one user number; the second was refused", home=home, other=error.other)
            raise
        self.write({"made": ensured.is_new, "state": ensured.state.value})


class ShareHandler(HomeHandler):
    """`POST /homes/NAME/shared/TEAM`."""

    async def post(self, home: str, team: str) -> None:
        """The team's folder is there, and a place for it in the home: `{"made": true}` where the folder was not."""
        owner = self.owner()
        self.write({"made": await self.homes.on_disk(home, lambda: self.homes.disk.share(home, team, owner))})


class UsageHandler(HomeHandler):
    """`GET /homes/NAME/usage`."""

    async def get(self, home: str) -> None:
        """`{"used_bytes": 1, "is_whole": true}`; a measurement that takes longer is ready for who asks again."""
        async with asyncio.timeout(self.homes.disk_seconds):
            usage = await self.homes.measurements.of(home)
        self.write({"used_bytes": usage.used_bytes, "is_whole": usage.is_whole})


class ArchiveHandler(HomeHandler):
    """`POST /homes/NAME/archive/ARCHIVED`."""

    async def post(self, home: str, name: str) -> None:
        """Put aside, not deleted: `{"archived": "alice.20261126T201500Z.7"}`; the same again where it was before."""
        now = datetime.now(UTC)
        step = await self.homes.on_disk(home, lambda: self.homes.disk.archive(home, now=now, name=name))
        self.write({"archived": step})


class RestoreHandler(HomeHandler):
    """`POST /homes/NAME/restore/ARCHIVED`."""

    async def post(self, home: str, name: str) -> None:
        """The one that was put aside under this name is back: `{"archived": "alice.20261126T201500Z.7"}`."""
        self.write({"archived": await self.homes.on_disk(home, lambda: self.homes.disk.restore(home, name=name))})


class MoveHandler(HomeHandler):
    """`POST /homes/NAME/move/NEW`."""

    async def post(self, home: str, new: str) -> None:
        """The home is called so from now on: `{"moved": true}`, or false where it was done before."""
        self.write({"moved": await self.homes.on_disk(home, lambda: self.homes.disk.move(home, new))})


class UnknownHandler(HomeHandler):
    """Everything that is not a route."""

    def prepare(self) -> None:
        """404, to everybody alike."""
        raise web.HTTPError(404, "There is nothing at this address.")


def make_app(homes: Homes) -> web.Application:
    """All routes."""
    what = {"homes": homes}
    # One part of an address, compared as it was sent and checked again once tornado has read "%2e" as ".".
    routes = [
        (r"/health", HealthHandler),
        (r"/homes/([^/]+)", EnsureHandler),
        (r"/homes/([^/]+)/shared/([^/]+)", ShareHandler),
        (r"/homes/([^/]+)/usage", UsageHandler),
        (r"/homes/([^/]+)/archive/([^/]+)", ArchiveHandler),
        (r"/homes/([^/]+)/restore/([^/]+)", RestoreHandler),
        (r"/homes/([^/]+)/move/([^/]+)", MoveHandler),
    ]
    return web.Application(
        [(path, handler, what) for path, handler in routes],
        default_handler_class=UnknownHandler,
        default_handler_args=what,
        log_function=log_request,
    )


def homes_of(disk: HomesDisk, token: str, *, disk_seconds: float = DISK_SECONDS) -> Homes:
    """What a process that serves this disk has."""
    return Homes(
        disk=disk,
        token=token,
        measurements=Measurements(lambda home, seconds: disk.usage(home, seconds=seconds)),
        checks=HomeChecks(seconds=disk_seconds),
        disk_seconds=disk_seconds,
    )
