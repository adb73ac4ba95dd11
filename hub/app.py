"""The services process, wired together: every domain's routes behind one prefix."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientTimeout
from jupyterhub.httpclient import JupyterHubHTTPClient
from tornado import web
from tornado.httpserver import HTTPServer

from hub.archives.actions import Archives
from hub.archives.loop import ArchiveLoop
from hub.archives.routes import BringBackHandler, DeletedHandler, HomesHandler, PanelHandler, PutAsideHandler
from hub.auth import Handler, SignedInHandler, cookie_secret, hub_oauth
from hub.bookings.pages import CancelBookingPage, CapacityPage
from hub.bookings.routes import BookingsHandler, OneBookingHandler, SlotsHandler
from hub.builder.actions import Models
from hub.builder.choices import ChoicesHandler
from hub.builder.layers_below import LayersBelow
from hub.builder.pages import CancelBasePage, DeleteModelPage, ModelPage, ModelsPage
from hub.builder.places import Places
from hub.builder.routes import (
    FilesHandler,
    ImageHandler,
    ModelsHandler,
    OneModelHandler,
    OriginHandler,
    PlanHandler,
    ProvenanceHandler,
)
from hub.builder.slow.job import why_off
from hub.builder.slow.loop import SlowBuildLoop
from hub.builder.slow.routes import BasesHandler, OneBaseHandler, PlanBaseHandler
from hub.builder.slow.wiring import derived_bases
from hub.builder.turns import Turns, turns_among
from hub.capacity.actions import Lessons
from hub.capacity.wiring import Capacity
from hub.credentials.actions import Credentials
from hub.credentials.pages import AlwaysPage, CredentialsPage, RemovePage, RotatePage
from hub.credentials.routes import (
    CheckHandler,
    CredentialsHandler,
    ForgetHandler,
    ForgetTeamHandler,
    LeavesNameHandler,
    MountedHandler,
    MountsHandler,
    OneCredentialHandler,
    OpenHandler,
    RotateHandler,
)
from hub.credentials.standing import Standings
from hub.credentials.vaults import vault_for
from hub.database import Database
from hub.database_watch import DatabaseWatch
from hub.databases import services_database
from hub.homes.aged_thread import AgedFiles
from hub.keep_running import keep_running
from hub.logs.requests import log_request
from hub.metrics.images import ImageMetrics
from hub.metrics.port import serve_metrics
from hub.metrics.services import MetricsHandler, ServicesMetrics
from hub.metrics.slots import SlotMetrics
from hub.metrics.warm_pods import WarmPodMetrics
from hub.migrate import bring_up_to_date
from hub.prepull.routes import ImagesHandler, OfferedHandler
from hub.roles import SERVICE_PREFIX
from hub.services import Services
from hub.settings import DEFAULT_HOST
from hub.starts.routes import ExpectationsHandler, StartsHandler
from hub.workspaces.routes import LogHandler
from studiolo.client import Studiolo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from hub.keys import Keys
    from hub.settings import Settings

MAX_BODY_BYTES = 1024 * 1024
"""More than anybody sends here."""

log = structlog.get_logger()


class HealthHandler(Handler):
    """`GET api/health`: whether this process works; open to everybody, says nothing of anybody."""

    async def get(self) -> None:
        """The version that answers, and what it works without."""
        watch = self.services.database.watch
        is_away = watch is not None and watch.is_away
        self.write(
            {
                "status": "degraded" if is_away else "ok",
                "database": "away" if is_away else "ok",
                "version": version("studiolo"),
            }
        )


class StartPageHandler(Handler):
    """`/services/studiolo/` itself is no page yet: people want their workspaces."""

    async def get(self) -> None:
        """To the hub's home page."""
        self.redirect("/hub/home")


class UnknownHandler(Handler):
    """Everything that is not a route."""

    async def prepare(self) -> None:
        """404, as JSON."""
        raise web.HTTPError(404, "There is nothing at this address.")


