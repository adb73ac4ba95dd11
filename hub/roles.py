"""What each of our processes and every person may do, in JupyterHub's scopes."""

from __future__ import annotations

from typing import Any

SERVICE = "studiolo"
"""The one service: every domain's routes, run by `python -P -m hub`."""

SERVICE_PREFIX = f"/services/{SERVICE}/"

ACCESS_SERVICE = f"access:services!service={SERVICE}"
"""Needed to call the service at all, as a person or from a workspace."""

SERVICE_SCOPES = ("read:users:name", "read:groups")
"""The service's own rights. It tells callers apart by *their* tokens, which needs none of its own; and the hub
tells it who is in which team, and who leads it."""

USER_SCOPES = frozenset({ACCESS_SERVICE})
"""What every person may do beside JupyterHub's own `user` role."""

WORKSPACE_SCOPES = ("users:activity!user", "access:servers!server", ACCESS_SERVICE)
"""What a workspace's own token may do: say it is used, let its owner in, call the service. Not: start servers."""


def roles() -> list[dict[str, Any]]:
    """The roles to load when the hub starts."""
    return [
        {
            "name": "studiolo-service",
            "description": "The services process of Studiolo",
            "services": [SERVICE],
            "scopes": list(SERVICE_SCOPES),
        }
    ]
