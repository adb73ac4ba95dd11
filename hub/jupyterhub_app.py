"""JupyterHub with Studiolo's parts in it: `python -P -m hub.jupyterhub_app -f hub/jupyterhub_config.py`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from jupyterhub import orm
from jupyterhub.app import JupyterHub

from hub import pages
from hub.archives import hub_steps
from hub.archives.deletion import remember_the_deleted
from hub.backends import make_backend
from hub.builder.source import ServicesPackages
from hub.capacity import routes as capacity_routes
from hub.credentials import team_handlers
from hub.credentials.forgetting import forget_the_deleted
from hub.credentials.source import ServicesCredentials
from hub.database import settle_sqlite
from hub.database_guard import HEALTH, guard_all, mend_sessions
from hub.databases import hub_database
from hub.homes.board import HomeBoard
from hub.hub_end import end_as_if_killed
from hub.idle import routes as idle_routes
from hub.idle.loop import IdleLoop
from hub.idle.workspaces import HubWorkspaces
from hub.keep_running import keep_running
from hub.logs.hub import with_references
from hub.logs.setup import log_what_nobody_catches, logging_config
from hub.metrics.hub import serve_hub_metrics, show_hub_metrics
from hub.migrate import bring_up_to_date
from hub.missing_teams import missing_teams
from hub.proxy_watch import LOOK_EVERY, ProxyWatch, ServiceRoute
from hub.renames import handlers as renames
from hub.roles import SERVICE
from hub.settings import settings_of_this_process
from hub.starts.history import StartHistory
from hub.wiring import hub_database_watch, lease_thread, services_client
from hub.workspace_rows import active_rows
from hub.workspaces import server_api
from spawner.chosen_workspace import ChosenWorkspace
from studiolo.errors import StudioloError

if TYPE_CHECKING:
    import signal

    from tornado.httpserver import HTTPServer

    from hub.workspace_rows import WorkspaceRow
    from spawner.catalogs import CatalogStatus


class StudioloHub(JupyterHub):  # type: ignore[misc]  # JupyterHub has no types
    """The stock hub, plus: our pages before its own, our parts for spawner and pages, and tasks beside it."""

    name = "jupyterhub"
    _metrics_server: HTTPServer | None = None

    async def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Touch nothing before this is the one hub that runs, and its database answers."""
        settings = settings_of_this_process()
        # Before JupyterHub reads its own configuration, so that the very first line is like all others.
        self.log_level = settings.logs.level.upper()
        self.logging_config = logging_config(settings.logs)
        log_what_nobody_catches()
        self.lease = lease_thread(settings, log=self.log)
        if self.lease is not None:
            await self.lease.acquire()
        self.database_watch = hub_database_watch(settings, log=self.log)
        await self.database_watch.until_there()
        self.database_watch.start()
        await super().initialize(*args, **kwargs)

    def init_db(self) -> None:
        """Bring the database up to date, and open it so that it never holds the event loop for long."""
        try:
            bring_up_to_date(hub_database(settings_of_this_process()), say=self.log.info)
        except StudioloError as error:
            self.log.critical("Studiolo cannot start.\n%s\n%s", error, error.hint)
            self.exit(1)
        self.db_kwargs.update(self.database_watch.engine_arguments())
        super().init_db()
        settle_sqlite(self.session_factory.kw["bind"])
        soon = asyncio.get_running_loop().call_soon
        mend_sessions(self.session_factory.kw["bind"], self.db, self.database_watch, soon=soon)

    def init_tornado_settings(self) -> None:
        """Build our parts, once, before anything can ask for a spawner or a page."""
        settings = settings_of_this_process()
        self.services_client = services_client(settings)
        self.history = StartHistory(self.services_client, log=self.log)
        credentials = ServicesCredentials(self.services_client, teams_of=self._teams_of, log=self.log)
        packages = ServicesPackages(self.services_client, log=self.log)
        try:
            self.backend = make_backend(
                settings,
                starts=self.history,
                credentials=credentials,
                packages=packages,
                services=self.services_client,
                log=self.log,
            )
        except StudioloError as error:
            self.log.critical("Studiolo cannot start.\n%s\n%s", error, error.hint)
            self.exit(1)
        catalogs = self.backend.place.catalogs
        self._log_missing_teams(catalogs.status)
        catalogs.subscribe(self._log_missing_teams)
        self.metrics = show_hub_metrics(
            catalogs=catalogs,
            history=self.history,
            spawners=self._spawners,
            pods=lambda: self.backend.pods,
            is_database_there=lambda: not self.database_watch.is_away,
        )
        ChosenWorkspace.meter = self.metrics
        super().init_tornado_settings()
        forget_the_deleted(self.authenticator, self.services_client)
        remember_the_deleted(self.authenticator, self.services_client)
        self.tornado_settings["studiolo_services"] = self.services_client
        self.tornado_settings["studiolo_home_keeper"] = self.backend.homes
        self.tornado_settings["studiolo"] = self.backend.place
        self.tornado_settings["studiolo_credentials"] = credentials
        self.tornado_settings["studiolo_packages"] = packages
        self.tornado_settings["studiolo_services"] = self.services_client
        if (measure := self.backend.measure_home) is not None:
            self.tornado_settings["studiolo_homes"] = HomeBoard(measure, log=self.log)
            self.tornado_settings["studiolo_quota_of"] = settings.homes.quota_of
        self.tornado_settings["studiolo_holds_room"] = settings.kubernetes is not None and settings.capacity.is_on
        self.tornado_settings["studiolo_database_watch"] = self.database_watch
        self.tornado_settings["studiolo_accuracy"] = lambda: (
            self.history.accuracy,
            self.history.claims_accuracy,
        )
        self.idle = self.tornado_settings["studiolo_idle"] = IdleLoop(
            HubWorkspaces(self),
            settings.idle,
            catalog=lambda: self.backend.place.catalogs.current,
            log=self.log,
            count_stop=lambda why: self.metrics.idle_stopped(why.value),
        )
        self.backend.ends_from(self.idle.likely_ends)

    def init_handlers(self) -> None:
        """Our pages come first: where both have an address, ours answers. Faults of all have a reference."""
        super().init_handlers()
        domains = (pages, capacity_routes, idle_routes, hub_steps, team_handlers, renames, server_api)
        ours = [*(handler for domain in domains for handler in domain.handlers()), *HEALTH]
        self.handlers[:0] = self.add_url_prefix(self.hub_prefix, ours)
        self.handlers[:] = with_references(guard_all(self.handlers))

    async def init_spawners(self) -> int:
        """The stock look at what runs, once there is a way to look; how many there are."""
        await self.backend.open()
        count: int = await super().init_spawners()
        return count

    async def start(self) -> None:
        """Start the hub, and what runs beside it as long as it does."""
        await super().start()
        self._metrics_server = serve_hub_metrics(settings_of_this_process())
        await self.backend.settle(self._active_rows)
        watched = {
            "Watching the catalogs": self.backend.place.catalogs.watch,
            "Asking for earlier starts": self.history.run,
            "Watching the proxy": self._proxy_watch().run,
            "Looking for what nobody uses": self.idle.run,
            **self.backend.watched(self._active_rows),
        }
        # Held here: asyncio itself forgets tasks that nobody holds. The hub's own shutdown cancels them.
        self._beside = [
            asyncio.create_task(keep_running(what, work, log=self.log), name=what) for what, work in watched.items()
        ]

    async def shutdown_cancel_tasks(self, sig: signal.Signals | None = None) -> None:
        """What a signal brings about: no start is lost to it that the next hub can go on with."""
        if not self.backend.next_hub_goes_on:
            await super().shutdown_cancel_tasks(sig)
            return
        why = "told to" if sig is None else sig.name
        self.log.critical("This hub ends (%s): starts and stops under way are the next one's.", why)
        end_as_if_killed(self.lease, log=self.log)

    async def cleanup(self) -> None:
        """The stock end, and ours."""
        await super().cleanup()
        if self._metrics_server is not None:
            self._metrics_server.stop()
        await self.backend.close()
        await self.services_client.aclose()
        self.database_watch.stop()
        if self.lease is not None:
            self.lease.release()  # last: from here on another hub may begin

    def _active_rows(self) -> frozenset[WorkspaceRow]:
        return active_rows(self.db, self.users.values())

    def _teams_of(self, name: str) -> tuple[str, ...]:
        # Each start asks. The person with all that JupyterHub loads beside them would cost it 2 ms of the hub's time.
        found = self.db.query(orm.Group.name).join(orm.Group.users).filter(orm.User.name == name)
        return tuple(sorted(team for (team,) in found))

    def _spawners(self) -> list[Any]:
        return [spawner for user in self.users.values() for spawner in user.spawners.values()]

    def _log_missing_teams(self, _status: CatalogStatus) -> None:
        teams = {group.name for group in self.db.query(orm.Group)}
        are_managed = self.authenticator.manage_groups
        for sentence in missing_teams(self.backend.place.catalogs.current, teams, are_managed=are_managed):
            self.log.warning("%s", sentence)

    def _proxy_watch(self) -> ProxyWatch:
        async def restore() -> None:
            await self.proxy.check_routes(self.users, self._service_map)

        self._proxy_client = httpx.AsyncClient(trust_env=False, timeout=2)
        domain = self._service_map[SERVICE].domain
        route = ServiceRoute(self._proxy_client, self.proxy.api_url, self.proxy.auth_token, domain=domain)
        return ProxyWatch(ask=route.is_there, restore=restore, every=LOOK_EVERY, log=self.log)


if __name__ == "__main__":
    StudioloHub.launch_instance()