def make_app(services: Services) -> web.Application:
    """All routes."""
    routes: list[tuple[str, type[web.RequestHandler]]] = [
        ("", StartPageHandler),
        ("oauth_callback", SignedInHandler),
        ("metrics", MetricsHandler),
        ("api/health", HealthHandler),
        ("api/starts", StartsHandler),
        ("api/expectations", ExpectationsHandler),
        ("api/workspaces/([^/]+)/([^/]+)/log", LogHandler),
        ("credentials", CredentialsPage),
        ("credentials/([^/]+)/rotate", RotatePage),
        ("credentials/([^/]+)/always", AlwaysPage),
        ("credentials/([^/]+)/remove", RemovePage),
        ("api/credential-check", CheckHandler),
        ("api/credentials", CredentialsHandler),
        ("api/credentials/([^/]+)", OneCredentialHandler),
        ("api/credentials/([^/]+)/rotate", RotateHandler),
        ("api/credentials/([^/]+)/mounts", MountsHandler),
        ("api/credentials/([^/]+)/mounted", MountedHandler),
        ("api/credentials/([^/]+)/open", OpenHandler),
        ("api/credentials/([^/]+)/forget", ForgetHandler),
        ("models", ModelsPage),
        ("models/([^/]+)/([^/]+)", ModelPage),
        ("models/([^/]+)/([^/]+)/delete", DeleteModelPage),
        ("api/model-choices", ChoicesHandler),
        ("api/models", ModelsHandler),
        ("api/models/plan", PlanHandler),
        ("api/models/([^/]+)/([^/]+)", OneModelHandler),
        ("api/models/([^/]+)/([^/]+)/image", ImageHandler),
        ("api/models/([^/]+)/([^/]+)/provenance", ProvenanceHandler),
        ("api/models/([^/]+)/([^/]+)/files", FilesHandler),
        ("model-bases/([0-9a-f]{64})/cancel", CancelBasePage),
        ("api/model-bases", BasesHandler),
        ("api/model-bases/plan", PlanBaseHandler),
        ("api/model-bases/([0-9a-f]{64})", OneBaseHandler),
        ("api/package-origins/([^/]+)/([^/]+)/([^/]+)", OriginHandler),
        ("capacity", CapacityPage),
        ("capacity/bookings/([0-9]{1,9})/cancel", CancelBookingPage),
        ("api/capacity/bookings", BookingsHandler),
        ("api/capacity/bookings/([0-9]{1,9})", OneBookingHandler),
        ("api/capacity/slots", SlotsHandler),
        ("api/capacity/images", ImagesHandler),
        ("api/capacity/offered", OfferedHandler),
        ("api/homes", HomesHandler),
        ("api/home-archives", PanelHandler),
        ("api/homes/([^/]+)/deleted", DeletedHandler),
        ("api/homes/([^/]+)/archive", PutAsideHandler),
        ("api/homes/([^/]+)/restore", BringBackHandler),
        ("api/accounts/([^/]+)/leaves-name", LeavesNameHandler),
        ("api/team-credentials/([^/]+)/forget", ForgetTeamHandler),
    ]
    services.metrics.know_routes(routes)

    def request_ended(handler: web.RequestHandler) -> None:
        services.metrics.request_ended(handler)
        log_request(handler)

    return web.Application(
        [(SERVICE_PREFIX + path, handler, {"services": services}) for path, handler in routes],
        default_handler_class=UnknownHandler,
        default_handler_args={"services": services},
        cookie_secret=cookie_secret(services.keys),
        xsrf_cookies=True,
        log_function=request_ended,
    )


