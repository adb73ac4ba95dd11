"""Which of the variables that JupyterHub gives its spawner a server has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB_SECRETS: Final = frozenset({"JUPYTERHUB_CRYPT_KEY", "JUPYTERHUB_COOKIE_SECRET"})
"""Never a workspace's, though they begin as its own variables do and `env_keep` may name them."""


SERVICES_URL: Final = "STUDIOLO_SERVICES_URL"
"""Where the services process is for a workspace, which may not be able to reach what people's browsers open."""


def from_hub(hub_env: Mapping[str, str]) -> dict[str, str]:
    """What JupyterHub's server has to know, and nothing that the hub happens to have (PATH, PYTHONPATH, proxies)."""
    return {
        name: value
        for name, value in hub_env.items()
        if (name.startswith("JUPYTERHUB_") or name in {"JPY_API_TOKEN", SERVICES_URL}) and name not in HUB_SECRETS
    }
