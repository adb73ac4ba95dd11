"""Puts the routes back when the proxy was restarted: it keeps them in memory only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

from hub.roles import SERVICE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

LOOK_EVERY = timedelta(seconds=1)
"""Routes are to be complete again within 10 s of a proxy's end; its own restart takes most of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyWatch:
    """Asks the proxy again and again for one route that is always there.

    JupyterHub itself looks every few minutes, and then at all routes; one small question a second costs nothing.
    """

    ask: Callable[[], Awaitable[bool]]
    """Whether the proxy has that route; raises httpx.HTTPError while it cannot be asked."""
    restore: Callable[[], Awaitable[None]]
    """Gives the proxy all routes."""
    every: timedelta
    log: Logger

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            await self.look_once()

    async def look_once(self) -> None:
        """Look at the proxy, and put its routes back when they are gone."""
        try:
            has_routes = await self.ask()
        except httpx.HTTPError:
            return  # it is down: whoever supervises it starts it again, and it comes back without routes
        if not has_routes:
            self.log.warning("The proxy has lost its routes, it was restarted. Putting them back.")
            await self.restore()


class ServiceRoute:
    """Asks one proxy for the route of our services, which the hub adds first and never removes."""

    def __init__(self, client: httpx.AsyncClient, api_url: str, token: str, *, domain: str = "") -> None:
        """`client` is closed by its owner; `domain`: the service's, where the proxy looks at hosts, too."""
        self._client = client
        host = f"/{domain}" if domain else ""  # the proxy has hosts as the first part of the path
        self._address = f"{api_url}/api/routes{host}{SERVICE_PREFIX.rstrip('/')}"
        self._headers = {"Authorization": f"token {token}"}

    async def is_there(self) -> bool:
        """Whether the proxy knows the route; raises httpx.HTTPError while it cannot be asked."""
        answer = await self._client.get(self._address, headers=self._headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        answer.raise_for_status()
        return True
