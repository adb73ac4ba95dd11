"""`python -P -m hub.homes`: the home service. With `archive HOME` or `restore HOME`: that, once, and no service."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.homes.aged_thread import AgedFiles
from hub.homes.disk import HomesDisk
from hub.homes.serving import serve_until_stopped
from hub.keys import homes_token
from hub.logs.setup import set_up_services_logs
from hub.settings import settings_of_this_process
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.settings import Settings


def main(words: Sequence[str]) -> int:
    """Run until somebody says stop, or do what was asked for; the exit code."""
    try:
        settings = settings_of_this_process()
        disk = disk_of(settings)
        if words:
            print(_done(words, disk))  # noqa: T201 - the answer of a command
            return 0
        token = homes_token(settings)
    except (StudioloError, OSError) as error:
        print(f"{error}\n{getattr(error, 'hint', '')}".rstrip(), file=sys.stderr)  # noqa: T201 - said to who called
        return 2
    set_up_services_logs(settings.logs)
    aged = AgedFiles(settings, log=logging.getLogger("hub.homes"))
    asyncio.run(serve_until_stopped(settings.homes.service, disk, token, aged))
    return 0


def disk_of(settings: Settings) -> HomesDisk:
    """The volume as this installation has it. Raises StudioloError where no workspace is a pod."""
    kubernetes = settings.kubernetes
    if kubernetes is None:
        raise StudioloError(
            "There is no home service on one machine.", hint="It belongs to workspaces that are pods: `kubernetes`."
        )
    return HomesDisk(
        root=settings.homes.service.root,
        folder=kubernetes.homes.folder,
        uid=kubernetes.uid,
        gid=kubernetes.gid,
    )


def _done(words: Sequence[str], disk: HomesDisk) -> str:
    match words:
        case ["archive", home]:
            return f"{home} is now {disk.archive(home, now=datetime.now(UTC))}."
        case ["restore", home]:
            return f"{disk.restore(home)} is {home} again."
    raise StudioloError("This is not understood.", hint="Say: archive HOME, restore HOME, or nothing at all.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
