"""What the hub's starts know of model packages: asked of the services process, in short questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spawner.packages import SourceAway
from studiolo.client import ClientError, NotFound

if TYPE_CHECKING:
    from logging import Logger

    from studiolo.client import Studiolo
    from studiolo.package_name import PackageName
    from studiolo.wire_models import PackageOrigin

TRIES: Final = 3
"""The first question to a cold service may take too long. Each is cut off at the client's limit of 300 ms."""


class ServicesPackages:
    """Nothing is remembered: a package may be deleted, and its files come from the same service anyway."""

    def __init__(self, client: Studiolo, *, log: Logger) -> None:
        """`client` speaks with the hub's token, waits 300 ms at most, and is its owner's."""
        self._client = client
        self._log = log

    async def origin(self, user: str, package: PackageName, team: str) -> PackageOrigin | None:
        """What it stands on; None where there is none. Raises SourceAway."""
        for left in reversed(range(TRIES)):
            try:
                return await self._client.package_origin(user, package.name, package.version, team=team)
            except NotFound:
                return None
            except ClientError as error:
                if not left:
                    self._log.warning("The services process does not answer about a model package: %s", error)
        raise SourceAway
