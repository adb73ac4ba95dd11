"""How proxy, hub and services are called on one machine."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deploy.local.errors import ProgramMissingError
from deploy.local.package_index import uv_environment_here
from deploy.local.processes import HealthCheck, ProcessPlan
from hub.roles import SERVICE_PREFIX
from hub.settings import CHECKOUT, SETTINGS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.keys import Keys
    from hub.settings import Settings

PROXY, HUB, SERVICES = "proxy", "hub", "services"
NAMES = (PROXY, HUB, SERVICES)

NOT_FOR_US = ("PYTHON", "JUPYTER", "JPY_", "CONFIGPROXY_", "STUDIOLO_")
"""Variables that would set up *our* Python or JupyterHub when Studiolo is started from somebody's notebook terminal."""

HUB_AWAY = "images/proxy/hub_away.mjs"
"""What the proxy says while the hub is away, loaded before its program."""

PROXY_SCRIPT = "node_modules/configurable-http-proxy/bin/configurable-http-proxy"


def plan_processes(settings: Settings, keys: Keys, env: Mapping[str, str]) -> tuple[ProcessPlan, ...]:
    """The three processes. `env` is what `studiolo up` itself was given. Raises ProgramMissingError."""
    base = {name: value for name, value in env.items() if not name.startswith(NOT_FOR_US)}
    ours = base | uv_environment_here() | {SETTINGS_VARIABLE: str(settings.data.effective_settings)}
    python = (sys.executable, "-P", "-m")
    return (
        _plan_proxy(settings, keys, base),
        ProcessPlan(
            name=HUB,
            argv=(*python, "hub.jupyterhub_app", "-f", str(CHECKOUT / "hub" / "jupyterhub_config.py")),
            env=ours,
            cwd=settings.data.run,
            log=_log(settings, HUB),
            health=HealthCheck(url=f"{settings.hub_url}health"),
        ),
        ProcessPlan(
            name=SERVICES,
            argv=(*python, "hub"),
            env=ours,
            cwd=settings.data.run,
            log=_log(settings, SERVICES),
            health=HealthCheck(url=f"{settings.services.url}{SERVICE_PREFIX}api/health"),
        ),
    )


def public_health(settings: Settings) -> HealthCheck:
    """Passes once people reach the hub through the proxy: it runs, and it has its route."""
    host = settings.proxy.host
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    return HealthCheck(url=f"http://{reachable}:{settings.proxy.port}/hub/health")


def _plan_proxy(settings: Settings, keys: Keys, base: Mapping[str, str]) -> ProcessPlan:
    script = CHECKOUT / PROXY_SCRIPT
    if not script.is_file():
        raise ProgramMissingError(
            "configurable-http-proxy is not installed here.", hint="Run `make up`, which installs it."
        )
    node = shutil.which("node", path=base.get("PATH"))
    if node is None:
        raise ProgramMissingError(
            "Node.js is not on PATH, and the proxy needs it.", hint="Install Node.js 20 or newer."
        )
    api = urlsplit(settings.proxy.api_url)
    return ProcessPlan(
        name=PROXY,
        argv=(
            *(node, "--import", (CHECKOUT / HUB_AWAY).as_uri(), str(script)),
            *("--ip", settings.proxy.host),
            *("--port", str(settings.proxy.port)),
            *("--api-ip", str(api.hostname)),
            *("--api-port", str(api.port)),
            # The hub's own page for a workspace that does not answer, as stock JupyterHub has it.
            *("--error-target", f"{settings.hub_url}error"),
            *(("--host-routing",) if settings.domain_per_person else ()),
            *_metrics_of_proxy(settings),
        ),
        env={**base, "CONFIGPROXY_AUTH_TOKEN": keys.proxy_token},
        cwd=settings.data.run,
        log=_log(settings, PROXY),
        health=HealthCheck(
            url=f"{settings.proxy.api_url}/api/routes", headers={"Authorization": f"token {keys.proxy_token}"}
        ),
    )


def _metrics_of_proxy(settings: Settings) -> tuple[str, ...]:
    port = settings.metrics.proxy_port
    return () if port is None else ("--metrics-ip", "127.0.0.1", "--metrics-port", str(port))


def _log(settings: Settings, name: str) -> Path:
    return settings.data.logs / f"{name}.log"
