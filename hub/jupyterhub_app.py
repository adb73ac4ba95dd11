"""JupyterHub with Studiolo's parts in it: `python -P -m hub.jupyterhub_app -f hub/jupyterhub_config.py`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from jupyterhub import orm
from jupyterhub.app import JupyterHub

from hub import pages
from hub.keep_running import keep_running
from hub.metrics import CatalogMetrics
from hub.missing_teams import missing_teams
from hub.proxy_watch import LOOK_EVERY, ProxyWatch, ServiceRoute
from hub.settings import settings_of_this_process
from hub.starts.history import StartHistory
from hub.wiring import build_parts, services_client
from spawner.local import LocalWorkspaceSpawner
from spawner.orphans import end_orphans
from studiolo.errors import StudioloError
from studiolo.names import workspace_key

if TYPE_CHECKING:
    from spawner.catalogs import CatalogStatus


class StudioloHub(JupyterHub):  # type: ignore[misc]  # JupyterHub has no types
    """The stock hub, plus: our pages before its own, our parts for spawner and pages, and three tasks beside it."""

    name = "jupyterhub"

    def init_tornado_settings(self) -> None:
        """Build our parts, once, before anything can ask for a spawner or a page."""
        settings = settings_of_this_process()
        self.services_client = services_client(settings)
        self.history = StartHistory(self.services_client, log=self.log)
        try:
            self.parts = build_parts(settings, starts=self.history, log=self.log)
        except StudioloError as error:
            self.log.critical("Studiolo cannot start.\n%s\n%s", error, error.hint)
            self.exit(1)
        LocalWorkspaceSpawner.parts = self.parts
        metrics = CatalogMetrics()
        for tell in (metrics.show, self._log_missing_teams):
            tell(self.parts.catalogs.status)
            self.parts.catalogs.subscribe(tell)
        super().init_tornado_settings()
        self.tornado_settings["studiolo"] = self.parts

    def init_handlers(self) -> None:
        """Our pages come first: where both have an address, ours answers."""
        super().init_handlers()
        self.handlers[:0] = self.add_url_prefix(self.hub_prefix, pages.handlers())

    async def start(self) -> None:
        """Start the hub, and what runs beside it as long as it does."""
        await super().start()
        await end_orphans(self.parts, known=self._known_workspaces(), log=self.log)
        watched = {
            "Watching the catalogs": self.parts.catalogs.watch,
            "Asking for earlier starts": self.history.run,
            "Watching the proxy": self._proxy_watch().run,
            "Watching the GPUs": self.parts.gpus.watch,
        }
        # Held here: asyncio itself forgets tasks that nobody holds. The hub's own shutdown cancels them.
        self._beside = [
            asyncio.create_task(keep_running(what, work, log=self.log), name=what) for what, work in watched.items()
        ]

    async def cleanup(self) -> None:
        """The stock end, and ours."""
        await super().cleanup()
        await self.services_client.aclose()

    def _known_workspaces(self) -> set[str]:
        rows = self.db.query(orm.Spawner).filter(orm.Spawner.server != None)  # noqa: E711 - SQLAlchemy makes it SQL
        return {workspace_key(row.user.name, row.name) for row in rows}

    def _log_missing_teams(self, _status: CatalogStatus) -> None:
        teams = {group.name for group in self.db.query(orm.Group)}
        for sentence in missing_teams(self.parts.catalogs.current, teams):
            self.log.warning("%s", sentence)

    def _proxy_watch(self) -> ProxyWatch:
        async def restore() -> None:
            await self.proxy.check_routes(self.users, self._service_map)

        self._proxy_client = httpx.AsyncClient(trust_env=False, timeout=2)
        route = ServiceRoute(self._proxy_client, self.proxy.api_url, self.proxy.auth_token)
        return ProxyWatch(ask=route.is_there, restore=restore, every=LOOK_EVERY, log=self.log)


if __name__ == "__main__":
    StudioloHub.launch_instance()