class RunningServices:
    """The services process between its start and its end."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._keys = keys

    async def __aenter__(self) -> Self:
        """Database at this version's tables, address open."""
        url = self._settings.database_url
        self._watch = DatabaseWatch(url, what="The services' database", log=logging.getLogger(__name__))
        await self._watch.until_there()
        self._watch.start()
        self._database = Database(url, watch=self._watch)
        ours = services_database(self._settings)
        await asyncio.to_thread(bring_up_to_date, ours, say=log.info)
        http_client = JupyterHubHTTPClient.instance()
        http_client.session_options = {"timeout": ClientTimeout(total=10, sock_connect=2)}
        self._credentials = Credentials(self._database, vault_for(self._settings, self._database))
        self._hub = Studiolo(self._settings.hub_url, self._keys.services_token)
        archives = Archives(self._database, self._hub, after=self._settings.homes.archive_after)
        self._places = Places(self._settings)
        self._turns = turns_among(url, self._settings.data.root / "model-turns")
        self._bases = derived_bases(self._settings, self._database, self._places)
        self._capacity = await Capacity.open(self._settings, self._database)
        services = Services(
            settings=self._settings,
            keys=self._keys,
            database=self._database,
            credentials=self._credentials,
            archives=archives,
            models=Models(
                self._database,
                self._places,
                LayersBelow(self._settings, self._places),
                self._settings.models,
                turns=Turns(self._turns),
                bases=self._bases,
            ),
            places=self._places,
            bases=self._bases,
            lessons=Lessons(self._database),
            capacity=self._capacity,
            standings=Standings(self._hub),
            metrics=ServicesMetrics(lambda: not self._watch.is_away),
            hub_auth=hub_oauth(self._settings, self._keys),
        )
        self._server = HTTPServer(make_app(services), max_body_size=MAX_BODY_BYTES, xheaders=True)
        address = urlsplit(self._settings.services.url)
        host = self._settings.services.host or address.hostname or DEFAULT_HOST
        self._server.listen(address.port or 80, address=host)
        self._metrics_server = self._serve_metrics(services.metrics, host)
        loop = ArchiveLoop(archives, log=logging.getLogger(__name__))
        self._beside = [_beside("Putting homes of deleted accounts aside", loop.run)]
        if not why_off(self._settings):
            building = SlowBuildLoop(self._bases, log=logging.getLogger(__name__))
            self._beside.append(_beside("Building bases", building.run))
        if self._capacity is not None:
            SlotMetrics(self._capacity.slots, services.metrics.registry)
            if self._capacity.pool is not None:
                WarmPodMetrics(self._capacity.pool, services.metrics.registry)
            if self._capacity.images is not None:
                ImageMetrics(self._capacity.images, services.metrics.registry)
            self._beside += [_beside(what, work) for what, work in self._capacity.loops().items()]
        self._aged = self._start_removing_old_files()
        log.info("The services process listens", url=self._settings.services.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Answer what was asked, then let go of everything."""
        if self._metrics_server is not None:
            self._metrics_server.stop()
        self._server.stop()
        await self._server.close_all_connections()
        if self._aged is not None:
            self._aged.stop()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        if self._capacity is not None:
            await self._capacity.close()
        await self._bases.close()
        await self._hub.aclose()
        await JupyterHubHTTPClient.instance().close()
        await self._credentials.close()
        await self._places.close()
        await asyncio.to_thread(self._turns.close)
        self._database.close()
        self._watch.stop()
        log.info("The services process has stopped")

    def _start_removing_old_files(self) -> AgedFiles | None:
        """On one machine; where workspaces are pods the home service does it, which alone sees the volume."""
        if self._settings.kubernetes is not None:
            return None
        aged = AgedFiles(self._settings, log=logging.getLogger(__name__))
        aged.start()
        return aged

    def _serve_metrics(self, metrics: ServicesMetrics, host: str) -> HTTPServer | None:
        port = self._settings.metrics.services_port
        if port is None:
            return None
        return serve_metrics(metrics.registry, host=host, port=port)


def _beside(what: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """Something that runs for as long as the process."""
    return asyncio.create_task(keep_running(what, work, log=logging.getLogger(__name__)), name=what)
