"""JupyterHub's settings, all of them, from ours: the one place where `c.Something = …` is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import ClientTimeout

from hub import pages
from hub.domains import configure_domains, form_targets
from hub.idle.limits import report_every
from hub.logs.hub import log_hub_request
from hub.roles import SERVICE, USER_SCOPES, WORKSPACE_SCOPES, roles
from hub.sign_in import configure_sign_in
from spawner.hub_env import SERVICES_URL
from studiolo.address import is_loopback

if TYPE_CHECKING:
    from hub.keys import Keys
    from hub.settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline'; "  # JupyterHub's own pages (token, admin) start their scripts inline
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "object-src 'none'; "
    "base-uri 'none'; "
    "form-action {forms}; "
    "frame-ancestors 'none'"
)
"""For every page of the hub: nothing is loaded from, sent to or framed by another site."""

REQUEST_TIMEOUT = ClientTimeout(total=10, sock_connect=2)
"""For the hub's own calls. aiohttp's default lets one hanging server hold a start for five minutes."""


def configure(c: Any, settings: Settings, keys: Keys) -> None:
    """Set up JupyterHub and its parts, on one machine and on Kubernetes."""
    _configure_addresses(c, settings, keys)
    _configure_database(c, settings, keys)
    _configure_pages(c, settings)
    _configure_people(c, settings, keys)
    _configure_service(c, settings, keys)
    _configure_workspaces(c, settings)
    _configure_restarts(c)


def _configure_addresses(c: Any, settings: Settings, keys: Keys) -> None:
    c.JupyterHub.bind_url = f"http://{settings.proxy.host}:{settings.proxy.port}/"
    c.JupyterHub.public_url = f"{settings.public_url}/"
    c.JupyterHub.hub_bind_url = f"http://{settings.hub.host}:{settings.hub.port}"
    c.JupyterHub.hub_connect_url = settings.hub_connect_url
    c.ConfigurableHTTPProxy.should_start = False  # the supervisor runs it, so that workspaces outlive the hub
    c.ConfigurableHTTPProxy.api_url = settings.proxy.api_url
    c.ConfigurableHTTPProxy.auth_token = keys.proxy_token
    c.JupyterHubHTTPClient.session_options = {"timeout": REQUEST_TIMEOUT}
    # Routes, probes and checks share the connections; by default 100 hanging probes would block the routes.
    c.JupyterHubHTTPClient.connector_options = {"limit": 0}


def _configure_database(c: Any, settings: Settings, keys: Keys) -> None:
    c.JupyterHub.db_url = settings.hub_database_url
    c.JupyterHub.cookie_secret = bytes.fromhex(keys.cookie_secret)


def _configure_people(c: Any, settings: Settings, keys: Keys) -> None:
    configure_sign_in(c, settings, keys)
    configure_domains(c, settings)
    c.JupyterHub.shutdown_on_logout = False
    c.JupyterHub.extra_user_scopes = set(USER_SCOPES)
    c.JupyterHub.load_roles = roles()


def _configure_service(c: Any, settings: Settings, keys: Keys) -> None:
    c.JupyterHub.services = [
        {
            "name": SERVICE,
            "url": settings.services.url,
            "api_token": keys.services_token,
            "oauth_no_confirm": True,  # it is a part of Studiolo, not a third party to be asked about
            "display": False,
            "timeout": 1,  # the hub does not wait longer for it: it works without
        }
    ]


def _configure_workspaces(c: Any, settings: Settings) -> None:
    c.JupyterHub.spawner_class = (
        "spawner.local.LocalWorkspaceSpawner" if settings.kubernetes is None else "spawner.cluster.WorkspaceSpawner"
    )
    c.Spawner.start_timeout = round(settings.workspaces.start_timeout.total_seconds())
    c.Spawner.default_url = "/lab"
    c.Spawner.server_token_scopes = list(WORKSPACE_SCOPES)
    c.Spawner.consecutive_failure_limit = 0  # nobody's failing starts may stop the hub for all
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.named_server_limit_per_user = settings.workspaces.named_limit
    c.JupyterHub.implicit_spawn_seconds = 0  # a link alone never starts anything
    c.JupyterHub.last_activity_interval = 60
    c.Spawner.environment = {
        "JUPYTERHUB_ACTIVITY_INTERVAL": f"{report_every(settings.idle).total_seconds():.0f}",
        **_services_for_workspaces(settings),
    }


def _services_for_workspaces(settings: Settings) -> dict[str, str]:
    """Where workspaces ask the services: directly, as they ask the hub.

    The public address may have a certificate that no workspace knows, or lie where none may go. A hub beside a cluster
    has its services on its own loopback, which means another machine in a pod.
    """
    url = settings.services.url
    if settings.kubernetes is not None and is_loopback(urlsplit(url).hostname or ""):
        return {}
    return {SERVICES_URL: url}


def _configure_pages(c: Any, settings: Settings) -> None:
    c.JupyterHub.template_paths = pages.template_paths()
    c.JupyterHub.template_vars = pages.template_vars()
    c.JupyterHub.redirect_to_server = False  # people land on their list of workspaces
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.tornado_settings = {
        # Starting answers at once and the waiting page shows the rest; a second is for those that fail at once.
        "slow_spawn_timeout": 1,
        "log_function": log_hub_request,
        "cookie_options": {"samesite": "Lax"},
        "form_targets": form_targets(settings),
        "headers": {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(forms=form_targets(settings)),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
    }


def _configure_restarts(c: Any) -> None:
    c.JupyterHub.cleanup_servers = False  # workspaces go on while the hub restarts
    c.JupyterHub.cleanup_proxy = False
    # Nobody gets an answer before this is over; what was not looked at by then is "checking", and its pages say so.
    c.JupyterHub.init_spawners_timeout = 1
